"""ioctl(2). The server is asked whether, and knows most commands; what concerns descriptors is the client's own."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from typing import Any

from client.args import U32
from client.ctx import Ctx
from client.file import OFFSET_MAX, OpenFile, opened
from client.ops import space
from client.ops.data import end_of
from client.pipes import End
from labelproof.v1 import mds_pb2 as pb
from lsm import ioctls
from lsm.hooks import MAY_READ

# include/uapi/asm-generic/fcntl.h
FASYNC = 0x2000
_CLONE_RANGE, _DEDUPE_HEAD = struct.Struct("=q3Q"), struct.Struct("=QQHHI")
_DEDUPE_INFO_BYTES, _PAGE_BYTES = 32, 4096
# To the modes of fallocate.
_RESERVES = {
    ioctls.FS_IOC_RESVSP: 0,
    ioctls.FS_IOC_RESVSP64: 0,
    ioctls.FS_IOC_UNRESVSP: space.PUNCH_HOLE,
    ioctls.FS_IOC_UNRESVSP64: space.PUNCH_HOLE,
    ioctls.FS_IOC_ZERO_RANGE: space.ZERO_RANGE,
}
# struct space_resv: whence, start, length
_SPACE_RESV = struct.Struct("@2xhqq24x")


async def ioctl(ctx: Ctx, fd: int, cmd: U32, arg: U32 = 0, data: bytes = b"") -> Any:
    """ioctl(2): the number or the bytes that the command gives back. ENOTTY for what no file knows.

    `arg` is the argument, or the number that it points to; `data` is the structure that it points to.
    """
    file = ctx.file(fd)
    ctx.guard.check("ioctl", object=file.entry, cmd=cmd)
    try:
        reply = await ctx.send("ioctl", pb.IoctlRequest(handle=file.handle, cmd=cmd, arg=arg, data=data))
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP and cmd in _SHARING:
            _SHARING[cmd](ctx, file, arg, data)
        raise
    if cmd in _STATUS:
        file.flags = file.flags | _STATUS[cmd] if arg else file.flags & ~_STATUS[cmd]
    if cmd in _RESERVES and stat.S_ISREG(file.entry.mode):
        await _reserve(ctx, fd, _RESERVES[cmd], data)
    if reply.data:
        return bytes(reply.data)
    if cmd == ioctls.FIONREAD:
        return file.device.pipe.unread if isinstance(file.device, End) else int(reply.value) - file.pos
    return int(reply.value)


# What a command does to the file's own flags.
_STATUS = {ioctls.FIONBIO: os.O_NONBLOCK, ioctls.FIOASYNC: FASYNC}


async def _reserve(ctx: Ctx, fd: int, mode: int, data: bytes) -> None:
    """fallocate(2) by its older names (fs/ioctl.c, ioctl_preallocate)."""
    file = ctx.file(fd)
    whence, start, length = _unpacked(_SPACE_RESV, data)
    if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    base = {os.SEEK_SET: 0, os.SEEK_CUR: file.pos}
    start += await end_of(ctx, file) if whence == os.SEEK_END else base[whence]
    if start > OFFSET_MAX:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    await space.fallocate(ctx, fd, length, start, mode | space.KEEP_SIZE)


# --- sharing blocks: what the kernel sees before it finds that the filesystem does not -----------------------------


def _clone(ctx: Ctx, file: OpenFile, arg: int, data: bytes) -> None:
    """FICLONE: fs/remap_range.c, do_clone_file_range. EBADF, EXDEV, and as a copy."""
    source = opened(ctx.task, arg)
    if source.mount is not file.mount:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    space.may_copy(source, file)


def _clone_range(ctx: Ctx, file: OpenFile, arg: int, data: bytes) -> None:
    """FICLONERANGE: the same, from a struct file_clone_range."""
    _clone(ctx, file, _unpacked(_CLONE_RANGE, data)[0], b"")


def _dedupe_range(ctx: Ctx, file: OpenFile, arg: int, data: bytes) -> None:
    """FIDEDUPERANGE: fs/ioctl.c, ioctl_file_dedupe_range; fs/remap_range.c, vfs_dedupe_file_range."""
    _, _, count, *reserved = _unpacked(_DEDUPE_HEAD, data)
    if _DEDUPE_HEAD.size + count * _DEDUPE_INFO_BYTES > _PAGE_BYTES:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if any(reserved) or not file.grants(MAY_READ):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    if file.entry.is_dir:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(file.entry.mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


_SHARING: dict[int, Callable[[Ctx, OpenFile, int, bytes], None]] = {
    ioctls.FICLONE: _clone,
    ioctls.FICLONERANGE: _clone_range,
    ioctls.FIDEDUPERANGE: _dedupe_range,
}


def _unpacked(layout: struct.Struct, data: bytes) -> tuple[Any, ...]:
    """The beginning of a structure; EFAULT for less than that."""
    if len(data) < layout.size:
        raise OSError(errno.EFAULT, f"a structure of {layout.size} bytes at least, not of {len(data)}")
    return layout.unpack_from(data)
