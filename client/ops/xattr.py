"""Extended attributes of a path (`follow` False: of the link itself) or of an open file; labels are among them."""

from __future__ import annotations

import errno
import os

from client.args import U32, Path
from client.ctx import Ctx
from labelproof.v1 import mds_pb2 as pb


async def getxattr(ctx: Ctx, name: str, path: Path | None = None, fd: int | None = None, follow: bool = True) -> bytes:
    """getxattr(2). Absent is ENODATA; empty is an empty value."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        ctx.guard.check("getxattr", object=target.entry, name=name)
    request = pb.GetxattrRequest(place=target.place.message, name=name)
    label = (await ctx.send("getxattr", request, target.place.ticket)).label
    if not label.HasField("value"):
        raise OSError(errno.ENODATA, f"{os.strerror(errno.ENODATA)}: {name}")
    return bytes(label.value)


async def setxattr(
    ctx: Ctx, name: str, value: bytes, flags: U32 = 0, path: Path | None = None, fd: int | None = None,
    follow: bool = True,
) -> None:  # fmt: skip
    """setxattr(2); for a label this is the relabel. `flags` XATTR_CREATE or XATTR_REPLACE."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        ctx.guard.check("setxattr", object=target.entry, name=name, value=value)
    request = pb.SetxattrRequest(place=target.place.message, name=name, value=value, flags=flags)
    await ctx.send("setxattr", request, target.place.ticket)


async def listxattr(ctx: Ctx, path: Path | None = None, fd: int | None = None, follow: bool = True) -> list[str]:
    """listxattr(2): the names."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        ctx.guard.check("listxattr", object=target.entry)
    reply = await ctx.send("listxattr", pb.ListxattrRequest(place=target.place.message), target.place.ticket)
    return list(reply.names)


async def removexattr(
    ctx: Ctx, name: str, path: Path | None = None, fd: int | None = None, follow: bool = True
) -> None:
    """removexattr(2); a label never goes."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        ctx.guard.check("removexattr", object=target.entry, name=name)
    request = pb.RemovexattrRequest(place=target.place.message, name=name)
    await ctx.send("removexattr", request, target.place.ticket)
