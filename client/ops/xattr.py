"""Extended attributes of a path (`follow` False: of the link itself) or of an open file; labels are among them."""

from __future__ import annotations

import errno
import os
from typing import TypeVar

from client.args import U32, Path
from client.ctx import Ctx
from labelproof.v1 import mds_pb2 as pb

T = TypeVar("T")

# include/uapi/linux/xattr.h, limits.h
XATTR_CREATE, XATTR_REPLACE = 1, 2
NAME_BYTES_MAX, VALUE_BYTES_MAX = 255, 65536


async def getxattr(
    ctx: Ctx, name: str, path: Path | None = None, fd: int | None = None, follow: bool = True, size: U32 = 0
) -> bytes:
    """getxattr(2). Absent is ENODATA; empty is an empty value; ERANGE for one longer than `size`, if that is given."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        _check(name)
        ctx.guard.check("getxattr", object=target.entry, name=name)
    request = pb.GetxattrRequest(place=target.place.message, name=name)
    label = (await ctx.send("getxattr", request, target.place.ticket)).label
    if not label.HasField("value"):
        raise OSError(errno.ENODATA, f"{os.strerror(errno.ENODATA)}: {name}")
    return _fitting(bytes(label.value), len(label.value), size)


async def setxattr(
    ctx: Ctx, name: str, value: bytes, flags: U32 = 0, path: Path | None = None, fd: int | None = None,
    follow: bool = True,
) -> None:  # fmt: skip
    """setxattr(2); for a label this is the relabel. `flags` XATTR_CREATE or XATTR_REPLACE."""
    # One byte more than fits says enough.
    value = value[: VALUE_BYTES_MAX + 1]
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        _check(name, value, flags)
        ctx.guard.check("setxattr", object=target.entry, name=name, value=value)
    request = pb.SetxattrRequest(place=target.place.message, name=name, value=value, flags=flags)
    await ctx.send("setxattr", request, target.place.ticket)


async def listxattr(
    ctx: Ctx, path: Path | None = None, fd: int | None = None, follow: bool = True, size: U32 = 0
) -> list[str]:
    """listxattr(2): the names; ERANGE if they, a NUL behind each, are longer than `size`, if that is given."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        ctx.guard.check("listxattr", object=target.entry)
    reply = await ctx.send("listxattr", pb.ListxattrRequest(place=target.place.message), target.place.ticket)
    return _fitting(list(reply.names), sum(len(name.encode()) + 1 for name in reply.names), size)


async def removexattr(
    ctx: Ctx, name: str, path: Path | None = None, fd: int | None = None, follow: bool = True
) -> None:
    """removexattr(2); a label never goes."""
    target = await ctx.target(path, fd, follow=follow)
    if target.entry is not None:
        _check(name)
        ctx.guard.check("removexattr", object=target.entry, name=name)
    request = pb.RemovexattrRequest(place=target.place.message, name=name)
    await ctx.send("removexattr", request, target.place.ticket)


def _check(name: str, value: bytes = b"", flags: int = 0) -> None:
    """What can be no name and no value, known once the object is found (fs/xattr.c, path_setxattr); the server says the
    same of an object that only it has found."""
    if flags & ~(XATTR_CREATE | XATTR_REPLACE):
        raise OSError(errno.EINVAL, f"xattr flags {flags:#x}")
    if not 0 < len(name.encode()) <= NAME_BYTES_MAX:
        raise OSError(errno.ERANGE, f"the name of an xattr has 1 to {NAME_BYTES_MAX} bytes")
    if len(value) > VALUE_BYTES_MAX:
        raise OSError(errno.E2BIG, f"a value of {len(value)} bytes; {VALUE_BYTES_MAX} are the most")


def _fitting(answer: T, length: int, size: int) -> T:
    if size and length > size:
        raise OSError(errno.ERANGE, f"{os.strerror(errno.ERANGE)}: {length} bytes do not fit in {size}")
    return answer
