"""What an open file is asked: locks with wait and cancel, ioctl, mmap, watches."""

import asyncio
import errno
import os
import stat
import struct

import pytest

from labelproof.v1 import mds_pb2

GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR = 0x80086601, 0x40086602, 0x801C581F, 0x401C5820
FIBMAP, FIFREEZE, FITHAW, FITRIM, FIEMAP, FICLONE = 1, 0xC0045877, 0xC0045878, 0xC0185879, 0xC020660B, 0x40049409
RESVSP = 0x40305828


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def lock(user, opened, type_: int, **more):
    return user.mds("lock", mds_pb2.LockRequest(handle=opened.handle, type=type_, **more))


def asked(world) -> list[tuple[str, list[str]]]:
    return [(e["hook"], e["requested"]) for e in world.events("mds0", "avc")]


def test_flock_waits_for_the_other_open_file_and_its_close(run):
    """An exclusive flock refuses another (EAGAIN), and one that waits has it when the first is closed."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        first, second = await user.open("/f"), await other.open("/f")
        await lock(user, first, 1)
        await refused(lock(other, second, 1), errno.EAGAIN)

        waiting = asyncio.create_task(lock(other, second, 1, wait=True))
        await asyncio.sleep(0)
        await user.close(first)

        assert not (await waiting).blocked

    run(scenario)


def test_a_wait_is_cancelled(run):
    """Whoever waits can be told to stop: EINTR, and the lock stays where it is."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        first, second = await user.open("/f", os.O_RDWR), await other.open("/f", os.O_RDWR)
        await lock(user, first, 1, posix=True)
        waiting = asyncio.create_task(lock(other, second, 1, posix=True, wait=True))
        while not world.mdt.flocks._waiting:
            await asyncio.sleep(0)

        await lock(other, second, 0, posix=True, cancel=True)

        await refused(waiting, errno.EINTR)
        found = await lock(other, second, 1, posix=True, test=True)
        assert (found.type, found.length) == (1, 0)

    run(scenario)


def test_posix_locks_ask_twice_and_need_the_right_mode(run):
    """fcntl and the lock itself ask {lock}; a write lock on a file that is open for reading is EBADF."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f")
        await refused(lock(user, opened, 1, posix=True), errno.EBADF)
        await lock(user, opened, 0, posix=True, start=5, length=5)

        assert asked(world)[-2:] == [("file_fcntl", ["lock"]), ("file_lock", ["lock"])]
        assert world.mdt.flocks.held((True, world.mdt.handles.get(opened.handle, "client0", user.subject).fid))
        await user.close(opened)
        assert not world.mdt.flocks._held

    run(scenario)


@pytest.mark.parametrize(
    ("cmd", "perms", "error"),
    [
        (GETFLAGS, ["getattr"], 0), (SETFLAGS, ["setattr"], 0), (2, ["getattr"], 0), (0x541B, ["getattr"], 0),
        (0x5421, [], 0), (FSGETXATTR, None, errno.EACCES), (0x6601, ["ioctl"], errno.ENOTTY),
    ],
)  # fmt: skip
def test_an_ioctl_asks_by_its_command(run, cmd, perms, error):
    """getattr, setattr, nothing, or ioctl, which the policy's extended rules narrow to some numbers."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f", os.O_RDWR)
        before = len(asked(world))
        request = user.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=cmd, arg=0x40))

        if error:
            await refused(request, error)
        else:
            await request
        if perms is not None:
            assert asked(world)[before:] == ([("file_ioctl", perms)] if perms else [])

    run(scenario)


