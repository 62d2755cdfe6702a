"""The opens of a fifo, which wait for one another as in fs/pipe.c, fifo_open."""

import asyncio
import errno
import os
import stat
from types import SimpleNamespace

import pytest

from client.pipes import PAGES_MAX, End
from labelproof.v1 import client_pb2
from lsm.hooks import MAY_WRITE

BOTH = {"r": os.O_RDONLY, "w": os.O_WRONLY}


@pytest.fixture
def client(client, world):
    """A node with a fifo /p and two tasks, t and other."""
    world.make("/p", stat.S_IFIFO | 0o666)
    client.login("other")
    return client


def opens(client, flags: int = os.O_RDONLY, task: str = "t"):
    return client.begin("open", task=task, path="/p", flags=flags)


def waiting(client, flags: int = os.O_RDONLY):
    begun = opens(client, flags)
    assert not begun.done()
    return begun


def left(client, world) -> tuple[int, int, int]:
    """How many fifos are open, files the tasks have, and handles the server."""
    return len(client.agent._devices._pipes._open), client.agent.counters()["open_files"], len(world.handles)


@pytest.mark.parametrize(("first", "second"), [("r", "w"), ("w", "r")])
def test_an_open_waits_for_the_other_end(client, first, second):
    """Another one of the same end is none; both then pass bytes."""
    waits, beside = waiting(client, BOTH[first]), waiting(client, BOTH[first])

    other = client("open", task="other", path="/p", flags=BOTH[second])["fd"]

    mine = [client.ended(each)["fd"] for each in (waits, beside)]
    ends = [("t", mine[0]), ("other", other)]
    (reader, out), (writer, into) = ends if first == "r" else ends[::-1]
    client("write", task=writer, fd=into, data=b"abc")
    assert client("read", task=reader, fd=out, length=9) == b"abc"


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_RDONLY | os.O_NONBLOCK])
def test_who_does_not_wait(client, flags):
    """O_RDWR has both ends; a reader with O_NONBLOCK reads that nobody writes."""
    assert opens(client, flags).done()


def test_a_partner_that_is_gone_again_has_been_there(client):
    """What it wrote is read, and then the end (fs/pipe.c, wait_for_partner)."""
    waits = waiting(client)
    into = client("open", task="other", path="/p", flags=os.O_WRONLY)["fd"]
    client("write", task="other", fd=into, data=b"ab")
    client("close", task="other", fd=into)

    out = client.ended(waits)["fd"]

    assert [client("read", fd=out, length=9) for _ in range(2)] == [b"ab", b""]


def test_a_partner_may_be_gone_before_anybody_wakes(client):
    """Its end is counted, though there is none any more."""
    waits = waiting(client)
    pipes = client.agent._devices._pipes
    ((fid, pipe),) = pipes._open.items()
    End(pipes, fid, pipe, SimpleNamespace(grants=lambda mask: mask == MAY_WRITE)).close()

    assert client.ended(waits)["fd"]


def test_a_reader_that_waits_is_one(client):
    """A writer with O_NONBLOCK finds it (pipe->readers goes up before the wait)."""
    waits = waiting(client)

    assert client("open", task="other", path="/p", flags=os.O_WRONLY | os.O_NONBLOCK)["fd"]
    assert client.ended(waits)["fd"]


def test_the_descriptor_is_taken_and_nothing_yet(client, world):
    """fs/file.c, get_unused_fd_flags: EBADF for whoever uses it, and another open gets the next one."""
    waits = waiting(client)

    assert client.reply("read", fd=3, length=1).errno == client.reply("close", fd=3).errno == errno.EBADF
    assert client("open", path="/f", flags=os.O_CREAT)["fd"] == 4
    client("open", path="/p", flags=os.O_RDWR)
    assert client.ended(waits)["fd"] == 3


def test_a_file_behind_a_descriptor_waits_too(client, world):
    """open(2) of /proc/self/fd/N."""
    place = client("open", path="/p", flags=os.O_PATH)["fd"]
    waits = client.begin("reopen", fd=place, flags=os.O_RDONLY)
    assert not waits.done()

    client("open", task="other", path="/p", flags=os.O_WRONLY)

    assert client.ended(waits)["fd"] == place + 1


@pytest.mark.parametrize("end", BOTH)
def test_a_task_that_ends_waits_no_longer(client, world, end):
    """EINTR, and neither an end nor a handle is left; the logout is answered when that is so."""
    waits = waiting(client, BOTH[end])
    client.rpc("logout", client_pb2.LogoutRequest(task="t"))
    assert left(client, world) == (0, 0, 0)

    with pytest.raises(InterruptedError):
        client.ended(waits)
    assert world.calls.count("Close") == 1


def test_a_task_that_ends_before_the_server_answers_opens_nothing(client, world, monkeypatch):
    """No logout can have found what was no open file yet."""
    answer = world._mds_open

    def ends(*args):
        client.agent._tasks.logout("t")
        return answer(*args)

    monkeypatch.setattr(world, "_mds_open", ends)

    assert client.reply("open", path="/p", flags=os.O_RDONLY).errno == errno.EINTR
    assert left(client, world) == (0, 0, 0)


def test_a_node_that_stops_has_nobody_wait(client, world):
    """Neither who waits by then, nor who comes later."""
    waits = waiting(client)
    client.agent.stop()

    with pytest.raises(InterruptedError):
        client.ended(waits)
    assert client.reply("open", path="/p", flags=os.O_RDONLY).errno == errno.EINTR
    assert left(client, world) == (0, 0, 0)


def test_who_is_cancelled_leaves_no_end(client, world):
    """The handle is the server's to forget, as that of a client that is gone."""
    waits = waiting(client)
    waits.cancel()
    client._loop.run_until_complete(asyncio.wait([waits]))

    assert waits.cancelled()
    assert left(client, world)[:2] == (0, 0)


def test_a_writer_whose_last_reader_goes_meanwhile_tells_how_much_it_wrote(client):
    """fs/pipe.c, pipe_write: EPIPE only for who has written nothing."""
    out = client("open", path="/p", flags=os.O_RDONLY | os.O_NONBLOCK)["fd"]
    into = client("open", path="/p", flags=os.O_WRONLY)["fd"]
    waits = client.begin("write", fd=into, data=bytes(70000))
    client("close", fd=out)

    assert client.ended(waits) == 4096 * PAGES_MAX
    assert client.reply("write", fd=into, data=b"x").errno == errno.EPIPE
