"""Devices, fifos and direct access: bytes that are no server's, or that go past the page cache."""

import errno
import os
import stat
from fcntl import F_GETFL, F_SETFL

import pytest

from client.devices import RAM_BYTES

ENDS = {"data": os.SEEK_DATA, "hole": os.SEEK_HOLE, "end": os.SEEK_END, "set": os.SEEK_SET}


@pytest.fixture
def world(world):
    for name, kind, minor in (
        ("null", stat.S_IFCHR, 3), ("zero", stat.S_IFCHR, 5), ("full", stat.S_IFCHR, 7), ("ram", stat.S_IFBLK, 0),
        ("none", stat.S_IFCHR, 99), ("disk", stat.S_IFBLK, 99),
    ):  # fmt: skip
        world.make(f"/{name}", kind | 0o666, rdev=os.makedev(1, minor))
    world.make("/p", stat.S_IFIFO | 0o666)
    return world


def failed(client, call, **args) -> int:
    return client.reply(call, **args).errno


def opened(client, path: str, flags: int = os.O_RDWR) -> int:
    return client("open", path=path, flags=flags)["fd"]


@pytest.mark.parametrize("path", ["/none", "/disk"])
def test_a_device_without_a_driver_cannot_be_opened(client, world, path):
    """The server has allowed it by then (fs/char_dev.c, chrdev_open: ENXIO), and its handle goes back; its place may be
    had."""
    assert failed(client, "open", path=path, flags=os.O_RDONLY) == errno.ENXIO
    assert (world.calls[-2:], world.handles) == (["Open", "Close"], {})
    opened(client, path, os.O_PATH)


@pytest.mark.parametrize(
    ("path", "bytes_", "error"), [("/null", b"", 0), ("/zero", b"\0" * 5, 0), ("/full", b"\0" * 5, 28)]
)
def test_character_devices_of_memory(client, world, path, bytes_, error):
    """null, zero and full; where one seeks to is always the beginning (null_lseek), and no server is asked."""
    fd = opened(client, path)
    world.calls.clear()

    assert client("read", fd=fd, length=5) == client("pread", fd=fd, length=5, offset=9) == bytes_
    assert failed(client, "write", fd=fd, data=b"abc") == error
    assert [client("lseek", fd=fd, offset=7, whence=whence) for whence in ENDS.values()] == [0] * 4
    assert failed(client, "lseek", fd=fd, offset=0, whence=9) == errno.EINVAL
    assert world.calls == []
    assert failed(client, "copy_file_range", fd=fd, to=fd, length=1) == errno.EINVAL
    assert failed(client, "fsync", fd=fd) == errno.EINVAL


def test_a_file_is_sent_to_null(client):
    fd = opened(client, "/f", os.O_RDWR | os.O_CREAT)
    client("write", fd=fd, data=b"12345")

    assert client("sendfile", fd=fd, to=opened(client, "/null"), length=99, offset=0) == 5


def test_a_ram_disk_is_the_nodes(client):
    """What one opener wrote the other reads; it ends where it ends, and all of it is data."""
    fd, other = opened(client, "/ram"), opened(client, "/ram")
    client("write", fd=fd, data=b"abc")
    assert client("pread", fd=other, length=5, offset=1) == b"bc\0\0\0"

    assert client("lseek", fd=fd, offset=-2, whence=os.SEEK_END) == RAM_BYTES - 2
    assert client("write", fd=fd, data=b"wxyz") == 2
    assert failed(client, "write", fd=fd, data=b"z") == errno.ENOSPC
    assert client("read", fd=fd, length=1) == b""
    assert failed(client, "lseek", fd=fd, offset=1, whence=os.SEEK_END) == errno.EINVAL
    assert client("lseek", fd=fd, offset=5, whence=os.SEEK_DATA) == 5
    assert client("lseek", fd=fd, offset=5, whence=os.SEEK_HOLE) == RAM_BYTES
    assert failed(client, "lseek", fd=fd, offset=RAM_BYTES, whence=os.SEEK_DATA) == errno.ENXIO
    client("fsync", fd=fd)
    assert failed(client, "fallocate", fd=fd, length=1) == errno.EOPNOTSUPP


@pytest.mark.parametrize(
    ("call", "args", "error"),
    [
        ("read", {"length": 1}, errno.EAGAIN), ("copy_file_range", {"length": 1, "to": 3}, errno.EINVAL),
        ("pread", {"length": 1, "offset": 0}, errno.ESPIPE), ("pwrite", {"data": b"x", "offset": 0}, errno.ESPIPE),
        ("lseek", {"offset": 0}, errno.ESPIPE), ("lseek", {"offset": 0, "whence": 9}, errno.EINVAL),
    ],
)  # fmt: skip
def test_a_fifo_has_no_positions(client, call, args, error):
    assert failed(client, call, fd=opened(client, "/p", os.O_RDWR | os.O_NONBLOCK), **args) == error


@pytest.mark.parametrize(
    ("call", "at", "length", "error"),
    [
        ("pread", 0, 512, 0), ("pread", 0, 100, 22), ("pread", 1, 512, 22), ("pread", 1, 0, 0), ("pread", 1024, 100, 0),
        ("pread", 1001, 512, 0), ("pwrite", 512, 512, 0), ("pwrite", 512, 100, 22), ("pwrite", 2001, 512, 22),
        ("pwrite", 1, 0, 0),
    ],
)  # fmt: skip
def test_direct_access_is_by_whole_sectors(client, world, call, at, length, error):
    """EINVAL else, once MAC was asked; behind the end there is nothing to read, however that is asked for."""
    world.size_asked_of_mds = 1000
    fd = opened(client, "/f", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    client("write", fd=fd, data=bytes(512)), client("write", fd=fd, data=bytes(512))
    args = {"length": length} if call == "pread" else {"data": bytes(length)}
    assert failed(client, call, fd=fd, offset=at, **args) == error

    if error:
        world.refuse[f"Oss/{call[1:].title()}"] = [PermissionError(errno.EACCES, "relabelled")]
        assert failed(client, call, fd=fd, offset=at, **args) == errno.EACCES


def test_what_has_no_bytes_on_disks_is_not_read_past_the_page_cache(client, world):
    """F_SETFL with O_DIRECT, of a device of memory or a directory (fs/fcntl.c, setfl); a fifo may (pipe2(2))."""
    world.make("/d", stat.S_IFDIR | 0o777)
    for path, flags, error in (
        ("/null", os.O_RDWR, errno.EINVAL), ("/d", os.O_RDONLY, errno.EINVAL), ("/p", os.O_RDWR, 0),
        ("/ram", os.O_RDWR, 0), ("/f", os.O_RDWR | os.O_CREAT, 0),
    ):  # fmt: skip
        fd = opened(client, path, flags)
        assert failed(client, "fcntl", fd=fd, cmd=F_SETFL, arg=os.O_DIRECT) == error
        assert bool(client("fcntl", fd=fd, cmd=F_GETFL) & os.O_DIRECT) == (not error)
