"""Fifos of a node: bytes pass between what its tasks have open, and no server hears of them."""

import asyncio
import errno
import os
import stat

import pytest

from client.ctx import Ctx
from client.ops import data
from labelproof.v1 import client_pb2, mds_pb2

READ, WRITE = os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK
FIONREAD = 0x541B


@pytest.fixture
def ends(client, world):
    """The two ends of a fifo, neither of which waits."""
    world.make("/p", stat.S_IFIFO | 0o666)
    world._mds_ioctl = lambda *_: mds_pb2.IoctlReply()
    found = [client("open", path="/p", flags=flags)["fd"] for flags in (READ, WRITE)]
    world.calls.clear()
    return found


def failed(client, call, **args) -> int:
    return client.reply(call, **args).errno


def test_what_is_written_is_read_once_and_by_no_server(client, world, ends):
    out, into = ends
    assert client("write", fd=into, data=b"abc") + client("write", fd=into, data=b"defg") == 7

    assert client("read", fd=out, length=5) == b"abcde"
    assert client("read", fd=out, length=5) == b"fg"
    assert failed(client, "read", fd=out, length=5) == errno.EAGAIN
    assert world.calls == []


def test_it_has_room_for_sixteen_pages(client, ends):
    """What is no whole page goes with the last one, if that has room; what does not fit at all is EAGAIN."""
    out, into = ends
    assert client("write", fd=into, data=bytes(70000)) == 65536
    assert failed(client, "write", fd=into, data=b"x") == errno.EAGAIN
    assert client("ioctl", fd=out, cmd=FIONREAD) == 65536

    client("read", fd=out, length=4096)

    assert client("write", fd=into, data=bytes(5000)) == 4096


def test_the_other_end_gone_is_the_end_of_the_file_or_a_broken_pipe(client, ends):
    out, into = ends
    client("write", fd=into, data=b"ab")
    client("close", fd=into)
    assert [client("read", fd=out, length=9) for _ in range(2)] == [b"ab", b""]

    into = client("open", path="/p", flags=WRITE)["fd"]
    client("close", fd=out)
    assert failed(client, "write", fd=into, data=b"x") == errno.EPIPE


def test_a_writer_that_does_not_wait_needs_a_reader_on_its_node(client, world, ends):
    client("close", fd=ends[0])

    assert failed(client, "open", path="/p", flags=WRITE) == errno.ENXIO
    assert world.calls[-2:] == ["Open", "Close"]


def test_what_nobody_has_open_holds_nothing(client, ends):
    client("write", fd=ends[1], data=b"ab")
    for fd in ends:
        client("close", fd=fd)

    both = client("open", path="/p", flags=os.O_RDWR | os.O_NONBLOCK)["fd"]

    assert failed(client, "read", fd=both, length=5) == errno.EAGAIN


@pytest.mark.parametrize("ends_by", ["write", "same file", "close", "logout"])
def test_who_waits_reads_what_comes_or_that_nothing_will(client, ends, ends_by):
    """A read without O_NONBLOCK waits for bytes, for the last writer to go, or for its own task to end."""
    out, into = client("open", path="/p", flags=os.O_RDWR if ends_by == "same file" else os.O_RDONLY)["fd"], ends[1]
    task = client.agent._tasks.get("t")
    ctx = Ctx(client.node, client.agent._tasks, task, client.agent._mounts["/"], client.last, op="", test="")

    async def both():
        reading = asyncio.create_task(data.read(ctx, out, 5))
        await asyncio.sleep(0)
        file = task.fds[{"logout": out}.get(ends_by, into)]
        if ends_by == "write":
            await file.device.write(0, b"abc")
        elif ends_by == "same file":
            await data.write(ctx, out, b"abc")
        else:
            file.closing(0)
        return await reading

    if ends_by == "logout":
        with pytest.raises(InterruptedError):
            client._loop.run_until_complete(both())
    else:
        assert client._loop.run_until_complete(both()) == (b"" if ends_by == "close" else b"abc")


def test_a_task_that_ends_closes_its_ends(client, world, ends):
    client.login("other")
    theirs = client("open", task="other", path="/p", flags=WRITE)["fd"]
    client.rpc("logout", client_pb2.LogoutRequest(task="t"))

    assert failed(client, "write", task="other", fd=theirs, data=b"x") == errno.EPIPE
