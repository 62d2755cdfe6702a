"""fcntl(2) at the MDS: O_APPEND given up, leases and who breaks them, owners of signals."""

import asyncio
import errno
import os
from fcntl import F_GETFL, F_GETLEASE, F_GETOWN, F_RDLCK, F_SETFL, F_SETLEASE, F_SETOWN, F_SETSIG, F_UNLCK, F_WRLCK

import pytest

import mds.ops.base
from labelproof.v1 import mds_pb2
from lsm import vfs
from lsm.hooks import MAY_APPEND


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def asked(world) -> list[tuple[str, list[str]]]:
    return [(e["hook"], e["requested"]) for e in world.events("mds0", "avc")]


def fcntl(user, opened, cmd: int, arg: int = 0):
    return user.mds("fcntl", mds_pb2.FcntlRequest(handle=opened.handle, cmd=cmd, arg=arg))


def lease(user, opened, type_: int):
    return fcntl(user, opened, F_SETLEASE, type_)


async def left(user, opened) -> int:
    return (await fcntl(user, opened, F_GETLEASE)).value


def test_giving_up_o_append_asks_write_and_changes_what_the_file_is_judged_by(run):
    """F_SETFL without O_APPEND asks {write}; the token is then one for writing. With it nothing is asked."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f", os.O_WRONLY | os.O_APPEND)
        before = len(asked(world))
        reply = await user.mds("fcntl", mds_pb2.FcntlRequest(handle=opened.handle, cmd=F_SETFL, arg=os.O_APPEND))
        assert len(asked(world)) == before
        reply = await user.mds("fcntl", mds_pb2.FcntlRequest(handle=opened.handle, cmd=F_SETFL))

        assert asked(world)[before:] == [("file_fcntl", ["write"])]
        handle = world.mdt.handles.get(opened.handle, "client0", user.subject)
        assert (handle.mask, bool(reply.token)) == (2, True)

    run(scenario)


@pytest.mark.parametrize("flags", [0, os.O_APPEND, os.O_NOATIME])
def test_other_flags_do_not_make_a_file_one_that_was_opened_with_its_label_of_now(run, flags):
    """The token of F_SETFL is as of the open too: after a relabel the OST asks again, and MAC says no."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", os.O_CREAT | os.O_EXCL | os.O_RDWR)
        await user.write(opened, 0, b"abcd")
        await world.admin().relabel("/f", "ro_t")

        opened.token = (await fcntl(user, opened, F_SETFL, flags)).token

        assert "ro_t" in str(await refused(user.write(opened, 0, b"x"), errno.EACCES))

    run(scenario)


def test_a_lease_asks_lock_and_is_told(run):
    """F_SETLEASE asks {lock} of the file, F_GETLEASE nothing; what is given up is gone, and once only."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f")
        before = len(asked(world))

        await lease(user, opened, F_RDLCK)
        assert await left(user, opened) == F_RDLCK
        assert asked(world)[before:] == [("file_lock", ["lock"])]
        await lease(user, opened, F_UNLCK)
        assert await left(user, opened) == F_UNLCK
        await refused(lease(user, opened, F_UNLCK), errno.EAGAIN)

    run(scenario)


def test_what_was_not_asked_for_is_not_had(run, monkeypatch):
    """Complete mediation holds for what is in memory too: no lease, and a handle that is as it was."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f", os.O_RDWR)
        for op in ("setlease", "setfl"):
            monkeypatch.setitem(vfs.OPS, op, ())

        await refused(lease(user, opened, F_WRLCK), errno.EACCES)
        await refused(fcntl(user, opened, F_SETFL, os.O_APPEND), errno.EACCES)

        held = world.mdt.handles.get(opened.handle, "client0", user.subject)
        assert (len(world.mdt.leases), held.mask & MAY_APPEND) == (0, 0)

    run(scenario)


def test_a_lease_is_refused_in_the_kernels_order(run):
    """EINVAL for no type, EACCES for another's file without CAP_LEASE, EINVAL for what is no regular file."""

    async def scenario(world):
        owner, user = world.user(), world.user(uid=1001, gid=1001)
        await owner.create("/f", 0o666)
        await owner.mkdir("/d")
        theirs, folder = await user.open("/f"), await user.open("/d")
        await refused(lease(user, theirs, 3), errno.EINVAL)
        await refused(lease(user, theirs, F_RDLCK), errno.EACCES)
        await refused(lease(user, folder, F_RDLCK), errno.EACCES)
        await refused(lease(owner, await owner.open("/d"), F_RDLCK), errno.EINVAL)

    run(scenario)


def test_a_lease_is_not_had_where_others_have_the_file_open(run):
    """A read lease bears no writer, oneself included, a write lease nobody else; a close gives it up."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        mine, theirs = await user.open("/f"), await other.open("/f")
        await refused(lease(user, mine, F_WRLCK), errno.EAGAIN)
        await lease(user, mine, F_RDLCK)
        await lease(other, theirs, F_RDLCK)
        await user.close(mine)
        await other.close(theirs)
        assert len(world.mdt.leases) == 0

        writing = await user.open("/f", os.O_WRONLY)
        await refused(lease(user, writing, F_RDLCK), errno.EAGAIN)
        await lease(user, writing, F_WRLCK)

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "flags", "waits"),
    [
        (F_RDLCK, os.O_RDONLY, False), (F_RDLCK, os.O_WRONLY, True), (F_WRLCK, os.O_RDONLY, True),
        (F_WRLCK, os.O_RDWR, True), (F_WRLCK, os.O_PATH, False),
    ],
)  # fmt: skip
def test_an_open_breaks_the_leases_in_its_way(run, kind, flags, waits):
    """Who will not wait has EWOULDBLOCK, once all is asked, and the holder learns what its lease is to become."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        opened = await user.open("/f")
        await lease(user, opened, kind)

        opening = other.open("/f", flags | os.O_NONBLOCK)

        if not waits:
            await opening
            assert await left(user, opened) == kind
            return
        await refused(opening, errno.EWOULDBLOCK)
        assert asked(world)[-1][0] == "file_open"
        assert await left(user, opened) == (F_RDLCK if flags == os.O_RDONLY else F_UNLCK)
        await lease(user, opened, F_RDLCK if flags == os.O_RDONLY else F_UNLCK)
        await other.open("/f", flags | os.O_NONBLOCK)

    run(scenario)


