"""What writes on the OSTs do to the inode: size, times, set-id bits; and space without writes."""

import os

from labelproof.v1 import mds_pb2, oss_pb2

NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR


async def allocate(user, opened, stripe: int, offset: int, length: int, **how: bool):
    request = oss_pb2.FallocateRequest(token=opened.token, stripe=stripe, offset=offset, length=length, **how)
    return await user.oss(opened.layout.osts[stripe], "fallocate", request)


def test_a_write_moves_the_times_before_and_after_the_close(run):
    """stat of a file that is being written shows the write's time, and the close keeps it."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        before = opened.attr.mtime_ns
        await user.write(opened, 0, b"abc")
        during = await user.stat("/f")
        await user.close(opened)

        after = await user.stat("/f")
        assert before < during.mtime_ns == during.ctime_ns
        assert (after.mtime_ns, after.ctime_ns, after.size) == (during.mtime_ns, during.ctime_ns, 3)

    run(scenario)


def test_times_that_were_set_after_a_write_stay(run):
    """utimes overrules the writes before it, also when they are only learnt of later."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abc")
        await user.setattr("/f", atime_ns=5, mtime_ns=7)
        await user.close(opened)

        assert (await user.stat("/f")).mtime_ns == 7

    run(scenario)


def test_a_write_takes_the_set_id_bits(run):
    """Who writes without CAP_FSETID takes them, also those set while the file was open; chmod gives them back."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW, 0o777)
        await user.setattr("/f", mode=0o6755)
        await user.write(opened, 0, b"abc")

        assert (await user.stat("/f")).entry.mode == 0o100755
        await user.setattr("/f", mode=0o4755)
        await user.close(opened)
        assert (await user.stat("/f")).entry.mode == 0o104755
        again = await user.open("/f", os.O_WRONLY)
        await user.write(again, 0, b"d")
        await user.close(again)
        assert (await user.stat("/f")).entry.mode == 0o100755

    run(scenario)


def test_who_has_fsetid_leaves_them(run):
    """The capability is asked of the policy, on the OSS, where the file had the bits at open."""

    async def scenario(world):
        admin = world.admin()
        opened = await admin.open("/f", NEW, 0o777)
        await admin.setattr("/f", mode=0o4755)
        again = await admin.open("/f", os.O_WRONLY)
        await admin.write(again, 0, b"abc")
        await admin.close(again)
        await admin.close(opened)

        assert (await admin.stat("/f")).entry.mode == 0o104755
        assert next(e["requested"] for e in world.events("oss0", "avc") if e["hook"] == "capable") == ["fsetid"]

    run(scenario)


def test_space_grows_the_file_and_a_hole_reads_as_zeros(run):
    """fallocate makes the object reach that far; a hole keeps the size; both are checked as writes."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefgh")
        await allocate(user, opened, 1, 0, 9, grow=True)
        await allocate(user, opened, 0, 1, 2, zero=True)

        assert await user.read(opened, 0, 8) == b"a\0\0defgh"
        assert (await user.stat("/f")).size == 21
        place = mds_pb2.Place(handle=opened.handle)
        assert (await user.mds("getattr", mds_pb2.GetattrRequest(place=place))).attr.size == 21

    run(scenario)
