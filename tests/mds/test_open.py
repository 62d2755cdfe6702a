"""Open and what an open file can be asked; data striped over labelled objects."""

import errno
import os

import pytest

import rpc
from labelproof.v1 import mds_pb2

RW = os.O_RDWR
NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def test_what_is_written_is_read_and_the_size_follows(run):
    """A file striped over two OSTs reads back as written, with its hole, and its size is right before the close."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefghij")
        await user.write(opened, 21, b"xyz")

        assert await user.read(opened, 0, 24) == b"abcdefghij" + bytes(11) + b"xyz"
        assert (await user.stat("/f")).size == 24
        await user.close(opened)
        assert (await user.stat("/f")).size == 24
        assert list(opened.layout.osts) == ["oss0", "oss1"]

    run(scenario)


def test_objects_carry_the_files_label(run):
    """An object is stored with the labels that the file had at open, and says so in the history."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdef")

        raw = [o for name in ("oss0", "oss1") for o in world.servers[name].app.collect()]
        assert [o.labels[0].value for o in raw] == [b"user_u:object_r:home_t:s0"] * 2
        events = world.events("oss0", "label")
        assert [(e["why"], e["role"], e["stripe"]) for e in events] == [("token", "ost", 0)]

    run(scenario)


def test_create_needs_no_server_to_server_rpc(run):
    """Creating is one rpc of the client; no OST hears of it before the first write."""

    async def scenario(world):
        await world.user().open("/f", NEW)

        assert world.events("oss0", "rpc") == []

    run(scenario)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (os.O_ACCMODE, 0), (os.O_NOATIME, 0), (1 << 30, 0), (os.O_PATH, 0), (os.O_PATH | os.O_TRUNC, 0),
        (os.O_TMPFILE | RW, errno.ENOTDIR), (os.O_TMPFILE, errno.EINVAL),
        (os.O_CREAT | os.O_DIRECTORY, errno.EINVAL), (NEW, errno.EEXIST),
        (os.O_DIRECTORY, errno.ENOTDIR), (RW | os.O_NOFOLLOW, 0), (os.O_CREAT, 0),
    ],
)  # fmt: skip
def test_flags_of_an_existing_file(run, flags, error):
    """Unknown flags are ignored, impossible ones refused, and structure decides the rest."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        if error:
            await refused(user.open("/f", flags), error)
        else:
            assert not (await user.open("/f", flags)).created

    run(scenario)


def test_directories_are_opened_for_reading_only(run):
    """EISDIR for write access and for O_CREAT; ENOENT without O_CREAT."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")

        await refused(user.open("/d", RW), errno.EISDIR)
        await refused(user.open("/d", os.O_CREAT), errno.EISDIR)
        await refused(user.open("/none"), errno.ENOENT)

    run(scenario)


def test_a_denied_open_leaves_the_created_file_behind(run):
    """log_t may be created but not read: EACCES, the file exists, its label is in history, no handle is left."""

    async def scenario(world):
        user = world.user(fscreate="user_u:object_r:log_t:s0")
        error = await refused(user.open("/log", NEW), errno.EACCES)

        assert "file_open" in str(error)
        assert (await user.stat("/log")).nlink == 1
        assert [e["new"] for e in world.events("mds0", "label")][-1] == "user_u:object_r:log_t:s0"
        assert not world.mdt.handles._by_id

    run(scenario)


def test_truncating_by_open_and_by_path(run):
    """O_TRUNC empties every object; truncate cuts and grows with a hole; what was cut never comes back."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"0123456789")
        await user.setattr("/f", size=5)
        await user.setattr("/f", size=12)

        assert await user.read(opened, 0, 12) == b"01234" + bytes(7)
        assert (await user.stat("/f")).size == 12
        again = await user.open("/f", RW | os.O_TRUNC)
        assert again.attr.size == 0
        assert (await user.stat("/f")).size == 0
        await user.write(again, 3, b"x")
        assert await user.read(again, 0, 4) == b"\0\0\0x"

    run(scenario)


def test_a_truncate_that_an_ost_missed_is_not_sure(run):
    """The other objects are cut: EIO names the OST and does not claim that nothing happened; resent, it is done."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"0123456789")
        await world.kill("oss1")
        error = await refused(user.setattr("/f", size=1), errno.EIO)

        assert "oss1" in str(error)
        assert not rpc.definite(error)
        await world.start("oss1")
        for name in ("oss1", "mds0"):
            await world.join(name)
        await world.load("oss1")
        await user.setattr("/f", size=1)
        assert (await user.stat("/f")).size == 1

    run(scenario)


