"""Names: what makes, moves and removes them."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from google.protobuf.message import Message

from client.args import U32, Offset, Path
from client.ctx import Ctx
from client.entry import Entry, decoded
from client.file import opened
from client.mdc import name_in
from client.walk import NAME_BYTES_MAX, PATH_BYTES_MAX, Last
from labelproof.v1 import mds_pb2 as pb
from rpc import fid_message

RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
_KINDS = frozenset({stat.S_IFREG, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK})


async def mkdir(ctx: Ctx, path: Path, mode: U32 = 0o777) -> dict[str, Any]:
    """mkdir(2): {"fid", "labels"} of the new directory."""
    last = await _free(ctx, path, directory=True)
    claim = await _claim(ctx, "mkdir", last, stat.S_IFDIR | mode & 0o7777)
    request = pb.MkdirRequest(name=name_in(last), mode=mode & 0o7777, umask=ctx.task.umask, claim=claim)
    return await _made(ctx, "mkdir", last, request)


async def mknod(ctx: Ctx, path: Path, mode: U32 = stat.S_IFREG | 0o666, dev: Offset = 0) -> dict[str, Any]:
    """mknod(2), `mode` with the S_IF* bits (none: a regular file): {"fid", "labels"}."""
    mode = mode if stat.S_IFMT(mode) else mode | stat.S_IFREG
    if stat.S_IFMT(mode) not in _KINDS:
        raise OSError(errno.EPERM if stat.S_ISDIR(mode) else errno.EINVAL, f"mknod makes nothing of mode {mode:#o}")
    last = await _free(ctx, path)
    op = "mknod_regular" if stat.S_ISREG(mode) else "mknod"
    claim = await _claim(ctx, op, last, mode, dev)
    request = pb.MknodRequest(name=name_in(last), mode=mode, umask=ctx.task.umask, rdev=dev, claim=claim)
    return await _made(ctx, "mknod", last, request)


async def symlink(ctx: Ctx, target: Path, path: Path) -> dict[str, Any]:
    """symlink(2), at `path`: {"fid", "labels"}. An empty target is ENOENT."""
    if not target or len(target) > PATH_BYTES_MAX:
        raise _refused(errno.ENAMETOOLONG if target else errno.ENOENT, target)
    last = await _free(ctx, path)
    claim = await _claim(ctx, "symlink", last, stat.S_IFLNK | 0o777)
    return await _made(ctx, "symlink", last, pb.SymlinkRequest(name=name_in(last), target=target, claim=claim))


async def readlink(ctx: Ctx, path: Path) -> bytes:
    """readlink(2)."""
    target = await ctx.target(path, None, follow=False)
    if target.entry is not None:
        ctx.guard.check("readlink", object=target.entry)
    reply = await ctx.send("readlink", pb.ReadlinkRequest(place=target.place.message), target.place.ticket)
    return bytes(reply.target)


async def unlink(ctx: Ctx, path: Path) -> None:
    """unlink(2)."""
    last = await ctx.last(path)
    if not last.name:
        raise _refused(errno.EISDIR, last.dots)
    if last.slash:
        # The name itself, a link too, is what the slash is wrong for (fs/namei.c, do_unlinkat).
        entry = await ctx.walk.peek(last)
        number = errno.ENOENT if entry is None else errno.EISDIR if entry.is_dir else errno.ENOTDIR
        raise _refused(number, last.name)
    await _remove(ctx, "unlink", last)


async def rmdir(ctx: Ctx, path: Path) -> None:
    """rmdir(2). Whether it is empty only the server knows."""
    last = await ctx.last(path)
    if not last.name:
        raise _refused({b".": errno.EINVAL, b"..": errno.ENOTEMPTY}.get(last.dots, errno.EBUSY), last.dots)
    await _remove(ctx, "rmdir", last)


async def link(ctx: Ctx, target: Path, path: Path) -> dict[str, Any]:
    """link(2): another name `path` for `target`, where a final link is not followed: {"fid", "labels"}."""
    entry = (await ctx.walk.find(await ctx.last(target), follow=False)).entry
    last = await _free(ctx, path, second=True)
    if ctx.guard.on:
        exists = await ctx.peek(last) is not None
        ctx.guard.named("link", last.parent, last.name, entry, exists=exists)
    request = pb.LinkRequest(object=fid_message(entry.fid), object_ticket=entry.ticket, name=name_in(last))
    return await _made(ctx, "link", last, request)


async def linkfd(ctx: Ctx, fd: int, path: Path) -> dict[str, Any]:
    """linkat(2) of /proc/self/fd/N, followed: a name for an open file, its first perhaps (O_TMPFILE)."""
    # The task links, not who opened: what it has set for itself since then is what the names are reached with.
    file = opened(ctx.task, fd, path=True)
    last = await _free(ctx, path, second=True)
    if ctx.guard.on:
        exists = await ctx.peek(last) is not None
        ctx.guard.named("link", last.parent, last.name, file.entry, exists=exists)
    return await _made(ctx, "link", last, pb.LinkRequest(handle=file.handle, name=name_in(last)))


async def rename(ctx: Ctx, source: Path, target: Path, flags: U32 = 0) -> None:
    """rename(2), renameat2(2) with RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT; links are moved themselves."""
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) or (
        flags & RENAME_EXCHANGE and flags != RENAME_EXCHANGE
    ):
        raise OSError(errno.EINVAL, f"rename flags {flags:#x}")
    old, new = await _both(ctx, source, target)
    if not old.name or not new.name:
        for last in (old, new):
            if last.name:
                await ctx.walk.search(last.parent)
        taken = old.name and flags & RENAME_NOREPLACE
        raise _refused(errno.EEXIST if taken else errno.EBUSY, new.dots if old.name else old.dots)
    if ctx.guard.on:
        await _check_rename(ctx, old, new, flags)
    request = pb.RenameRequest(source=name_in(old), target=name_in(new), target_ticket=new.parent.ticket, flags=flags)
    await ctx.send("rename", request, old.parent.ticket)


async def _both(ctx: Ctx, source: bytes, target: bytes) -> tuple[Last, Last]:
    """Where two paths end. Search of the first one's directory comes before the second one's walk, and before what is
    wrong with that (fs/namei.c, do_renameat2)."""
    old = await ctx.last(source)
    ctx.walk.second(old)
    try:
        return old, await ctx.last(target, second=True)
    except OSError:
        await ctx.walk.ends_first()
        raise


async def _free(ctx: Ctx, path: bytes, *, directory: bool = False, second: bool = False) -> Last:
    """Where a new name goes. EEXIST for a path that ends at a directory walked; a slash is for directories only."""
    last = await ctx.last(path, second=second)
    if not last.name:
        raise _refused(errno.EEXIST, last.dots)
    if last.slash and not directory:
        raise _refused(errno.ENOENT if await ctx.walk.peek(last) is None else errno.EEXIST, last.name)
    return last


async def _claim(ctx: Ctx, op: str, last: Last, mode: int, rdev: int = 0) -> pb.Claim | None:
    if not ctx.guard.on:
        return None
    exists = await ctx.peek(last) is not None
    return ctx.guard.making(op, last.parent, last.name, mode & ~_umask(ctx, mode), exists=exists, rdev=rdev)


def _umask(ctx: Ctx, mode: int) -> int:
    return 0 if stat.S_ISLNK(mode) else ctx.task.umask


async def _made(ctx: Ctx, rpc: str, last: Last, request: Message) -> dict[str, Any]:
    reply = await ctx.send(rpc, request, last.parent.ticket)
    entry = Entry.of(reply.attr.entry)
    return {"fid": str(entry.fid), "labels": dict(entry.labels)}


async def _remove(ctx: Ctx, op: str, last: Last) -> None:
    if ctx.guard.on:
        ctx.guard.named(op, last.parent, last.name, await ctx.peek(last), entries=0)
    await ctx.send(op, pb.UnlinkRequest(name=name_in(last)), last.parent.ticket)


async def _check_rename(ctx: Ctx, old: Last, new: Last, flags: int) -> None:
    """The client's own steps; two links of one file, and RENAME_NOREPLACE on a name that is taken, ask nothing."""
    moved, over = await ctx.peek(old), await ctx.peek(new)
    if over is not None and (flags & RENAME_NOREPLACE or (moved is not None and moved.fid == over.fid)):
        return
    if flags & RENAME_EXCHANGE and over is None:
        raise _refused(errno.ENOENT, new.name)
    op = "exchange" if flags & RENAME_EXCHANGE else "rename"
    ctx.guard.named(op, old.parent, old.name, moved, newparent=new.parent, target=over, entries=0)


def _refused(number: int, name: bytes) -> OSError:
    return OSError(number, os.strerror(number), decoded(name[:NAME_BYTES_MAX]))
