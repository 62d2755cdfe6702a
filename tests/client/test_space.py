"""Copies between open files, space within one, descriptors: the client's part."""

import errno
import os
import stat

import pytest

from client.pipes import PAGES_MAX

RW = os.O_RDWR | os.O_CREAT


def failed(client, call, **args) -> int:
    return client.reply(call, **args).errno


@pytest.fixture
def fd(client, world):
    """A file of 40 bytes over three objects, open for both."""
    number = client("open", path="/f", flags=RW)["fd"]
    client("write", fd=number, data=bytes(range(40)))
    return number


def test_a_range_is_copied_by_reads_and_writes(client, world, fd):
    to = client("open", path="/g", flags=RW)["fd"]
    world.calls.clear()

    assert client("copy_file_range", fd=fd, to=to, length=4, offset=2, to_offset=0) == 4
    assert world.calls == ["Read", "Write"]


@pytest.mark.parametrize("call", ["copy_file_range", "sendfile"])
@pytest.mark.parametrize(
    ("moved", "calls"),
    [
        ("", "Read Write"), ("from", "Read Write Read Write"), ("to", "Read Write Write Write"),
        ("from to", "Read Write Write Read Write"),
    ],
)  # fmt: skip
def test_a_copy_between_files_that_were_relabelled_is_asked_as_by_the_kernel(client, world, fd, call, moved, calls):
    """Both ends before it begins, and all of it again as the bytes go through a pipe; otherwise nobody is."""
    to = client("open", path="/g", flags=RW)["fd"]
    client("pread", fd=fd, length=1, offset=0), client("pwrite", fd=to, data=b"x", offset=0)
    tokens = dict(zip(("from", "to"), (request.token for request in world.requests[-2:]), strict=True))
    world.moved = {tokens[name] for name in moved.split()}
    world.calls.clear()

    assert client(call, fd=fd, to=to, length=4, offset=2) == 4
    assert world.calls == calls.split()


@pytest.mark.parametrize(
    ("flags", "number", "calls"),
    [(os.O_RDONLY, errno.EBADF, ["Read"]), (RW | os.O_APPEND, errno.EINVAL, ["Read", "Write"])],
)
def test_what_cannot_be_sent_is_asked_for_first(client, world, fd, flags, number, calls):
    """The kernel asks for the source, and for a target that appends, before it looks at the target's flags."""
    world.make("/g")
    to = client("open", path="/g", flags=flags)["fd"]
    world.calls.clear()

    assert failed(client, "sendfile", fd=fd, to=to, length=4) == number
    assert world.calls == calls


def test_a_copy_at_the_end_asks_for_the_target_too(client, world, fd):
    to = client("open", path="/g", flags=RW)["fd"]
    world.refuse["Oss/Write"] = [PermissionError(errno.EACCES, "relabelled")]

    assert failed(client, "copy_file_range", fd=fd, to=to, length=4, offset=400) == errno.EACCES


def test_only_regular_files_have_space(client, world):
    """ESPIPE for a fifo, ENODEV for a character device (fs/open.c, vfs_fallocate)."""
    world.make("/p", stat.S_IFIFO | 0o666)
    world.make("/c", stat.S_IFCHR | 0o666, rdev=os.makedev(1, 3))

    for path, number in (("/p", errno.ESPIPE), ("/c", errno.ENODEV)):
        fd = client("open", path=path, flags=os.O_RDWR)["fd"]
        assert failed(client, "fallocate", fd=fd, length=1) == number


@pytest.mark.parametrize(
    ("args", "number"),
    [
        ({"flags": 1}, errno.EINVAL), ({"offset": 0, "to_offset": 2}, errno.EINVAL), ({"to": 99}, errno.EBADF),
    ],
)  # fmt: skip
def test_what_cannot_be_copied(client, world, fd, args, number):
    world.size_asked_of_mds = 40

    assert failed(client, "copy_file_range", **{"fd": fd, "to": fd, "length": 4, **args}) == number


def test_a_target_of_o_append_is_refused(client, fd):
    to = client("open", path="/g", flags=RW | os.O_APPEND)["fd"]

    assert failed(client, "copy_file_range", fd=fd, to=to, length=4) == errno.EBADF
    assert failed(client, "sendfile", fd=fd, to=to, length=4) == errno.EINVAL


@pytest.mark.parametrize(
    ("args", "number"),
    [
        ({"length": 0}, errno.EINVAL), ({"length": 1, "offset": -1}, errno.EINVAL),
        ({"length": 1, "mode": 2}, errno.EOPNOTSUPP), ({"length": 1, "mode": 8}, errno.EOPNOTSUPP),
        ({"length": (1 << 63) - 1, "offset": 1}, errno.EFBIG),
    ],
)  # fmt: skip
def test_ranges_and_modes_that_fallocate_refuses(client, fd, args, number):
    assert failed(client, "fallocate", fd=fd, **args) == number


def test_each_object_is_told_its_part_of_a_range(client, world, fd):
    world.requests.clear()

    client("fallocate", fd=fd, offset=4, length=16, mode=3)

    # The MDS told where the file ends: a hole that goes beyond would free the block there.
    assert [(r.stripe, r.offset, r.length, r.zero, r.grow) for r in world.requests[1:]] == [
        (0, 4, 4, True, False), (1, 0, 8, True, False), (2, 0, 4, True, False),
    ]  # fmt: skip


def test_a_descriptor_of_the_same_file_keeps_it_open(client, world, fd):
    other = client("dup", fd=fd)
    client("close", fd=fd)

    assert client("lseek", fd=other, offset=0, whence=os.SEEK_CUR) == 40
    assert "Close" not in world.calls
    client("close", fd=other)
    assert world.calls[-1] == "Close"