def test_ftruncate_needs_a_handle_that_writes(run):
    """EINVAL for one that only reads; the other sets the size."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        reading = await user.open("/f")
        by = mds_pb2.SetattrRequest(place=mds_pb2.Place(handle=opened.handle), size=7)
        await user.mds("setattr", by)

        await refused(
            user.mds("setattr", mds_pb2.SetattrRequest(place=mds_pb2.Place(handle=reading.handle), size=1)),
            errno.EINVAL,
        )
        assert (await user.stat("/f")).size == 7

    run(scenario)


def test_sizes_beyond_the_layout_are_refused(run):
    """EFBIG, nothing changed; EINVAL for a size along with something else; directories EISDIR."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.mkdir("/d")

        await refused(user.setattr("/f", size=(2 << 40) + 1), errno.EFBIG)
        await refused(user.setattr("/f", size=(1 << 64) - 1), errno.EFBIG)
        await refused(user.setattr("/f", size=1, mode=0o600), errno.EINVAL)
        await refused(user.setattr("/d", size=1), errno.EISDIR)
        assert (await user.stat("/f")).size == 0

    run(scenario)


def test_a_handle_is_its_openers_alone(run):
    """Another subject, another node and a made-up handle are ESTALE; so is every handle after a restart."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        place = mds_pb2.GetattrRequest(place=mds_pb2.Place(handle=opened.handle))

        assert (await user.mds("getattr", place)).attr.nlink == 1
        await refused(world.user(uid=1001).mds("getattr", place), errno.ESTALE)
        await refused(world.user("client1").mds("getattr", place), errno.ESTALE)
        await refused(user.mds("close", mds_pb2.CloseRequest(handle=bytes(16))), errno.ESTALE)
        await world.restart("mds0")
        await refused(user.mds("getattr", place), errno.ESTALE)

    run(scenario)


def test_a_handle_stays_its_tasks_under_another_context(run):
    """What another context opened must be usable, in everything that is asked of an open file; attributes are not."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        opened, listed = await user.open("/f", NEW), await user.open("/d")
        other = user.changed(labels={"selinux": "user_u:user_r:guest_t:s0"})
        stranger = user.changed(labels={"selinux": "user_u:object_r:home_t:s0"})
        calls = {
            "lock": mds_pb2.LockRequest(handle=opened.handle),
            "ioctl": mds_pb2.IoctlRequest(handle=opened.handle, cmd=0x5421),
            "mmap": mds_pb2.MmapRequest(handle=opened.handle, prot=1, mprotect=True),
            "fcntl": mds_pb2.FcntlRequest(handle=opened.handle, cmd=8),
            "readdir": mds_pb2.ReaddirRequest(handle=listed.handle),
        }
        for method, request in calls.items():
            await user.mds(method, request)
        assert "fd" not in {e["tclass"] for e in world.events("mds0", "avc")}

        for method, request in calls.items():
            await other.mds(method, request)

        asked = [e for e in world.events("mds0", "avc") if e["tclass"] == "fd"]
        hooks = ["file_lock", "file_ioctl", "file_mprotect", "file_fcntl", "file_permission"]
        assert [(e["hook"], e["requested"], e["role"]) for e in asked] == [(hook, ["use"], "opener") for hook in hooks]
        assert {(e["scontext"], e["tcontext"]) for e in asked} == {(each(other), each(user))}
        await other.mds("getattr", mds_pb2.GetattrRequest(place=mds_pb2.Place(handle=opened.handle)))
        await refused(stranger.mds("lock", calls["lock"]), errno.EACCES)
        await refused(user.changed(pid=7).mds("lock", calls["lock"]), errno.ESTALE)

    def each(user) -> str:
        return user.subject.labels["selinux"]

    run(scenario)


