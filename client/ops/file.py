"""What is asked of an open file besides its bytes: locks, mmap; and watches, which need none."""

from __future__ import annotations

import errno
import os
from typing import Any

from client.args import U32, Offset, Path
from client.ctx import Ctx
from client.file import OpenFile
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import Mark
from lsm.vfs import F_RDLCK, F_UNLCK, F_WRLCK

# include/uapi/linux/fcntl.h
LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8
IN_DONT_FOLLOW, IN_ONLYDIR = 0x02000000, 0x01000000
IN_ALL_EVENTS = 0xFFF
# All bits that inotify knows, and the two that exclude each other (ALL_INOTIFY_BITS; IN_MASK_CREATE, IN_MASK_ADD).
IN_KNOWN, IN_MASK_EITHER = 0xF700EFFF, 0x30000000
MARKS = {"inode": Mark.INODE, "mount": Mark.MOUNT, "filesystem": Mark.FILESYSTEM}
MAP_SHARED = 1


async def flock(ctx: Ctx, fd: int, operation: U32) -> None:
    """flock(2). EAGAIN with LOCK_NB; EINTR by `interrupt`."""
    kinds = {LOCK_SH: F_RDLCK, LOCK_EX: F_WRLCK, LOCK_UN: F_UNLCK}
    if operation & ~LOCK_NB not in kinds:
        raise OSError(errno.EINVAL, f"flock operation {operation}")
    kind = kinds[operation & ~LOCK_NB]
    file = ctx.file(fd)
    ctx.guard.check("flock", object=file.entry, cmd=kind, opened=True)
    await _locked(ctx, file, pb.LockRequest(handle=file.handle, type=kind, wait=not operation & LOCK_NB))


async def lockf(ctx: Ctx, fd: int, type: U32, start: Offset = 0, length: Offset = 0, wait: bool = False) -> None:
    """fcntl(2) with F_SETLK, or F_SETLKW (`wait`); `start` is an offset of the file. EAGAIN, EDEADLK, EINTR."""
    file = ctx.file(fd)
    ctx.guard.check("setlk", object=file.entry, cmd=type, opened=True)
    file.locked = True
    await _locked(ctx, file, _posix(file, type, start, length, wait=wait))


async def getlk(ctx: Ctx, fd: int, type: U32, start: Offset = 0, length: Offset = 0) -> dict[str, Any] | None:
    """fcntl(2) with F_GETLK: {"type", "start", "length", "pid"} of a lock in the way; None if there is none."""
    file = ctx.file(fd)
    ctx.guard.check("getlk", object=file.entry)
    reply = await ctx.send("lock", _posix(file, type, start, length, test=True))
    if reply.type == F_UNLCK:
        return None
    return {"type": reply.type, "start": reply.start, "length": reply.length, "pid": reply.pid}


async def interrupt(ctx: Ctx, fd: int) -> None:
    """As a signal to the task where it waits for a lock on this file: the wait ends with EINTR."""
    file = ctx.file(fd)
    file.interrupted = True
    for posix in (False, True):
        await ctx.send("lock", pb.LockRequest(handle=file.handle, posix=posix, cancel=True))


async def mmap(ctx: Ctx, fd: int, prot: U32, flags: U32 = MAP_SHARED) -> None:
    """What mmap(2) asks; there is no memory behind it."""
    await _mapped(ctx, fd, pb.MmapRequest(prot=prot, shared=flags & 3 == MAP_SHARED))


async def mprotect(ctx: Ctx, fd: int, prot: U32, flags: U32 = MAP_SHARED, dirtied: bool = False) -> None:
    """What mprotect(2) of a mapping of the file asks; `dirtied`: a private one that was written to."""
    await _mapped(ctx, fd, pb.MmapRequest(prot=prot, shared=flags & 3 == MAP_SHARED, mprotect=True, dirtied=dirtied))


async def watch(ctx: Ctx, path: Path, mask: U32) -> int:
    """inotify_add_watch(2), IN_DONT_FOLLOW and IN_ONLYDIR included: a number of its own for the object watched."""
    if not mask & IN_KNOWN or mask & ~IN_KNOWN or mask & IN_MASK_EITHER == IN_MASK_EITHER:
        # fs/notify/inotify/inotify_user.c, inotify_add_watch: before any path is walked.
        raise OSError(errno.EINVAL, f"watch mask {mask:#x}")
    target = await ctx.target(path, None, follow=not mask & IN_DONT_FOLLOW)
    if target.entry is not None:
        if mask & IN_ONLYDIR and not target.entry.is_dir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        ctx.guard.check("watch", object=target.entry, mask=mask & IN_ALL_EVENTS, mark=MARKS["inode"])
    reply = await ctx.send("watch", pb.WatchRequest(place=target.place.message, mask=mask), target.place.ticket)
    return ctx.mount.watch(reply.entry.fid.SerializeToString())


async def fanotify(ctx: Ctx, path: Path, mask: U32, mark: str = "inode", follow: bool = True) -> None:
    """fanotify_mark(2) with FAN_MARK_ADD: of the object itself, or of its "mount" or "filesystem". EINVAL, EPERM.

    No event is ever told: what matters here is who may ask for them.
    """
    if mark not in MARKS:
        raise OSError(errno.EINVAL, f"{mark!r} is no mark; there are {', '.join(MARKS)}")
    target = await ctx.target(path, None, follow=follow)
    if target.entry is not None:
        ctx.guard.check("watch", object=target.entry, mask=mask, mark=MARKS[mark])
    request = pb.WatchRequest(place=target.place.message, mask=mask, fanotify=True, mark=MARKS[mark])
    await ctx.send("watch", request, target.place.ticket)


def _posix(file: OpenFile, kind: int, start: int, length: int, **more: bool) -> pb.LockRequest:
    if kind not in (F_RDLCK, F_WRLCK, F_UNLCK):
        raise OSError(errno.EINVAL, f"lock type {kind}")
    return pb.LockRequest(handle=file.handle, posix=True, type=kind, start=start, length=length, **more)


async def _locked(ctx: Ctx, file: OpenFile, request: pb.LockRequest) -> None:
    """Asks until the lock is there; a server waits for some seconds at a time."""
    file.interrupted = False
    while (await ctx.send("lock", request)).blocked:
        if file.interrupted:
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))


async def _mapped(ctx: Ctx, fd: int, request: pb.MmapRequest) -> None:
    file = ctx.file(fd)
    if ctx.guard.on:
        op = "mprotect" if request.mprotect else "mmap"
        ctx.guard.mapping(op, file.entry, file.flags, request.prot, shared=request.shared, dirtied=request.dirtied)
    request.handle, request.noatime = file.handle, bool(file.flags & os.O_NOATIME)
    await ctx.send("mmap", request)
