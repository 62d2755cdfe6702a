"""Attributes: read and set."""

from __future__ import annotations

import errno
import os
from typing import Any

from client.args import U32, Offset, Path
from client.ctx import Ctx, Target
from client.entry import Entry
from client.file import opened
from client.mdc import Place
from client.mount import Cwd
from client.walk import Last
from labelproof.v1 import mds_pb2 as pb

# chown(2): leave it as it is.
UNCHANGED = -1
# What stands for it on the wire, where both are left.
NO_ID = (1 << 32) - 1
# include/uapi/linux/fcntl.h
AT_SYMLINK_NOFOLLOW, AT_EACCESS = 0x100, 0x200


async def stat(ctx: Ctx, path: Path) -> dict[str, Any]:
    """stat(2): {"fid", "mode", "uid", "gid", "nlink", "size", "blocks", "rdev", "labels", "label_version"}, and the
    times {"atime_ns", "mtime_ns", "ctime_ns"}."""
    last = await ctx.last(path)
    while last.name and not last.slash and not ctx.guard.on:
        found = await _unless_link(ctx, last)
        if found is not None:
            return found
        last = await ctx.walk.through(last)
    return await _getattr(ctx, Target.of((await ctx.walk.find(last)).entry))


async def lstat(ctx: Ctx, path: Path) -> dict[str, Any]:
    """lstat(2), as stat."""
    return await _getattr(ctx, await ctx.target(path, None, follow=False))


async def fstat(ctx: Ctx, fd: int) -> dict[str, Any]:
    """fstat(2), as stat."""
    return await _getattr(ctx, await ctx.target(None, fd, o_path=True))


async def access(ctx: Ctx, path: Path | None = None, fd: int | None = None, mode: U32 = 0, flags: U32 = 0) -> None:
    """access(2), faccessat2(2) with AT_EACCESS and AT_SYMLINK_NOFOLLOW: EACCES unless all of `mode` is allowed."""
    if mode & ~7 or flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW):
        raise OSError(errno.EINVAL, f"access mode {mode:#o}, flags {flags:#x}")
    target = await ctx.target(path, fd, follow=not flags & AT_SYMLINK_NOFOLLOW, o_path=True)
    if target.entry is not None:
        ctx.guard.check("access", object=target.entry, mask=mode)
    request = pb.AccessRequest(place=target.place.message, mask=mode, effective=bool(flags & AT_EACCESS))
    await ctx.send("access", request, target.place.ticket)


async def chdir(ctx: Ctx, path: Path | None = None, fd: int | None = None) -> None:
    """chdir(2), fchdir(2): where the task's relative paths on this mount begin from now on."""
    where = ctx.absolute(path) if path is not None else None if fd is None else opened(ctx.task, fd, path=True).path
    target = await ctx.target(path, fd, o_path=True)
    if target.entry is not None:
        ctx.guard.check("chdir", object=target.entry)
    request = pb.AccessRequest(place=target.place.message, chdir=True)
    reply = await ctx.send("access", request, target.place.ticket)
    entry = Entry.of(reply.entry, reply.ticket)
    ctx.mount.cwds[ctx.task.id] = Cwd(entry, ctx.mdc.digest, where)


async def chmod(ctx: Ctx, mode: U32, path: Path | None = None, fd: int | None = None) -> None:
    """chmod(2), fchmod(2)."""
    request = pb.SetattrRequest(mode=mode & 0o7777)
    await _setattr(ctx, await ctx.target(path, fd), request, {"mode": mode})


async def chown(
    ctx: Ctx, uid: int = UNCHANGED, gid: int = UNCHANGED, path: Path | None = None, fd: int | None = None,
    follow: bool = True,
) -> None:  # fmt: skip
    """chown(2), lchown(2), fchown(2); -1 leaves one as it is."""
    wanted = {name: _id(name, value) for name, value in (("uid", uid), ("gid", gid)) if value != UNCHANGED}
    request = pb.SetattrRequest(uid=wanted.get("uid"), gid=wanted.get("gid"))
    if not wanted:
        request.uid = request.gid = NO_ID
    await _setattr(ctx, await ctx.target(path, fd, follow=follow), request, wanted)


async def utimes(
    ctx: Ctx, atime_ns: int | None = None, mtime_ns: int | None = None, path: Path | None = None,
    fd: int | None = None, follow: bool = True,
) -> None:  # fmt: skip
    """utimensat(2): both times omitted means now, by the server's clock."""
    now = atime_ns is None and mtime_ns is None
    given = {"atime_set": atime_ns, "mtime_set": mtime_ns}
    attrs = {"touch": None} if now else {name: value for name, value in given.items() if value is not None}
    request = pb.SetattrRequest(atime_ns=atime_ns, mtime_ns=mtime_ns, now=now)
    await _setattr(ctx, await ctx.target(path, fd, follow=follow), request, attrs)


async def truncate(ctx: Ctx, path: Path, length: Offset) -> None:
    """truncate(2)."""
    target = await ctx.target(path, None)
    await _setattr(ctx, target, pb.SetattrRequest(size=length), {"size": length}, op="truncate")


async def ftruncate(ctx: Ctx, fd: int, length: Offset) -> None:
    """ftruncate(2); EINVAL for a file that is not open for writing."""
    file = ctx.file(fd)
    if not file.entry.is_dir and file.flags & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EINVAL, "the file is not open for writing")
    request, attrs = pb.SetattrRequest(size=length), {"size": length, "file": None}
    await _setattr(ctx, await ctx.target(None, fd), request, attrs, op="ftruncate")


async def _unless_link(ctx: Ctx, last: Last) -> dict[str, Any] | None:
    """The attributes of what is at `last`, by its name; None if that is a link, of which nobody is asked."""
    place = Place.named(last)
    try:
        reply = await ctx.send("getattr", pb.GetattrRequest(place=place.message, follow=True), place.ticket)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return None
    return _stat(reply.attr)


async def _getattr(ctx: Ctx, target: Target) -> dict[str, Any]:
    if target.entry is not None:
        ctx.guard.check("getattr", object=target.entry)
    reply = await ctx.send("getattr", pb.GetattrRequest(place=target.place.message), target.place.ticket)
    return _stat(reply.attr)


async def _setattr(
    ctx: Ctx, target: Target, request: pb.SetattrRequest, attrs: dict[str, Any], op: str = "setattr"
) -> None:
    """Asks the client's own LSM about `attrs` (by the names of hooks.inode_setattr), then the MDS."""
    if target.entry is not None:
        ctx.guard.check(op, object=target.entry, attrs=frozenset(attrs), new_attrs=attrs)
    request.place.CopyFrom(target.place.message)
    # Who cuts a file waits for leases on it.
    await ctx.patiently("setattr", request, target.place.ticket)


def _id(name: str, value: int) -> int:
    if not 0 <= value < 1 << 32:
        raise OSError(errno.EINVAL, f"argument {name!r} is {value}, not an id")
    return value


def _stat(attr: Any) -> dict[str, Any]:
    entry = Entry.of(attr.entry)
    return {
        "fid": str(entry.fid), "mode": entry.mode, "uid": entry.uid, "gid": entry.gid, "nlink": attr.nlink,
        "size": attr.size, "blocks": attr.blocks, "rdev": attr.rdev, "atime_ns": attr.atime_ns,
        "mtime_ns": attr.mtime_ns, "ctime_ns": attr.ctime_ns, "labels": dict(entry.labels),
        "label_version": entry.version,
    }  # fmt: skip
