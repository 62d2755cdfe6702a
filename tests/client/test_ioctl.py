"""ioctl(2) of a client: what concerns descriptors, once the server was asked."""

import errno
import os
import stat
import struct
from fcntl import F_GETFL

import pytest

from labelproof.v1 import mds_pb2, oss_pb2

FIONBIO, FIOASYNC, FIONREAD = 0x5421, 0x5452, 0x541B
FICLONE, FICLONERANGE, FIDEDUPERANGE = 0x40049409, 0x4020940D, 0xC0189436
RESVSP, UNRESVSP, ZERO_RANGE = 0x40305828, 0x40305829, 0x40305839


@pytest.fixture
def world(world):
    """One whose server refuses to share blocks, as ours does."""

    def ioctl(node, request, caller):
        if request.cmd in (FICLONE, FICLONERANGE, FIDEDUPERANGE):
            raise OSError(errno.EOPNOTSUPP, "no")
        return mds_pb2.IoctlReply(value=40)

    world._mds_ioctl = ioctl
    world.make("/f"), world.make("/g")
    world.make("/d", stat.S_IFDIR | 0o777)
    return world


def failed(client, **args) -> int:
    return client.reply("ioctl", **args).errno


@pytest.mark.parametrize(("cmd", "flag"), [(FIONBIO, os.O_NONBLOCK), (FIOASYNC, 0x2000)])
def test_flags_of_the_file_are_switched_by_number(client, cmd, flag):
    fd = client("open", path="/f")["fd"]
    client("ioctl", fd=fd, cmd=cmd, arg=1)
    assert client("fcntl", fd=fd, cmd=F_GETFL) == flag

    client("ioctl", fd=fd, cmd=cmd, arg=0)

    assert client("fcntl", fd=fd, cmd=F_GETFL) == 0


def test_what_can_be_read_is_counted_from_the_position(client):
    fd = client("open", path="/f")["fd"]
    client("lseek", fd=fd, offset=15)

    assert client("ioctl", fd=fd, cmd=FIONREAD) == 25


@pytest.mark.parametrize(
    ("target", "source", "error"),
    [
        ("/f", "/g", errno.EOPNOTSUPP), ("/f", "", errno.EBADF), ("/f", "/d", errno.EISDIR),
        ("/f", "/f write-only", errno.EBADF), ("/f append", "/g", errno.EBADF), ("/f read-only", "/g", errno.EBADF),
    ],
)  # fmt: skip
def test_sharing_blocks_is_refused_in_the_kernels_order(client, world, target, source, error):
    """The descriptors are looked at once the hook has allowed it, and before the filesystem says no
    (fs/remap_range.c, do_clone_file_range)."""
    modes = {"write-only": os.O_WRONLY, "append": os.O_WRONLY | os.O_APPEND, "read-only": os.O_RDONLY}

    def fd(text: str) -> int:
        path, _, mode = text.partition(" ")
        flags = modes.get(mode, os.O_RDONLY if path == "/d" else os.O_RDWR)
        return client("open", path=path, flags=flags)["fd"] if path else 99

    to, src = fd(target), fd(source)

    assert failed(client, fd=to, cmd=FICLONE, arg=src) == error
    assert failed(client, fd=to, cmd=FICLONERANGE, data=struct.pack("=q3Q", src, 0, 0, 0)) == error
    assert failed(client, fd=to, cmd=FICLONERANGE, data=b"short") == errno.EFAULT
    world.refuse["Mds/Ioctl"] = [PermissionError(errno.EACCES, "ioctl")]
    assert failed(client, fd=to, cmd=FICLONE, arg=99) == errno.EACCES


@pytest.mark.parametrize(
    ("path", "flags", "head", "error"),
    [
        ("/f", os.O_RDONLY, (0, 1, 1, 0, 0), errno.EOPNOTSUPP), ("/f", os.O_WRONLY, (0, 1, 1, 0, 0), errno.EINVAL),
        ("/f", os.O_RDONLY, (0, 1, 1, 0, 7), errno.EINVAL), ("/d", os.O_RDONLY, (0, 1, 1, 0, 0), errno.EISDIR),
        ("/f", os.O_RDONLY, (0, 1, 200, 0, 0), errno.ENOMEM),
    ],
)  # fmt: skip
def test_finding_the_same_blocks_is_refused_likewise(client, path, flags, head, error):
    """fs/ioctl.c, ioctl_file_dedupe_range; fs/remap_range.c, vfs_dedupe_file_range."""
    fd = client("open", path=path, flags=flags)["fd"]

    assert failed(client, fd=fd, cmd=FIDEDUPERANGE, data=struct.pack("=QQHHI", *head) + bytes(32)) == error


@pytest.mark.parametrize(("cmd", "zero"), [(RESVSP, False), (UNRESVSP, True), (ZERO_RANGE, True)])
def test_space_is_reserved_by_number_too(client, world, cmd, zero):
    """fallocate that keeps the size, from an offset of lseek's kind (fs/ioctl.c, ioctl_preallocate)."""
    fd = client("open", path="/f", flags=os.O_RDWR)["fd"]
    client("lseek", fd=fd, offset=3)
    for whence, error in ((1, 0), (9, errno.EINVAL)):
        data = struct.pack("@hhqq24x", 0, whence, 2, 2)
        assert failed(client, fd=fd, cmd=cmd, data=data) == error

    (sent,) = (request for request in world.requests if isinstance(request, oss_pb2.FallocateRequest))
    assert (sent.offset, sent.length, sent.zero, sent.grow) == (5, 2, zero, False)
