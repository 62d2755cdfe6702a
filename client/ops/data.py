"""The bytes of an open file."""

from __future__ import annotations

import errno
import os
import stat

from client.args import U32, Offset
from client.ctx import Ctx
from client.file import OFFSET_MAX, OpenFile
from client.mdc import Place
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import MAY_APPEND, MAY_READ, MAY_WRITE

# A disk's, to which direct access is bound.
SECTOR_BYTES = 512
_WHENCE = (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END, os.SEEK_DATA, os.SEEK_HOLE)


async def read(ctx: Ctx, fd: int, length: U32) -> bytes:
    """read(2) at the file position, which moves on; empty at the end of the file."""
    file = ctx.file(fd)
    await directory(ctx, file)
    _allowed(ctx, file, MAY_READ)
    async with file.positioned():
        in_range(file.pos, length)
        data = await bytes_of(ctx, file, file.pos, length)
        file.pos = file.moved(file.pos + len(data))
    return data


async def write(ctx: Ctx, fd: int, data: bytes) -> int:
    """write(2) at the file position, which moves on; with O_APPEND at the end. How many bytes were written.

    The end is asked for before the write, so appends of two clients at once may overlap: there are no extent locks.
    """
    file = access(ctx, fd, MAY_WRITE)
    async with file.positioned():
        in_range(file.pos, len(data))
        at = await end_of(ctx, file) if data and file.flags & os.O_APPEND else file.pos
        written = await _put(ctx, file, at, data)
        file.pos = file.moved(at + written)
    return written


async def pread(ctx: Ctx, fd: int, length: U32, offset: Offset) -> bytes:
    """pread(2). ESPIPE for a fifo."""
    file = ctx.file(fd)
    _seekable(file)
    await directory(ctx, file)
    _allowed(ctx, file, MAY_READ)
    in_range(offset, length)
    return await bytes_of(ctx, file, offset, length)


async def pwrite(ctx: Ctx, fd: int, data: bytes, offset: Offset) -> int:
    """pwrite(2). With O_APPEND it appends all the same, as Linux does (pwrite(2), BUGS). ESPIPE for a fifo."""
    file = ctx.file(fd)
    _seekable(file)
    _allowed(ctx, file, MAY_WRITE)
    in_range(offset, len(data))
    at = await end_of(ctx, file) if file.flags & os.O_APPEND else offset
    return await _put(ctx, file, at, data)


async def lseek(ctx: Ctx, fd: int, offset: int, whence: U32 = os.SEEK_SET) -> int:
    """lseek(2); the new position. In a directory that is the place behind an entry, as telldir(3) has it."""
    file = ctx.file(fd)
    async with file.moving:
        if whence not in _WHENCE:
            raise OSError(errno.EINVAL, f"argument 'whence' is {whence}: none of SEEK_*")
        _seekable(file)
        if file.device is not None:
            wanted = file.device.seek(file.pos, offset, whence)
        elif whence in (os.SEEK_DATA, os.SEEK_HOLE):
            wanted = await _next(ctx, file, offset, hole=whence == os.SEEK_HOLE)
        else:
            base = {os.SEEK_SET: 0, os.SEEK_CUR: file.pos}
            wanted = offset + (await _end(ctx, file) if whence == os.SEEK_END else base[whence])
        if not 0 <= wanted <= file.bytes_max:
            raise OSError(errno.EINVAL, f"argument 'offset' leads to {wanted}")
        file.pos = wanted
    return file.pos


def _seekable(file: OpenFile) -> None:
    """ESPIPE for what has no positions (FMODE_LSEEK, FMODE_PREAD)."""
    if stat.S_ISFIFO(file.entry.mode):
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))


async def _end(ctx: Ctx, file: OpenFile) -> int:
    """The end that a position is counted from; a directory's is behind all places that there can be."""
    return OFFSET_MAX if file.entry.is_dir else await end_of(ctx, file)


async def _next(ctx: Ctx, file: OpenFile, offset: int, *, hole: bool) -> int:
    """SEEK_DATA and SEEK_HOLE (fs/iomap/seek.c). ENXIO for an offset that is not in the file, or behind its last data;
    what is no regular file is all data (fs/read_write.c, generic_file_llseek_size)."""
    found: int | None
    if stat.S_ISREG(file.entry.mode):
        found, end = await ctx.osc(file).seek(max(offset, 0), hole=hole)
    else:
        end = await _end(ctx, file)
        found = end if hole else offset
    if found is None or not 0 <= offset < end or (found >= end and not hole):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    return min(found, end)


async def bytes_of(ctx: Ctx, file: OpenFile, offset: int, length: int) -> bytes:
    """Reads, and notes that it did: the end of the file counts, a read of nothing does not (mm/filemap.c)."""
    if not _aligned(file, offset, length):
        await ctx.content(file).ask(MAY_READ)
        data = None if offset < await end_of(ctx, file) else b""
    else:
        data = await ctx.content(file).read(offset, length)
    if length:
        file.accessed(ctx.node.clock.mono_ns())
    if data is None:
        raise OSError(errno.EINVAL, f"direct: {length} bytes from {offset}; sectors have {SECTOR_BYTES}")
    return data


async def _put(ctx: Ctx, file: OpenFile, at: int, data: bytes) -> int:
    if not _aligned(file, at, len(data)):
        await ctx.content(file).ask(MAY_WRITE)
        raise OSError(errno.EINVAL, f"direct: {len(data)} bytes at {at}; sectors have {SECTOR_BYTES}")
    return await ctx.content(file).write(at, data)


def _aligned(file: OpenFile, at: int, length: int) -> bool:
    """Whether an access may go past the page cache, where it has to: by whole sectors (fs/iomap/direct-io.c,
    iomap_dio_bio_iter)."""
    return not (file.flags & os.O_DIRECT and length and (at | length) % SECTOR_BYTES)


def in_range(offset: int, length: int) -> None:
    """EINVAL for what would reach beyond the largest offset that there is (fs/read_write.c, rw_verify_area)."""
    if offset + length > OFFSET_MAX:
        raise OSError(errno.EINVAL, f"{length} bytes from {offset} reach beyond {OFFSET_MAX}")


def access(ctx: Ctx, fd: int, mask: int) -> OpenFile:
    """The open file after the client's own check of this access (fs/read_write.c, rw_verify_area)."""
    file = ctx.file(fd)
    _allowed(ctx, file, mask)
    return file


def _allowed(ctx: Ctx, file: OpenFile, mask: int) -> None:
    file.require(mask)
    appending = mask == MAY_WRITE and file.flags & os.O_APPEND
    ctx.guard.file(file.entry, mask | MAY_APPEND if appending else mask, file.opened)


async def directory(ctx: Ctx, file: OpenFile) -> None:
    """A directory has no bytes, and who may read it is asked all the same (fs/read_write.c, rw_verify_area)."""
    file.opened_for(MAY_READ)
    if file.entry.is_dir:
        await ctx.send("readdir", pb.ReaddirRequest(handle=file.handle, count=1, noatime=True))


async def end_of(ctx: Ctx, file: OpenFile) -> int:
    """Where the file ends now, by the MDS; like a seek in the kernel, it needs no `getattr`."""
    reply = await ctx.send("getattr", pb.GetattrRequest(place=Place.opened(file.handle).message, end=True))
    return int(reply.attr.size)