@pytest.mark.parametrize(
    ("cmd", "path", "error"),
    [
        (0x5452, "/f", 0), (0x5460, "/p", errno.ENOTTY), (0x541B, "/p", 0), (1, "/f", errno.EPERM),
        (0x541B, "/d", errno.ENOTTY), (1, "/d", errno.ENOTTY), (0x40087602, "/f", errno.ENOTTY),
        (FITRIM, "/f", errno.EPERM), (FITRIM, "/d", errno.EPERM), (FITRIM, "/p", errno.ENOTTY),
        (FIFREEZE, "/p", errno.EPERM), (FITHAW, "/f", errno.EPERM), (FICLONE, "/f", errno.EOPNOTSUPP),
        (FICLONE, "/p", errno.EOPNOTSUPP), (FIEMAP, "/f", errno.EOPNOTSUPP), (RESVSP, "/f", 0),
        (RESVSP, "/d", errno.ENOTTY), (FSGETXATTR, "/d", 0), (FSGETXATTR, "/p", errno.ENOTTY),
        (FSSETXATTR, "/p", errno.ENOTTY), (FSSETXATTR, "/f", errno.EFAULT), (0x4B47, "/f", errno.ENOTTY),
        (0x6666, "/f", errno.ENOTTY),
    ],
)  # fmt: skip
def test_commands_that_the_object_has_to_know(run, cmd, path, error):
    """FIOASYNC of any file, FIOQSIZE of what has a size, FIONREAD of what can be read, FIBMAP of what has blocks; of
    those that no file here carries out each as the kernel says it (fs/ioctl.c, fs/ext4/ioctl.c)."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        await user.mkdir("/d")
        name, ticket = await user.name("/p")
        await user.mds("mknod", mds_pb2.MknodRequest(name=name, mode=stat.S_IFIFO | 0o666), ticket)
        user = user.changed(labels={"selinux": "staff_u:staff_r:admin_t:s0"})
        opened = await user.open(path, os.O_RDONLY | os.O_NONBLOCK)
        request = user.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=cmd))

        if error:
            await refused(request, error)
        else:
            await request

    run(scenario)


@pytest.mark.parametrize(("cmd", "value"), [(0x541B, 6), (0x5460, 512)])
def test_sizes_are_those_of_now_while_the_file_is_written(run, cmd, value):
    """FIONREAD and FIOQSIZE: the OSTs know how long a file is that is open for writing, and are asked. The latter tells
    of blocks (fs/stat.c, inode_get_bytes)."""

    async def scenario(world):
        user = world.admin()
        opened = await user.open("/f", os.O_CREAT | os.O_RDWR)
        await user.write(opened, 0, b"abcdef")

        reply = await user.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=cmd))

        assert reply.value == value

    run(scenario)


def test_flags_are_the_owners_and_are_kept(run):
    """FS_IOC_SETFLAGS is read back; another user is EPERM, a flag that needs a capability as well."""

    async def scenario(world):
        user, other = world.user(), world.user(uid=1001)
        await user.create("/f")
        opened, theirs = await user.open("/f"), await other.open("/f")

        def ioctl(who, handle, cmd, arg=0):
            return who.mds("ioctl", mds_pb2.IoctlRequest(handle=handle.handle, cmd=cmd, arg=arg))

        await ioctl(user, opened, SETFLAGS, 0x40)
        assert (await ioctl(user, opened, GETFLAGS)).value == 0x40
        await refused(ioctl(user, opened, SETFLAGS, 0x10), errno.EPERM)
        await refused(ioctl(other, theirs, SETFLAGS, 0x40), errno.EPERM)

    run(scenario)


def test_a_mapping_asks_map_and_then_what_it_can_do(run):
    """{map} and {read}, {read write} for a shared one to write; EACCES where the file was not opened for that."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened, reading = await user.open("/f", os.O_RDWR), await user.open("/f")
        before = len(asked(world))
        await user.mds("mmap", mds_pb2.MmapRequest(handle=opened.handle, prot=3, shared=True))
        await user.mds("mmap", mds_pb2.MmapRequest(handle=reading.handle, prot=3))

        assert [perms for _, perms in asked(world)[before:]] == [["map"], ["read", "write"], ["map"], ["read"]]
        denied = user.mds("mmap", mds_pb2.MmapRequest(handle=reading.handle, prot=2, shared=True))
        await refused(denied, errno.EACCES)

    run(scenario)


