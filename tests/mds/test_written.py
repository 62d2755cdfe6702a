"""What writes on the OSTs do to the inode: size, times, set-id bits; and space without writes."""

import os
import struct

import pytest

from labelproof.v1 import mds_pb2, oss_pb2
from lsm import acl

NO_ID = (1 << 32) - 1
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


_MODE_644 = struct.pack("<I" + 3 * "HHI", 2, 1, 6, NO_ID, 4, 4, NO_ID, 32, 4, NO_ID)


def fsetid(world, *nodes: str) -> int:
    """How often CAP_FSETID was asked about, by the policy or before it."""
    events = [e for node in nodes or ("oss0",) for e in world.events(node, "avc")]
    return sum(e["module"] == "capability" and e["requested"] == ["fsetid"] for e in events)


@pytest.mark.parametrize("loss", ["chown", "chmod", "ftruncate", "acl", "write"])
def test_a_write_after_the_bits_have_gone_asks_nobody(run, loss):
    """file_remove_privs looks at the inode's mode of now, whatever it was at the open, and so does an OST."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o777)
        await user.setattr("/f", mode=0o6755)
        opened = await user.open("/f", os.O_RDWR)
        if loss == "chown":
            await user.setattr("/f", uid=1000)
        elif loss == "chmod":
            await user.setattr("/f", mode=0o755)
        elif loss == "ftruncate":
            place = mds_pb2.Place(handle=opened.handle)
            await user.mds("setattr", mds_pb2.SetattrRequest(place=place, size=1))
        elif loss == "acl":
            await user.setattr("/f", mode=0o2755)
            await user.setxattr("/f", acl.ACCESS, _MODE_644)
        else:
            await user.write(opened, 0, b"x")
        asked = fsetid(world)
        await user.write(opened, 0, b"abc")

        assert fsetid(world) == asked
        assert (await user.stat("/f")).entry.mode & 0o6000 == (0o2000 if loss == "acl" else 0)

    run(scenario)


@pytest.mark.parametrize("restarted", ["", "oss0", "mds0"])
def test_bits_that_came_after_the_open_go_by_a_write_that_the_policy_gives_no_fsetid(run, restarted):
    """Root without the permission in its domain: the OST asks, also after a restart of either server."""

    async def scenario(world):
        root, owner = world.bounded(), world.user()
        await owner.create("/f", 0o777)
        opened = await root.open("/f", os.O_WRONLY)
        await owner.setattr("/f", mode=0o4755)
        if restarted:
            await world.restart(restarted)
        await root.write(opened, 0, b"abc")

        assert (fsetid(world), (await owner.stat("/f")).entry.mode) == (1, 0o100755)

    run(scenario)


def test_the_same_mode_again_gives_back_what_a_write_took(run):
    """Also while the MDS has not heard that it was taken; and an OST that is down keeps nobody from taking bits."""

    async def scenario(world):
        user = world.user()
        await user.create("/f", 0o777)
        await user.setattr("/f", mode=0o4755)
        opened = await user.open("/f", os.O_RDWR)
        await user.write(opened, 0, b"x")
        await user.setattr("/f", mode=0o4755)
        assert (await user.stat("/f")).entry.mode == 0o104755
        await user.write(opened, 0, b"x")
        assert (fsetid(world), (await user.stat("/f")).entry.mode) == (2, 0o100755)
        await user.setattr("/f", mode=0o4755)
        await world.kill("oss0")

        assert (await user.setattr("/f", uid=1000)).entry.mode == 0o100755
        await user.setattr("/f", mode=0o4755)
        assert (await user.setattr("/f", mode=0o755)).entry.mode == 0o100755

    run(scenario)


@pytest.mark.parametrize("restarted", [False, True])
def test_where_an_ost_could_not_be_told_any_write_takes_the_bits(run, restarted):
    """It cannot ask about bits that it does not know of, so nobody is taken to have CAP_FSETID; until it is told."""

    async def scenario(world):
        root, owner = world.bounded(), world.user()
        await owner.create("/f", 0o777)
        opened = await root.open("/f", os.O_WRONLY)
        await world.kill("oss0")
        await owner.setattr("/f", mode=0o4755)
        await world.start("oss0")
        for each in world.servers:
            await world.join(each)
        await world.load("oss0")
        if restarted:
            await world.restart("mds0")
        assert (await owner.stat("/f")).entry.mode == 0o104755
        await root.write(opened, 0, b"abc")

        assert (fsetid(world), (await owner.stat("/f")).entry.mode) == (0, 0o100755)
        await owner.setattr("/f", mode=0o755)
        await owner.setattr("/f", mode=0o4755)
        await root.write(opened, 0, b"abc")
        assert (fsetid(world), (await owner.stat("/f")).entry.mode) == (1, 0o100755)

    run(scenario)


@pytest.mark.parametrize(
    ("flags", "modes", "told"),
    [(os.O_RDWR, (0o644, 0o600), 0), (os.O_RDWR, (0o4755, 0o755), 2), (os.O_RDONLY, (0o4755, 0o755), 1)],
)
def test_the_osts_are_told_of_set_id_bits_of_what_is_open_for_writing_only(run, flags, modes, told):
    """No other chmod costs an rpc more, but for one that gives them to a closed file (test_kept_token.py)."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.open("/f", flags)
        for mode in modes:
            await user.setattr("/f", mode=mode)

        calls = [e["method"] for e in world.events("oss0", "rpc") if e["phase"] == "recv"]
        assert calls.count("Oss/Setattr") == told

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
