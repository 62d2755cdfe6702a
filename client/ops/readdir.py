"""The entries of a directory. A position in one is the cookie of an entry, which stays with it as long as it lives: the
place behind it. lseek goes there and tells it (seekdir and telldir)."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from typing import Any

from client.args import U32, Path
from client.ctx import Ctx
from client.entry import decoded, texts
from client.file import OpenFile
from client.ops import open as files
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import MAY_READ
from rpc import fid_of

# Entries asked for at once.
PAGE = 256


async def readdir(ctx: Ctx, path: Path | None = None, fd: int | None = None, plus: bool = True) -> list[dict[str, Any]]:
    """All entries but `.` and `..`, of a path or an open directory: {"name", "fid", "type" (S_IF* bits), "labels",
    "offset" (the place behind it)}. An open one is at its end then.

    `plus` asks for the labels, which the server mediates entry by entry.
    """
    if (path is None) == (fd is None):
        raise OSError(errno.EINVAL, "one of the arguments 'path' and 'fd' is needed, and not both")
    if fd is not None:
        return [_dirent(e) async for e in _entries(ctx, fd, plus)]
    here = (await files.open(ctx, path or b"", os.O_RDONLY | os.O_DIRECTORY))["fd"]
    try:
        return [_dirent(e) async for e in _entries(ctx, here, plus)]
    finally:
        await files.close(ctx, here)


async def getdents(ctx: Ctx, fd: int, count: U32 = PAGE, plus: bool = False) -> list[dict[str, Any]]:
    """The next entries of an open directory, at most `count`, as readdir gives them; none at its end (getdents(2))."""
    file = _checked(ctx, fd, plus)
    if not count:
        raise OSError(errno.EINVAL, "no room for an entry")
    async with file.moving:
        page = await ctx.send("readdir", _page(file, file.pos, plus, min(count, PAGE)))
        for entry in page.entries:
            file.pos = entry.cookie
    return [_dirent(entry) for entry in page.entries]


async def _entries(ctx: Ctx, fd: int, plus: bool) -> AsyncIterator[pb.Dirent]:
    file = _checked(ctx, fd, plus)
    file.pos, eof = 0, False
    while not eof:
        page = await ctx.send("readdir", _page(file, file.pos, plus, PAGE))
        for entry in page.entries:
            yield entry
            file.pos = entry.cookie
        eof = page.eof or not page.entries


def _checked(ctx: Ctx, fd: int, plus: bool) -> OpenFile:
    """The open directory after the client's own checks. ENOTDIR."""
    file = ctx.file(fd)
    if not file.entry.is_dir:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    ctx.guard.file(file.entry, MAY_READ, file.opened)
    if plus:
        ctx.guard.check("lookup", parent=file.entry)
    return file


def _page(file: OpenFile, cookie: int, plus: bool, count: int) -> pb.ReaddirRequest:
    noatime = bool(file.flags & os.O_NOATIME)
    return pb.ReaddirRequest(handle=file.handle, cookie=cookie, count=count, plus=plus, noatime=noatime)


def _dirent(entry: pb.Dirent) -> dict[str, Any]:
    return {
        "name": decoded(entry.name),
        "fid": str(fid_of(entry.fid)),
        "type": entry.type,
        "labels": texts(entry.entry.labels),
        "offset": entry.cookie,
    }