def test_a_watch_asks_read_and_then_watch(run):
    """inotify: {read}, then {watch}, for events of reading {watch watch_reads}; no event at all is as good as one."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        for mask in (2, 1, 0x02000000):
            await user.by_name("watch", "/f", mds_pb2.WatchRequest, mask=mask)

        perms = [requested for hook, requested in asked(world) if hook == "path_notify"]
        assert perms == [["watch"], ["watch", "watch_reads"], ["watch"]]
        await refused(user.by_name("watch", "/f", mds_pb2.WatchRequest, mask=0), errno.EINVAL)
        await refused(user.by_name("watch", "/f", mds_pb2.WatchRequest, mask=2, mark=0x10), errno.EINVAL)

    run(scenario)


def test_fanotify_asks_by_what_is_marked_and_for_which_events(run):
    """The mount {watch_mount}, the filesystem {watch} of itself and {watch_sb}; events with an answer watch_with_perm.

    All but a plain watch of one object needs CAP_SYS_ADMIN, before anything else is asked of the object.
    """
    perm, reads = 0x10000, 0x20000

    def watch(who, mask, mark=0):
        return who.by_name("watch", "/d", mds_pb2.WatchRequest, mask=mask, fanotify=True, mark=mark)

    async def scenario(world):
        user, admin = world.user(), world.admin()
        await admin.mkdir("/d")
        seen = len(asked(world))
        for mask, mark in ((2, 0), (perm, 0), (reads, 0), (2, 0x10), (1, 0x10), (perm, 0x100)):
            await watch(admin, mask, mark)

        perms = [requested for hook, requested in asked(world)[seen:] if hook == "path_notify"]
        assert perms == [
            ["watch"],
            ["watch", "watch_with_perm"],
            ["watch", "watch_with_perm", "watch_reads"],
            ["watch_mount"],
            ["watch_mount", "watch_reads"],
            ["watch"],
            ["watch_sb", "watch_with_perm"],
        ]
        assert [e["tclass"] for e in world.events("mds0", "avc") if e["requested"] == ["watch"]][-1] == "filesystem"
        for mask, mark in ((perm, 0), (2, 0x10), (2, 0x100)):
            await refused(watch(user, mask, mark), errno.EPERM)
        for mask, mark in ((0, 0), (2 | 0x80000, 0), (2, 0x1)):
            await refused(watch(admin, mask, mark), errno.EINVAL)

    run(scenario)


def test_closing_a_descriptor_gives_the_process_s_locks_up_and_asks_nobody(run):
    """fs/locks.c, locks_remove_posix: no hook is called; another's locks, and the open file's own, stay."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        mine, theirs = await user.open("/f", os.O_RDWR), await other.open("/f", os.O_RDWR)
        await lock(user, mine, 1, posix=True, start=0, length=1)
        await lock(other, theirs, 1, posix=True, start=1, length=1)
        await lock(user, mine, 0)
        before = len(asked(world))

        await lock(user, mine, 0, posix=True, closes=True)

        assert asked(world)[before:] == []
        assert len(world.mdt.flocks) == 2

    run(scenario)


@pytest.mark.parametrize(
    ("cmd", "error"),
    [(FIBMAP, errno.EINVAL), (FITHAW, errno.EINVAL), (FIFREEZE, errno.EOPNOTSUPP), (FITRIM, errno.EOPNOTSUPP)],
)  # fmt: skip
def test_what_needs_a_capability_is_not_to_be_had_with_it_either(run, cmd, error):
    """No block device is below (fs/inode.c, bmap), nothing is frozen (fs/super.c, thaw_super)."""

    async def scenario(world):
        admin = world.admin()
        await admin.create("/f")
        opened = await admin.open("/f")

        await refused(admin.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=cmd)), error)

    run(scenario)


def test_flags_are_told_and_set_as_a_struct_fsxattr_too(run):
    """FS_IOC_FSSETXATTR is FS_IOC_SETFLAGS with other bits; a project, or what is not kept, is EOPNOTSUPP, a hint of
    extents on what has none EINVAL, and all that after the owner and the capability (fs/ioctl.c, vfs_fileattr_set)."""
    nodump, noatime, immutable = 0x80, 0x40, 0x8

    async def scenario(world):
        owner, other = world.user(uid=1001, type_="admin_t", role="staff"), world.admin()
        theirs = world.user(uid=1002, type_="admin_t", role="staff")
        await owner.create("/f")

        async def ioctl(who, cmd, *values):
            opened = await who.open("/f")
            data = struct.pack("=5I8x", *values) if values else b""
            return (await who.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=cmd, data=data))).data

        await ioctl(owner, FSSETXATTR, nodump | noatime, 0, 0, 0, 0)
        assert struct.unpack("=5I8x", await ioctl(theirs, FSGETXATTR)) == (nodump | noatime, 0, 0, 0, 0)
        opened = await owner.open("/f")
        flags = await owner.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=GETFLAGS))
        assert flags.value == 0x40 | 0x80
        for who, values, error in (
            (theirs, (0, 0, 0, 7, 0), errno.EPERM), (owner, (immutable, 0, 0, 7, 0), errno.EPERM),
            (owner, (0x1000, 1, 0, 0, 0), errno.EINVAL), (owner, (0, 0, 0, 7, 0), errno.EOPNOTSUPP),
            (owner, (0x8000, 0, 0, 0, 0), errno.EOPNOTSUPP),
        ):  # fmt: skip
            await refused(ioctl(who, FSSETXATTR, *values), error)
        await ioctl(other, FSSETXATTR, immutable, 0, 0, 0, 0)
        await refused(ioctl(other, FSSETXATTR, immutable | nodump, 0, 0, 0, 0), errno.EPERM)

    run(scenario)


def test_keys_of_a_console_are_a_capability_of_the_task(run):
    """KDSKBENT: sys_tty_config of the subject on itself, and nothing of the file (selinux_file_ioctl)."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f")
        before = len(asked(world))

        denied = await refused(user.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=0x4B47)), errno.EACCES)

        assert "sys_tty_config" in str(denied)
        assert asked(world)[before:] == [("file_ioctl", ["sys_tty_config"])]

    run(scenario)
