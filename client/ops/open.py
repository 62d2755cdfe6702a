"""open and close."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Iterator
from typing import Any

from client.args import U32, Path
from client.ctx import Ctx
from client.entry import Entry, decoded
from client.file import OpenFile, install
from client.mdc import Place
from client.pipes import End
from client.walk import Last
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import Opened

# fs/open.c, O_PATH_FLAGS
_BESIDE_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


async def open(ctx: Ctx, path: Path, flags: U32 = 0, mode: U32 = 0o666) -> dict[str, Any]:
    """open(2): {"fd", "fid", "labels", "created"}. A final link is followed, but for O_NOFOLLOW and O_CREAT|O_EXCL.

    Of a fifo it waits for the other end (client/pipes.py): EINTR when the task or the node ends meanwhile.
    """
    if flags & os.O_PATH:
        flags &= _BESIDE_PATH
    _check_flags(flags)
    last = await ctx.last(path)
    return await _file(ctx, await _opened(ctx, last, flags, mode & 0o7777), flags, ctx.absolute(path))


async def reopen(ctx: Ctx, fd: int, flags: U32 = 0) -> dict[str, Any]:
    """open(2) of /proc/self/fd/N: the file behind a descriptor, of O_PATH too, once more and checked anew; as open."""
    file = ctx.file(fd, path=True)
    if flags & os.O_PATH:
        flags &= _BESIDE_PATH
    if flags & os.O_NOFOLLOW and (flags & os.O_DIRECTORY or not flags & os.O_PATH):
        number = errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP
        raise OSError(number, "what stands in /proc/self/fd is a link")
    if ctx.guard.on and not flags & os.O_PATH:
        ctx.guard.opening(file.entry, b"", file.entry, flags)
    request = pb.OpenRequest(place=Place.opened(file.handle).message, flags=flags & ~os.O_NOFOLLOW)
    reply = await ctx.patiently("open", request, wait=not flags & os.O_NONBLOCK)
    return await _file(ctx, reply, flags, file.path)


def _check_flags(flags: int) -> None:
    """EINVAL before any path is walked (fs/open.c, build_open_flags)."""
    if flags & (os.O_CREAT | os.O_DIRECTORY) == os.O_CREAT | os.O_DIRECTORY:
        raise OSError(errno.EINVAL, "O_CREAT and O_DIRECTORY together")
    tmpfile = flags & os.O_TMPFILE & ~os.O_DIRECTORY
    if tmpfile and (not flags & os.O_DIRECTORY or flags & os.O_ACCMODE == os.O_RDONLY):
        raise OSError(errno.EINVAL, "O_TMPFILE makes a file to write to")


async def _file(ctx: Ctx, reply: pb.OpenReply, flags: int, path: bytes | None) -> dict[str, Any]:
    """The open file of a reply, as one of the task's."""
    entry = Entry.of(reply.attr.entry, reply.ticket)
    file = OpenFile(
        ctx.mount, ctx.caller, reply.handle, reply.token, tuple(reply.layout.osts), reply.layout.stripe_size, flags,
        entry, Opened(entry.version, ctx.node.policy.seqno), path=path,
    )  # fmt: skip
    fd = await _installed(ctx, file, reply.attr.rdev)
    return {"fd": fd, "fid": str(entry.fid), "labels": dict(entry.labels), "created": reply.created}


async def close(ctx: Ctx, fd: int) -> None:
    """close(2); the descriptor is free whatever the server answers."""
    file = ctx.file(fd, path=True)
    # Any descriptor of the file takes the process's locks with it, whichever they came by (fs/locks.c,
    # locks_remove_posix); where the server's handle goes too, it does that.
    locked = [other for other in _of(ctx, file) if other.locked]
    del ctx.task.fds[fd]
    if any(other is file for other in ctx.task.fds.values()):
        if locked and not file.flags & os.O_PATH:
            await ctx.send("lock", pb.LockRequest(handle=file.handle, posix=True, closes=True))
        return
    await ctx.send("close", file.closing(ctx.node.clock.mono_ns()))


def _of(ctx: Ctx, file: OpenFile) -> Iterator[OpenFile]:
    """What the task has open of the same inode."""
    files = (other for other in ctx.task.fds.values() if isinstance(other, OpenFile))
    return (other for other in files if other.entry.fid == file.entry.fid)


