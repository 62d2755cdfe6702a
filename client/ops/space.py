"""Copies between open files, space within one, and what makes data durable."""

from __future__ import annotations

import errno
import os
import stat

from client.args import U32, Offset
from client.ctx import Ctx
from client.file import OFFSET_MAX, OpenFile
from client.ops.data import access, directory, end_of, in_range
from client.osc import IO_BYTES_MAX
from client.pipes import PAGE_BYTES, End
from host.stripes import BLOCK_BYTES, block_end
from lsm.hooks import MAY_READ, MAY_WRITE

# include/uapi/linux/falloc.h
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE, INSERT_RANGE, UNSHARE_RANGE = 1, 2, 8, 16, 32, 64
_MODES = KEEP_SIZE | PUNCH_HOLE | COLLAPSE_RANGE | ZERO_RANGE | INSERT_RANGE | UNSHARE_RANGE


async def fallocate(ctx: Ctx, fd: int, length: int, offset: int = 0, mode: U32 = 0) -> None:
    """fallocate(2): plain, FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE. Nothing is set aside: objects are sparse.

    What moves bytes of a striped file from server to server, _COLLAPSE_RANGE and _INSERT_RANGE, is EOPNOTSUPP, as with
    Lustre, and so is _UNSHARE_RANGE, as on ext4. Errors in the order of fs/open.c, vfs_fallocate.
    """
    file = ctx.file(fd)
    if offset < 0 or length <= 0:
        raise OSError(errno.EINVAL, f"a range of {length} bytes from {offset}")
    _check_mode(mode)
    file.opened_for(MAY_WRITE)
    if not stat.S_ISREG(file.entry.mode):
        disk = errno.EOPNOTSUPP if stat.S_ISBLK(file.entry.mode) else errno.ENODEV
        number = errno.ESPIPE if stat.S_ISFIFO(file.entry.mode) else disk
        raise OSError(number, "only a regular file has space to set aside")
    access(ctx, fd, MAY_WRITE)
    if offset + length > OFFSET_MAX:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if mode & (COLLAPSE_RANGE | INSERT_RANGE | UNSHARE_RANGE):
        raise OSError(errno.EOPNOTSUPP, f"fallocate mode {mode:#x}")
    if mode & PUNCH_HOLE and (offset + length) % BLOCK_BYTES:
        length = _to_block_end(await end_of(ctx, ctx.file(fd)), offset, length)
    zero = bool(mode & (PUNCH_HOLE | ZERO_RANGE))
    await ctx.osc(file).allocate(offset, length, zero=zero, grow=not mode & KEEP_SIZE)


async def copy_file_range(
    ctx: Ctx, fd: int, to: int, length: U32, offset: Offset | None = None, to_offset: Offset | None = None,
    flags: U32 = 0,
) -> int:  # fmt: skip
    """copy_file_range(2) from `fd` to `to`, at the file positions where no offset is given; how many bytes."""
    if flags:
        raise OSError(errno.EINVAL, f"copy_file_range flags {flags:#x}")
    source, target = ctx.file(fd), ctx.file(to)
    may_copy(source, target)
    at = source.pos if offset is None else offset
    onto = target.pos if to_offset is None else to_offset
    if onto >= target.bytes_max:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    if source.entry.fid == target.entry.fid:
        length = min(length, max(0, await end_of(ctx, ctx.file(fd)) - at))
        if at < onto + length and onto < at + length:
            raise OSError(errno.EINVAL, "the two ranges of the file overlap")
    copied = await _all(ctx, fd, to, at, onto, length)
    if not copied:
        return 0
    source.accessed(ctx.node.clock.mono_ns())
    # In this order, as both may be the same open file.
    if offset is None:
        source.pos = at + copied
    if to_offset is None:
        target.pos = onto + copied
    return copied


async def sendfile(ctx: Ctx, fd: int, to: int, length: U32, offset: Offset | None = None) -> int:
    """sendfile(2) from `fd` to the file position of `to`; how many bytes. EINVAL for a file of O_APPEND.

    A fifo takes, once, as many pages as it has room for; EAGAIN, EPIPE as write (fs/splice.c, splice_file_to_pipe).
    """
    source, target = ctx.file(fd), ctx.file(to)
    source.opened_for(MAY_READ)
    if offset is not None and stat.S_ISFIFO(source.entry.mode):
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))
    at = source.pos if offset is None else offset
    in_range(at, length)
    await directory(ctx, ctx.file(fd))
    await _may_be_sent_to(ctx, fd, to)
    onto = target.pos
    if isinstance(target.device, End):
        copied = await _piped(ctx, fd, target.device, at, length)
    else:
        _sendable(source, length)
        copied = await _all(ctx, fd, to, at, onto, length) if length else 0
    source.accessed(ctx.node.clock.mono_ns())
    target.pos = target.moved(onto + copied)
    if offset is None:
        source.pos = at + copied
    return copied


async def fsync(ctx: Ctx, fd: int) -> None:
    """fsync(2), fdatasync(2): whatever a server has answered is durable, so there is nothing left to send."""
    mode = ctx.file(fd).entry.mode
    if stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFBLK):
        raise OSError(errno.EINVAL, "what has no data cannot be synced")


async def sync(ctx: Ctx) -> None:
    """sync(2): see fsync."""


