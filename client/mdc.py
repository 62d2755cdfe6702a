"""The metadata client: one task's requests to the MDS, with its tickets, and the names that a walk asks for."""

from __future__ import annotations

import errno
from typing import Any, NamedTuple

from google.protobuf.message import Message

from client.entry import Entry
from client.guard import Guard
from client.mount import Cwd, Mount
from client.walk import Last, Walk
from labelproof.v1 import mds_pb2 as pb
from rpc import Caller, fid_message

# How often a call that failed indefinitely is sent again, with the same xid, before the failure is told.
RESENDS = 2


class Place(NamedTuple):
    """How a request names its object, and the ticket that goes with it."""

    message: pb.Place
    ticket: bytes = b""

    @classmethod
    def of(cls, entry: Entry) -> Place:
        """By FID."""
        return cls(pb.Place(fid=fid_message(entry.fid)), entry.ticket)

    @classmethod
    def named(cls, last: Last) -> Place:
        """By name in the parent; a path that ended at a directory names that, by FID."""
        if not last.name:
            return cls.of(last.parent)
        return cls(pb.Place(name=name_in(last)), last.parent.ticket)

    @classmethod
    def opened(cls, handle: bytes) -> Place:
        return cls(pb.Place(handle=handle))


def name_in(last: Last) -> pb.Name:
    """The last component in its parent; the parent's ticket goes with the call."""
    return pb.Name(parent=fid_message(last.parent.fid), name=last.name, slash=last.slash)


class Mdc:
    """Calls for one task on one mount. As the Names of a walk it asks the client's LSM before each step."""

    def __init__(self, mount: Mount, caller: Caller, guard: Guard, task: str = "") -> None:
        self._mount = mount
        # Whose working directory its paths begin at.
        self._task = task
        self._caller = caller
        self._guard = guard
        # Whether this call began a walk, which a stale ticket may have ended.
        self.walked = False
        self.digest = caller.subject.digest if caller.subject else b""

    async def send(self, rpc: str, request: Message, ticket: bytes = b"") -> Any:
        """The reply to `rpc` ("open"); a lost one is sent again as the same call."""
        return await getattr(self._mount.mds, rpc)(request, self._caller.bearing(ticket), retry=RESENDS)

    async def root(self) -> Entry:
        """The root with a ticket of this subject's, asked for once."""
        self.walked = True
        kept = self._mount.roots.get(self.digest)
        if kept is None:
            self._guard.check("mount")
            reply = await self.send("get_root", pb.GetRootRequest())
            kept = self._mount.roots[self.digest] = Entry.of(reply.entry, reply.ticket)
        return kept

    async def begin(self) -> Entry:
        """Where a relative path begins: the task's working directory, else the root. ENOENT if that is gone."""
        self.walked = True
        cwd = self._mount.cwds.get(self._task)
        if cwd is None:
            return await self.root()
        if cwd.subject != self.digest:
            await self._again(cwd)
        return cwd.entry

    async def _again(self, cwd: Cwd) -> None:
        """The way to a working directory once more, for a ticket of this subject's."""
        if cwd.path is None:
            raise OSError(errno.ESTALE, "the working directory was entered by a descriptor; open it again")
        walk = Walk(self)
        found = (await walk.find(await walk.last(cwd.path))).entry
        if found.fid != cwd.entry.fid:
            raise FileNotFoundError(errno.ENOENT, "another directory stands where the working directory was")
        cwd.entry, cwd.subject = found, self.digest

    async def lookup(self, parent: Entry, name: bytes, first: Entry | None) -> Entry:
        request = pb.LookupRequest(name=pb.Name(parent=fid_message(parent.fid), name=name))
        if first is not None:
            self._guard.check("lookup", parent=first)
            request.first.CopyFrom(fid_message(first.fid))
            request.first_ticket = first.ticket
        self._guard.check("lookup", parent=parent)
        reply = await self.send("lookup", request, parent.ticket)
        return Entry.of(reply.entry, reply.ticket)

    async def readlink(self, parent: Entry, name: bytes, link: Entry | None) -> bytes:
        """By FID if the link was looked up, else by its name."""
        if link is not None:
            self._guard.check("readlink", object=link)
        place = Place.of(link) if link else Place.named(Last((parent,), name))
        reply = await self.send("readlink", pb.ReadlinkRequest(place=place.message), place.ticket)
        return bytes(reply.target)
