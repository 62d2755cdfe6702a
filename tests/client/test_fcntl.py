"""fcntl(2) of a client: what is its own, what goes to the server, and waits for leases."""

import errno
import os
from dataclasses import replace
from fcntl import F_GETFL, F_GETLEASE, F_GETOWN, F_GETSIG, F_RDLCK, F_SETFL, F_SETLEASE, F_SETOWN, F_SETSIG

import pytest

F_SETOWN_EX, F_GETOWN_EX, F_GETOWNER_UIDS = 15, 16, 17
GROUP, FIRST_PID = 2, 1000


@pytest.fixture
def fd(client, world) -> int:
    world.make("/f")
    found = client("open", path="/f")["fd"]
    world.calls.clear()
    return int(found)


def test_who_gets_signals_is_this_nodes_to_keep_once_the_server_was_asked(client, world, fd):
    """A process, a group as its negative, either as a struct too; each call is one rpc."""
    client("fcntl", fd=fd, cmd=F_SETOWN, arg=FIRST_PID)
    assert client("fcntl", fd=fd, cmd=F_GETOWN) == FIRST_PID
    assert client("fcntl", fd=fd, cmd=F_GETOWN_EX) == FIRST_PID << 32 | 1
    client("fcntl", fd=fd, cmd=F_SETOWN_EX, arg=FIRST_PID << 32 | GROUP)
    assert client("fcntl", fd=fd, cmd=F_GETOWN) == -FIRST_PID
    client("fcntl", fd=fd, cmd=F_SETSIG, arg=10)
    assert client("fcntl", fd=fd, cmd=F_GETSIG) == 10

    assert world.calls == ["Fcntl"] * 7


@pytest.mark.parametrize(
    ("cmd", "arg", "error"),
    [
        (F_SETOWN, 4711, errno.ESRCH), (F_SETOWN, -(1 << 31), errno.EINVAL), (F_SETOWN_EX, 3, errno.EINVAL),
        (F_SETOWN_EX, 4711 << 32, errno.ESRCH), (F_SETSIG, 65, errno.EINVAL),
    ],
)  # fmt: skip
def test_nobody_and_nothing_gets_no_signals(client, fd, cmd, arg, error):
    with pytest.raises(OSError) as caught:
        client("fcntl", fd=fd, cmd=cmd, arg=arg)

    assert (caught.value.errno, client("fcntl", fd=fd, cmd=F_GETOWN)) == (error, 0)


@pytest.mark.parametrize("cmd", [F_SETOWN, F_SETLEASE, F_GETLEASE])
def test_the_clients_lsm_is_asked_before_the_server(guarded, world, cmd):
    world.make("/f")
    fd = guarded("open", path="/f")["fd"]
    guarded.toy.denies, sent = {"file_fcntl"}, len(world.calls)

    denied = guarded.reply("fcntl", fd=fd, cmd=cmd, arg=F_RDLCK)

    assert (denied.errno, len(world.calls)) == (errno.EACCES, sent)


@pytest.mark.parametrize(
    ("call", "args"),
    [("open", {"path": "/f", "flags": os.O_WRONLY}), ("reopen", {}), ("truncate", {"path": "/f", "length": 0})],
)
def test_who_waits_for_a_lease_asks_again(client, world, fd, call, args):
    """A server waits for some seconds at a time; whoever waits does so in as many calls as it takes."""
    rpc = "Setattr" if call == "truncate" else "Open"
    world.refuse[f"Mds/{rpc}"] = [BlockingIOError(errno.EWOULDBLOCK, "a lease")] * 2

    client(call, **args, **({"fd": fd} if call == "reopen" else {}))

    assert world.calls.count(rpc) == 3


def test_who_does_not_wait_is_told(client, world, fd):
    world.refuse["Mds/Open"] = [BlockingIOError(errno.EWOULDBLOCK, "a lease")]

    with pytest.raises(BlockingIOError):
        client("open", path="/f", flags=os.O_NONBLOCK)

    assert world.calls.count("Open") == 1


@pytest.mark.parametrize(("cmd", "arg"), [(F_GETFL, 0), (F_SETFL, 0), (F_SETFL, os.O_NONBLOCK)])
def test_flags_that_stay_are_asked_about_by_another_context_only(client, world, fd, cmd, arg):
    """Who opened the file needs nothing for them, and the server is not asked (selinux_file_fcntl)."""
    client("fcntl", fd=fd, cmd=cmd, arg=arg)
    assert world.calls == []

    task = client.agent._tasks.get("t")
    task.subject = replace(task.subject, labels={"toy": "another"})
    client("fcntl", fd=fd, cmd=cmd, arg=arg)

    assert world.calls == ["Fcntl"]


def test_who_named_the_owner_of_signals_is_told(client, fd):
    """F_GETOWNER_UIDS: nobody, then the task's uid, real and effective."""
    assert client("fcntl", fd=fd, cmd=F_GETOWNER_UIDS) == 0
    client("fcntl", fd=fd, cmd=F_SETOWN, arg=FIRST_PID)

    assert client("fcntl", fd=fd, cmd=F_GETOWNER_UIDS) == 1000 << 32 | 1000


@pytest.mark.parametrize("through", ["dup", "open"])
def test_a_close_takes_the_process_s_locks_and_asks_for_none(client, world, fd, through):
    """Whichever descriptor of the file they came by, and only if there are any."""
    other = client("dup", fd=fd) if through == "dup" else client("open", path="/f")["fd"]
    again = client("dup", fd=other)
    client("close", fd=again)
    assert "Lock" not in world.calls

    client("lockf", fd=fd, type=F_RDLCK)
    again = client("dup", fd=other)
    client("close", fd=again)

    assert world.calls[-1] == "Lock"
    assert world.requests[-1].closes


@pytest.mark.parametrize(
    ("mask", "number"), [(0, errno.EINVAL), (0x30000001, errno.EINVAL), (0x800, 0), (0x1000, errno.EINVAL)]
)
def test_a_watch_that_is_wrong_in_itself_walks_no_path(client, world, mask, number):
    """inotify_add_watch(2): no mask, one that nobody knows, or IN_MASK_CREATE with IN_MASK_ADD."""
    world.make("/f")

    assert client.reply("watch", path="/f" if not number else "/missing", mask=mask).errno == number


def test_what_stands_in_proc_is_a_link(client, fd):
    """O_NOFOLLOW on /proc/self/fd/N is ELOOP, but with O_PATH."""
    assert client.reply("reopen", fd=fd, flags=os.O_NOFOLLOW).errno == errno.ELOOP
    assert client.reply("reopen", fd=fd, flags=os.O_NOFOLLOW | os.O_DIRECTORY).errno == errno.ENOTDIR
    assert client.reply("reopen", fd=fd, flags=os.O_NOFOLLOW | os.O_PATH).errno == 0


def test_an_open_file_gets_a_name_from_who_the_task_is_now(client, fd):
    """What the task has set for itself since the open is what the path is walked with, and what the link is sent as."""
    client("setfscreate", context="u:object_r:t")

    assert client.reply("linkfd", fd=fd, path="/g").errno == 0