@pytest.mark.parametrize("cuts", [False, True])
def test_who_waits_is_woken_as_the_holder_gives_way(run, cuts):
    """An open that waits, and truncate(2), are answered when the lease goes: then they are asked for once more."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        opened = await user.open("/f")
        await lease(user, opened, F_WRLCK)
        wanted = (lambda: other.setattr("/f", size=0)) if cuts else (lambda: other.open("/f", os.O_WRONLY))
        waiting = asyncio.create_task(wanted())
        while not world.mdt.leases._waiting:
            await asyncio.sleep(0)

        await user.close(opened)

        await refused(waiting, errno.EWOULDBLOCK)
        await wanted()

    run(scenario)


def test_who_waits_is_told_so_after_some_seconds(run, monkeypatch):
    """One rpc does not wait for ever; the lease stays."""
    monkeypatch.setattr(mds.ops.base, "WAIT_S", 0.01)

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        opened = await user.open("/f")
        await lease(user, opened, F_WRLCK)

        await refused(other.open("/f"), errno.EWOULDBLOCK)

        assert (len(world.mdt.leases), world.mdt.leases._waiting) == (1, {})

    run(scenario)


def test_owners_of_signals_are_asked_about(run):
    """F_SETOWN and its like ask nothing of the file; a command that is no server's business is EINVAL."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f")
        before = len(asked(world))
        for cmd in (F_SETOWN, F_GETOWN, F_SETSIG, 15, 16, 17):
            await fcntl(user, opened, cmd)

        assert asked(world)[before:] == []
        await refused(fcntl(user, opened, 99), errno.EINVAL)

    run(scenario)


def test_a_holder_that_retakes_its_lease_at_once_keeps_nobody_waiting(run):
    """Between the waiter being woken and its asking again the lease is gone: no new one can be had."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        opened = await user.open("/f")
        await lease(user, opened, F_RDLCK)
        waiting = asyncio.create_task(other.open("/f", os.O_WRONLY))
        while not world.mdt.leases._waiting:
            await asyncio.sleep(0)
        await lease(user, opened, F_UNLCK)
        await refused(waiting, errno.EWOULDBLOCK)

        await refused(lease(user, opened, F_RDLCK), errno.EAGAIN)
        await other.close(await other.open("/f", os.O_WRONLY))
        await lease(user, opened, F_RDLCK)

    run(scenario)


@pytest.mark.parametrize("method", ["fcntl", "lock"])
def test_what_is_resent_after_a_lost_reply_is_answered_as_the_first_time(run, method):
    """A lease that was given up is not given up again (EAGAIN), a lock that was had not lost to who waits for it."""

    async def scenario(world):
        user, other = world.user(), world.user("client1")
        await user.create("/f")
        opened, theirs = await user.open("/f"), await other.open("/f")
        if method == "fcntl":
            await lease(user, opened, F_RDLCK)
            request = mds_pb2.FcntlRequest(handle=opened.handle, cmd=F_SETLEASE, arg=F_UNLCK)
        else:
            request = mds_pb2.LockRequest(handle=opened.handle, type=F_WRLCK)
        xid = world.recorder.serial()
        first = await user.mds(method, request, xid=xid)
        waits = mds_pb2.LockRequest(handle=theirs.handle, type=F_WRLCK, wait=True)
        waiting = asyncio.create_task(other.mds("lock", waits))
        await asyncio.sleep(0)

        again = await user.mds(method, request, xid=xid)

        assert (first.receipt.resent, again.receipt.resent) == (False, True)
        await user.close(opened)
        assert not (await waiting).blocked

    run(scenario)


@pytest.mark.parametrize(("cmd", "flags"), [(F_GETFL, 0), (F_SETFL, 0), (F_GETFL, os.O_PATH)])
def test_flags_that_stay_ask_for_the_use_of_the_descriptor(run, cmd, flags):
    """Of a task that has another context than when it opened the file, {use}; of others nothing."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        opened = await user.open("/f", flags)
        before = len(asked(world))
        await fcntl(user, opened, cmd)
        assert asked(world)[before:] == []

        await fcntl(user.changed(labels={"selinux": "staff_u:staff_r:admin_t:s0"}), opened, cmd)

        assert asked(world)[before:] == [("file_fcntl", ["use"])]

    run(scenario)


def test_what_may_only_be_appended_to_stays_open_as_it_is(run):
    """EPERM to turn O_APPEND on or off, root's open files too; other flags may change (fs/fcntl.c, setfl)."""

    async def scenario(world):
        admin = world.admin()
        await admin.create("/f")
        opened = await admin.open("/f")
        await admin.mds("ioctl", mds_pb2.IoctlRequest(handle=opened.handle, cmd=0x40086602, arg=0x20))
        appending = await admin.open("/f", os.O_WRONLY | os.O_APPEND)

        await refused(fcntl(admin, opened, F_SETFL, os.O_APPEND), errno.EPERM)
        await refused(fcntl(admin, appending, F_SETFL), errno.EPERM)
        await fcntl(admin, appending, F_SETFL, os.O_APPEND | os.O_NOATIME)

    run(scenario)