def test_unlinked_while_open_lives_until_the_close(run):
    """Data stays readable by the handle's token; at the last close the objects are destroyed."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdef")
        await user.remove("/f")

        assert await user.read(opened, 0, 6) == b"abcdef"
        place = mds_pb2.GetattrRequest(place=mds_pb2.Place(handle=opened.handle))
        assert (await user.mds("getattr", place)).attr.nlink == 0
        await user.close(opened)
        await world.mdt.reaper._task
        assert [list(world.servers[name].app.collect()) for name in ("oss0", "oss1")] == [[], []]
        assert list((world.folder / "oss0" / "objects").iterdir()) == []

    run(scenario)


def test_readdir_pages_with_stable_cookies(run):
    """Pages continue behind the cookie; removals between them neither skip nor repeat; plus carries labels."""

    async def scenario(world):
        user = world.user()
        for name in "abcde":
            await user.mkdir(f"/{name}")
        first = await user.readdir("/", count=2)
        await user.remove("/a", "rmdir")
        rest = await user.readdir("/", count=9, cookie=first.entries[-1].cookie, plus=True)

        assert [e.name for e in first.entries] == [b"a", b"b"]
        assert not first.eof
        assert [e.name for e in rest.entries] == [b"c", b"d", b"e"]
        assert rest.eof
        assert rest.entries[0].entry.labels[0].value == b"user_u:object_r:home_t:s0"
        await refused(user.readdir("/", cookie=1 << 63), errno.EINVAL)

    run(scenario)


def test_the_token_is_asked_again_after_a_relabel(run):
    """A file relabelled to what the opener may not write: its token still verifies, the OST's MAC says no."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcd")
        await world.admin().relabel("/f", "ro_t")

        assert "ro_t" in str(await refused(user.write(opened, 0, b"x"), errno.EACCES))
        assert await user.read(opened, 0, 4) == b"abcd"
        assert "ro_t" in str(await refused(user.write(opened, 4, b"y"), errno.EACCES))

    run(scenario)


def test_a_place_in_a_directory_stays_while_others_come_and_go(run):
    """Who reads on behind an entry sees all that were there all the time once, also if that entry is gone by now."""

    async def scenario(world):
        user = world.user()
        for name in "abcdef":
            await user.mkdir(f"/{name}")
        cookies = {e.name: e.cookie for e in (await user.readdir("/")).entries}
        for name in "bc":
            await user.remove(f"/{name}", "rmdir")
        await user.mkdir("/c")
        await user.rename("/e", "/g")

        left = [e.name for e in (await user.readdir("/", cookie=cookies[b"c"])).entries]

        assert left[:2] == [b"d", b"f"]
        assert sorted(left[2:]) == [b"c", b"g"]

    run(scenario)


@pytest.mark.parametrize(("kind", "error"), [(0o10000, errno.EINVAL), (0o20000, errno.EINVAL), (0o60000, 0)])
def test_only_what_is_on_disks_is_opened_past_the_page_cache(run, kind, error):
    """O_DIRECT: EINVAL for a fifo, a character device, a directory, and last of all (fs/open.c, do_dentry_open)."""

    async def scenario(world):
        admin = world.admin()
        name, ticket = await admin.name("/n")
        await admin.mds("mknod", mds_pb2.MknodRequest(name=name, mode=kind | 0o600, rdev=0x103), ticket)
        flags = os.O_RDWR | os.O_DIRECT
        await refused(world.user().open("/n", flags), errno.EACCES)

        if error:
            await refused(admin.open("/n", flags), error)
        else:
            await admin.open("/n", flags)
        await admin.create("/f")
        await admin.open("/f", flags)
        await refused(admin.open_root(os.O_RDONLY | os.O_DIRECT), errno.EINVAL)
        await admin.open("/n", flags | os.O_PATH)

    run(scenario)


def test_a_name_that_is_too_long_is_told_after_the_directory_was_asked(run):
    """O_CREAT: every check of a new file, and whatever they say ENAMETOOLONG (fs/namei.c, lookup_open)."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        await user.mkdir("/no")
        await world.admin().relabel("/no", "secret_t")
        name = "n" * 256
        seen = len(world.events("mds0", "avc"))

        await refused(user.open(f"/d/{name}", os.O_CREAT | os.O_WRONLY), errno.ENAMETOOLONG)
        asked = [e["hook"] for e in world.events("mds0", "avc")[seen:] if not e["hook"].endswith("attr")]
        assert asked[-5:] == ["inode_permission", "inode_permission", *["inode_create"] * 3]
        await refused(user.open(f"/d/{name}", os.O_WRONLY), errno.ENAMETOOLONG)
        await refused(user.open(f"/no/{name}", os.O_CREAT | os.O_WRONLY), errno.EACCES)

    run(scenario)