def _to_block_end(size: int, offset: int, length: int) -> int:
    """A hole that goes beyond the file's end frees all of the block there (fs/ext4/inode.c, ext4_punch_hole)."""
    last = block_end(size)
    return last - offset if offset < size < offset + length < last else length


def _check_mode(mode: int) -> None:
    """EOPNOTSUPP for what is no mode, EINVAL for two that do not go together."""
    holes = mode & (PUNCH_HOLE | ZERO_RANGE)
    if mode & ~_MODES or holes == PUNCH_HOLE | ZERO_RANGE or (mode & PUNCH_HOLE and not mode & KEEP_SIZE):
        raise OSError(errno.EOPNOTSUPP, f"fallocate mode {mode:#x}")
    for alone in (COLLAPSE_RANGE, INSERT_RANGE):
        if mode & alone and mode != alone:
            raise OSError(errno.EINVAL, f"fallocate mode {mode:#x}")
    if mode & UNSHARE_RANGE and mode & ~(UNSHARE_RANGE | KEEP_SIZE):
        raise OSError(errno.EINVAL, f"fallocate mode {mode:#x}")


def may_copy(source: OpenFile, target: OpenFile) -> None:
    """fs/read_write.c, generic_file_rw_checks."""
    if source.entry.is_dir or target.entry.is_dir:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISREG(source.entry.mode) and stat.S_ISREG(target.entry.mode)):
        raise OSError(errno.EINVAL, "only regular files are copied")
    source.opened_for(MAY_READ)
    target.opened_for(MAY_WRITE)
    if target.flags & os.O_APPEND:
        raise OSError(errno.EBADF, "a copy goes where it is told, not to the end")


async def _may_be_sent_to(ctx: Ctx, fd: int, to: int) -> None:
    """EBADF and EINVAL for a target, which are known once the source was asked for (fs/read_write.c, do_sendfile)."""
    target = ctx.file(to)
    try:
        target.opened_for(MAY_WRITE)
    except OSError:
        await _asked(ctx, fd, MAY_READ, 1)
        raise
    if target.flags & os.O_APPEND and not stat.S_ISFIFO(target.entry.mode):
        await _asked(ctx, fd, MAY_READ, 1)
        await _asked(ctx, to, MAY_WRITE, 1)
        raise OSError(errno.EINVAL, "sendfile does not append")


def _sendable(source: OpenFile, length: int) -> None:
    if length and not stat.S_ISREG(source.entry.mode):
        raise OSError(errno.EINVAL, "only a regular file's bytes are sent")


async def _piped(ctx: Ctx, fd: int, end: End, at: int, length: int) -> int:
    """As much as there is, and room for, which others may have taken by the time that it is read.

    As in the kernel the source is asked for twice, the fifo never (fs/read_write.c, do_sendfile; do_splice_to).
    """
    await _asked(ctx, fd, MAY_READ, 1)
    while True:
        room = await end.room() * PAGE_BYTES - at % PAGE_BYTES
        _sendable(ctx.file(fd), length)
        data = await ctx.content(access(ctx, fd, MAY_READ)).read(at, min(length, room)) if length else b""
        sent = end.pipe.splice(data, at)
        if sent or not data:
            return sent


async def _all(ctx: Ctx, fd: int, to: int, at: int, onto: int, length: int) -> int:
    """As much as there is, part by part; how many bytes. Once there was a part, what fails ends it short (fs/splice.c,
    splice_direct_to_actor)."""
    # What was just written may be behind the end that the read met.
    grows = ctx.file(fd).entry.fid == ctx.file(to).entry.fid
    copied = part = await _copied(ctx, fd, to, at, onto, length)
    while part and copied < length and (grows or part == IO_BYTES_MAX):
        try:
            part = await _copied(ctx, fd, to, at + copied, onto + copied, length - copied)
        except OSError:
            break
        copied += part
    return copied


async def _copied(ctx: Ctx, fd: int, to: int, at: int, onto: int, length: int) -> int:
    """Reads, then writes, each under its own checks; no more than one rpc's worth a stripe.

    The kernel asks for both ends, and then again as the bytes go through a pipe: read write, write read write
    (fs/read_write.c, fs/splice.c, do_splice_direct). So does this where anything is asked at all, which the servers
    tell: label or policy have moved since the open.
    """
    source = ctx.content(access(ctx, fd, MAY_READ))
    data = await source.read(at, min(length, IO_BYTES_MAX))
    if not data:
        await _asked(ctx, to, MAY_WRITE, 1)
        return 0
    if source.judged:
        await _asked(ctx, to, MAY_WRITE, 2)
        await _asked(ctx, fd, MAY_READ, 1)
        return await ctx.content(access(ctx, to, MAY_WRITE)).write(onto, data)
    target = ctx.content(access(ctx, to, MAY_WRITE))
    written = await target.write(onto, data)
    await _asked(ctx, to, MAY_WRITE, 2 * target.judged)
    return written


async def _asked(ctx: Ctx, fd: int, mask: int, times: int) -> None:
    """One access more to no bytes, and another as long as anybody is asked for it."""
    for _ in range(times if stat.S_ISREG(ctx.file(fd).entry.mode) else 0):
        osc = ctx.content(access(ctx, fd, mask))
        await osc.ask(mask)
        if not osc.judged:
            return