async def _directory(ctx: Ctx, last: Last, flags: int) -> Last:
    """A path with a trailing slash names a directory, which open does not create (fs/namei.c, do_open_last: EISDIR)."""
    if flags & os.O_CREAT:
        await ctx.walk.search(last.parent)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), decoded(last.name))
    found = await ctx.walk.find(last)
    return Last((*found.last.dirs, found.entry), b"")


async def _opened(ctx: Ctx, last: Last, flags: int, mode: int) -> pb.OpenReply:
    """The reply for what stands, in the end, behind the links at `last`."""
    follow = not flags & os.O_NOFOLLOW and flags & (os.O_CREAT | os.O_EXCL) != os.O_CREAT | os.O_EXCL
    while True:
        if last.slash and last.name:
            last = await _directory(ctx, last, flags)
        found = await ctx.peek(last)
        if found is not None and found.is_symlink and follow:
            last = await ctx.walk.through(last, found)
            continue
        claim = _checked(ctx, last, found, flags, mode) if ctx.guard.on else None
        try:
            return await _send(ctx, last, flags, mode, claim)
        except OSError as error:
            link = error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and flags & os.O_DIRECTORY)
            if not (follow and link and last.name):
                raise
            last = await _through(ctx, last, error)


async def _through(ctx: Ctx, last: Last, refusal: OSError) -> Last:
    """Where the link leads that open met; `refusal` again if it met none."""
    try:
        return await ctx.walk.through(last)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise refusal from None


async def _send(ctx: Ctx, last: Last, flags: int, mode: int, claim: pb.Claim | None) -> pb.OpenReply:
    place = Place.named(last)
    request = pb.OpenRequest(place=place.message, flags=flags, mode=mode, umask=ctx.task.umask, claim=claim)
    reply: pb.OpenReply = await ctx.patiently("open", request, place.ticket, wait=not flags & os.O_NONBLOCK)
    return reply


def _checked(ctx: Ctx, last: Last, found: Entry | None, flags: int, mode: int) -> pb.Claim | None:
    """The client's own checks; the label claimed if the file is to be created."""
    if flags & os.O_PATH:
        return None
    if found is not None and flags & os.O_TMPFILE == os.O_TMPFILE:
        return _checked_tmpfile(ctx, found, flags, mode)
    if found is not None and flags & (os.O_CREAT | os.O_EXCL) != os.O_CREAT | os.O_EXCL:
        ctx.guard.opening(last.parent, last.name, found, flags)
        return None
    if not flags & os.O_CREAT:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), decoded(last.name))
    born = stat.S_IFREG | mode & ~ctx.task.umask
    claim = ctx.guard.making("create", last.parent, last.name, born, exists=found is not None)
    ctx.guard.opened_new(claim, last.name, born, flags)
    return claim


def _checked_tmpfile(ctx: Ctx, directory: Entry, flags: int, mode: int) -> pb.Claim | None:
    """O_TMPFILE: the directory, then the file as if it were opened; it has no name that a rule could look at."""
    born = stat.S_IFREG | mode & ~ctx.task.umask
    claim = ctx.guard.making("tmpfile", directory, b"", born, exists=False, role="directory")
    ctx.guard.opened_new(claim, b"", born, flags)
    return claim


async def _installed(ctx: Ctx, file: OpenFile, number: int) -> int:
    """The descriptor. Where there is none left, or no driver for a device of that `number`, or nobody to wait for it
    any more, the server's handle is given back."""
    try:
        if ctx.task.ended:
            raise InterruptedError(errno.EINTR, "the task is gone")
        if not file.flags & os.O_PATH:
            file.device = ctx.mount.devices.opened(file, number)
        fd = install(ctx.task, file)
    except OSError:
        await ctx.send("close", file.closing(0))
        raise
    if isinstance(file.device, End):
        await _met(ctx, fd, file, file.device)
    return fd


async def _met(ctx: Ctx, fd: int, file: OpenFile, end: End) -> None:
    """Once a fifo has its other end. A logout finds the file among the task's, and gives it up."""
    file.waits = True
    try:
        await end.partner()
    except asyncio.CancelledError:
        # The node ends: servers let go of what it has.
        file.closing(0)
        ctx.task.fds.pop(fd, None)
        raise
    except OSError:
        if ctx.task.fds.pop(fd, None) is not None:
            await ctx.send("close", file.closing(0))
        raise
    finally:
        file.waits = False
