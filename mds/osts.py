"""This server as a client of the OSTs. Each request goes to the owner of each stripe of a file, all at once."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from host import stripes
from host.node import Node
from labelproof.v1 import context_pb2, oss_pb2
from lsm import Subject
from mds import inodes, privs
from mds.inodes import Inode
from rpc import Call, Caller, Stub
from rpc.status import failure

T = TypeVar("T")
SERVICE = oss_pb2.DESCRIPTOR.services_by_name["Oss"]
# How often a request is sent again when it is not known whether it was served; resends are recognised.
RETRIES = 1


class Glimpsed(NamedTuple):
    """What the OSTs know of a file: its size, its last write, its last one without CAP_FSETID, and the last of those
    by who was not of the file's group; ns of wall time."""

    size: int
    changed_ns: int
    unprivileged_ns: int
    outsider_ns: int

    def merged(self, inode: Inode) -> Inode:
        """The inode with its size, and what writes did to it since the MDT itself had a say.

        Times follow the later of the two, and a write takes set-id bits that were there before it; any write does where
        an OST may not have known of them, and so asked nobody.
        """
        later = self.changed_ns > inode.mtime_at_ns
        unprivileged_ns, outsider_ns = (
            (self.changed_ns, self.changed_ns) if inode.untold else (self.unprivileged_ns, self.outsider_ns)
        )
        outsider = outsider_ns > inode.mode_at_ns
        killed = privs.written(inode.mode, outsider=outsider) if unprivileged_ns > inode.mode_at_ns else 0
        return inode._replace(
            size=self.size, mtime_ns=self.changed_ns if later else inode.mtime_ns,
            ctime_ns=max(inode.ctime_ns, self.changed_ns), mode=inode.mode & ~killed,
        )  # fmt: skip

    def uncapped(self, inode: Inode) -> bool:
        """Whether a write has taken the file's capabilities (mm/filemap.c, file_remove_privs)."""
        return self.changed_ns > inode.caps_at_ns


class Osts:
    """The requests to a file's objects. What fails is EIO and names the OST, definite but for `punch`, since nothing is
    left of it in the end; denials are passed on."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def glimpse(self, inode: Inode, call: Call | None = None, behalf: Subject | None = None) -> Glimpsed:
        """The file's size by the ends of its objects, and when they were written to."""

        async def one(stub: Stub, stripe: int, caller: Caller) -> oss_pb2.GlimpseReply:
            request = oss_pb2.GlimpseRequest(entry=self._entry(inode), stripe=stripe)
            reply: oss_pb2.GlimpseReply = await stub.glimpse(request, caller, retry=RETRIES)
            return reply

        replies = await self._each(inode, call, behalf, one)
        return Glimpsed(
            stripes.file_size(dict(enumerate(each.size for each in replies)), inode.stripe_size, len(inode.osts)),
            max((each.changed_ns for each in replies), default=0),
            max((each.unprivileged_ns for each in replies), default=0),
            max((each.outsider_ns for each in replies), default=0),
        )

    async def punch(
        self, inode: Inode, entry: context_pb2.Entry, size: int, call: Call, behalf: Subject | None
    ) -> None:
        """Cuts or grows each object to its share of a file of `size` bytes. What fails may have happened in part."""

        async def one(stub: Stub, stripe: int, caller: Caller) -> None:
            share = stripes.object_size(size, stripe, len(inode.osts), inode.stripe_size)
            await stub.punch(oss_pb2.PunchRequest(stripe=stripe, size=share, entry=entry), caller, retry=RETRIES)

        try:
            await self._each(inode, call, behalf, one)
        except PermissionError:
            raise
        except OSError as error:
            # Another object may be cut already, or this one later, when the request arrives after all.
            raise failure(error.errno or errno.EIO, error.strerror or str(error), sure=False) from error

    async def set_label(
        self, inode: Inode, entry: context_pb2.Entry, label: context_pb2.Label, version: int, call: Call | None,
        behalf: Subject | None,
    ) -> None:  # fmt: skip
        """Gives each object the label, under that version; `entry` is the file as it is."""

        async def one(stub: Stub, stripe: int, caller: Caller) -> None:
            request = oss_pb2.SetLabelRequest(
                fid=entry.fid, stripe=stripe, label=label, label_version=version, entry=entry
            )
            await stub.set_label(request, caller, retry=RETRIES)

        await self._each(inode, call, behalf, one)

    async def setattr(self, inode: Inode, call: Call, *, closed: bool = False) -> None:
        """Gives each object the file's mode and owner, as they are now; for nobody but this server, which was asked.
        `closed`: nobody writes any more, so that no token from before this attr_version is good for that."""

        async def one(stub: Stub, stripe: int, caller: Caller) -> None:
            request = oss_pb2.OssSetattrRequest(entry=self._entry(inode), stripe=stripe, closed=closed)
            await stub.setattr(request, caller, retry=RETRIES)

        await self._each(inode, call, None, one)

    async def destroy(self, inode: Inode) -> None:
        """Destroys the objects; those that are gone are no error."""

        async def one(stub: Stub, stripe: int, caller: Caller) -> None:
            await stub.destroy(oss_pb2.DestroyRequest(entry=self._entry(inode), stripe=stripe), caller, retry=RETRIES)

        await self._each(inode, None, None, one)

    async def _each(
        self, inode: Inode, call: Call | None, behalf: Subject | None,
        one: Callable[[Stub, int, Caller], Coroutine[Any, Any, T]],
    ) -> list[T]:  # fmt: skip
        """Asks all, waits for all, then raises the first error in stripe order, if there was any."""
        caller = self._node.caller(call, behalf=behalf)
        asked = [self._named(name, stripe, one, caller) for stripe, name in enumerate(inode.osts)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    def _entry(self, inode: Inode) -> context_pb2.Entry:
        """The file as it is: an OST judges an object that is not there as the file itself."""
        return inodes.entry(inode, self._node.framework.kept)

    async def _named(
        self, name: str, stripe: int, one: Callable[[Stub, int, Caller], Awaitable[T]], caller: Caller
    ) -> T:
        try:
            return await one(Stub(SERVICE, self._node.channel(name)), stripe, caller)
        except PermissionError:
            raise
        except OSError as error:
            number = error.errno if error.errno in (errno.ENOSPC, errno.EFBIG) else errno.EIO
            words = error.strerror or str(error)
            raise failure(number or errno.EIO, f"OST {name}, stripe {stripe}: {words}", sure=True) from error