def test_fcntl_gives_the_flags_and_changes_some(client, world, fd):
    assert client("fcntl", fd=fd, cmd=3) == os.O_RDWR
    client("fcntl", fd=fd, cmd=4, arg=os.O_NONBLOCK | os.O_CREAT)

    assert client("fcntl", fd=fd, cmd=3) == os.O_RDWR | os.O_NONBLOCK
    assert "Fcntl" not in world.calls


def test_an_o_path_descriptor_is_good_for_its_place_only(client, world):
    world.make("/f")
    fd = client("open", path="/f", flags=os.O_PATH | os.O_RDWR)["fd"]

    assert client("fstat", fd=fd)["fid"]
    for call, args in (("read", {"length": 1}), ("getxattr", {"name": "user.x"}), ("flock", {"operation": 1})):
        assert failed(client, call, fd=fd, **args) == errno.EBADF
    assert client("fcntl", fd=fd, cmd=3) == os.O_PATH
    assert failed(client, "fsync", fd=fd) == errno.EBADF


@pytest.mark.parametrize(("call", "inside"), [("sendfile", True), ("sendfile", False), ("copy_file_range", False)])
def test_a_copy_that_fails_on_its_way_is_short_and_moves_both_positions(client, world, fd, call, inside, monkeypatch):
    """Once there was a part the call has done something, so it tells of that (fs/splice.c, splice_direct_to_actor)."""
    monkeypatch.setattr("client.osc.IO_BYTES_MAX", 8)
    monkeypatch.setattr("client.ops.space.IO_BYTES_MAX", 8)
    client("lseek", fd=fd, offset=0)
    to = client("open", path="/f" if inside else "/g", flags=RW)["fd"]
    client("lseek", fd=to, offset=40)

    def fails(node, request, caller):
        raise OSError(errno.ENOSPC, "full")

    write, written = world._oss_write, []

    def once(node, request, caller):
        written.append(request)
        return (write if len(written) < 3 else fails)(node, request, caller)

    monkeypatch.setattr(world, "_oss_write", once)

    assert client(call, fd=fd, to=to, length=40) == 16
    assert (client("lseek", fd=fd, offset=0, whence=1), client("lseek", fd=to, offset=0, whence=1)) == (16, 56)
    assert failed(client, call, fd=fd, to=to, length=40) == errno.ENOSPC
    assert client("lseek", fd=fd, offset=0, whence=1) == 16


def test_more_than_one_rpc_holds_is_copied_whole(client, world, fd, monkeypatch):
    monkeypatch.setattr("client.osc.IO_BYTES_MAX", 8)
    monkeypatch.setattr("client.ops.space.IO_BYTES_MAX", 8)
    to = client("open", path="/g", flags=RW)["fd"]

    assert client("copy_file_range", fd=fd, to=to, length=400, offset=2) == 38


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (8, errno.EOPNOTSUPP), (32, errno.EOPNOTSUPP), (64, errno.EOPNOTSUPP), (65, errno.EOPNOTSUPP),
        (9, errno.EINVAL), (33, errno.EINVAL), (40, errno.EINVAL), (80, errno.EINVAL), (2, errno.EOPNOTSUPP),
        (19, errno.EOPNOTSUPP), (4, errno.EOPNOTSUPP), (128, errno.EOPNOTSUPP),
    ],
)  # fmt: skip
def test_modes_that_are_none_here_and_those_that_exclude_each_other(client, world, fd, mode, error):
    """fs/open.c, vfs_fallocate of 6.1; what moves bytes between servers is EOPNOTSUPP last of all."""
    reading = client("open", path="/f")["fd"]
    world.calls.clear()

    assert failed(client, "fallocate", fd=fd, mode=mode, length=4096) == error
    first = error if mode not in (8, 32, 64, 65) else errno.EBADF
    assert failed(client, "fallocate", fd=reading, mode=mode, length=4096) == first
    assert world.calls == []


@pytest.fixture
def fifo(world):
    world.make("/p", stat.S_IFIFO | 0o666)


def test_a_file_is_sent_into_a_fifo_page_by_page(client, fifo, fd):
    """As many pages as there is room for, each as it lies in the file, and nothing is added to the last one."""
    client("write", fd=fd, data=bytes(4096 * PAGES_MAX))
    out, into = (client("open", path="/p", flags=flags | os.O_NONBLOCK)["fd"] for flags in (os.O_RDONLY, os.O_WRONLY))
    assert client("sendfile", fd=fd, to=into, length=10, offset=0) == 10
    assert client("write", fd=into, data=b"x") == 1

    assert client("sendfile", fd=fd, to=into, length=1 << 20, offset=96) == 4096 * (PAGES_MAX - 2) - 96
    assert failed(client, "sendfile", fd=fd, to=into, length=1, offset=0) == errno.EAGAIN
    client("close", fd=out)
    assert failed(client, "sendfile", fd=fd, to=into, length=0, offset=0) == errno.EPIPE


def test_who_sends_into_a_full_fifo_waits(client, fifo, fd):
    both = client("open", path="/p", flags=os.O_RDWR)["fd"]
    client("write", fd=both, data=bytes(4096 * PAGES_MAX))
    waits = client.begin("sendfile", fd=fd, to=both, length=9, offset=0)
    assert not waits.done()

    client("read", fd=both, length=4096)

    assert client.ended(waits) == 9


def test_the_source_is_asked_for_twice_and_the_fifo_never(client, world, fifo, fd):
    """fs/read_write.c, do_sendfile; fs/splice.c, do_splice_to."""
    both = client("open", path="/p", flags=os.O_RDWR)["fd"]
    world.calls.clear()

    assert client("sendfile", fd=fd, to=both, length=3, offset=0) == 3
    assert world.calls == ["Read", "Read"]
