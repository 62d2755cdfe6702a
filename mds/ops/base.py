"""What every family of handlers has."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Fid
from mds import inodes, privs
from mds.inodes import Inode
from mds.mdt import Mdt
from rpc import Call

# How long one rpc waits for a lock or a lease, s; the client asks again.
WAIT_S = 4.0


log = logging.getLogger(__name__)


class Leased(BlockingIOError):
    """A lease on the file is in the way (EWOULDBLOCK)."""

    def __init__(self, fid: Fid) -> None:
        super().__init__(errno.EWOULDBLOCK, "somebody has a lease on the file", str(fid))
        self.fid = fid


class HasMdt(Protocol):
    """Whatever opens the MDT; handlers are bound before it is open."""

    @property
    def mdt(self) -> Mdt: ...


class Base:
    """Handlers over one MDT."""

    def __init__(self, owner: HasMdt) -> None:
        self._owner = owner

    @cached_property
    def _mdt(self) -> Mdt:
        return self._owner.mdt

    async def _catch_up(self, call: Call, place: mds_pb2.Place | Fid) -> None:
        """Learns from the OSTs what writes have taken from a file that is being written, before its mode or its file
        capabilities are told or built upon; only where there is something to take is anybody asked."""
        for fid in self._mdt.peeked(call, [place]):
            txn = self._mdt.store.view()
            inode = inodes.get(txn, fid)
            if inode is None or not privs.at_stake(txn, inode):
                continue
            found = await self._mdt.osts.glimpse(inode, call)
            with self._mdt.store.op(None) as txn:
                inode = inodes.get(txn, fid)
                if inode is not None and found.uncapped(inode):
                    privs.drop_capabilities(txn, inode)
                if inode is not None and (mode := found.merged(inode).mode) != inode.mode:
                    inodes.update(txn, fid, mode=mode)

    async def _ended(self, call: Call, place: mds_pb2.Place, may: Callable[[Txn], object]) -> bool:
        """Sees to it, before a closed file is given what a write takes, that nobody can write to it by a token that he
        kept; whether that is so. Under the file's lock. `may` asks whether the caller may give it that, and is asked
        again when it is given.

        If it has such already, that was seen to as it was closed; if nobody ever opened it for writing, nobody has one.
        """
        for fid in self._mdt.peeked(call, [place]):
            txn = self._mdt.store.view()
            inode = inodes.get(txn, fid)
            if inode is None or not (inode.is_file and inode.size_valid and inode.objects) or privs.loses(txn, inode):
                continue
            with self._mdt.store.op(call) as txn:
                may(txn)
            call.rechecks()
            try:
                await self._end_tokens(call, fid)
            except OSError as error:
                log.warning("tokens for %s may be good for a write yet: %s", fid, error)
                return False
        return True

    async def _end_tokens(self, call: Call, fid: Fid) -> None:
        """From here on a file that nobody has open for writing has a new attr_version, and no OST writes for a token of
        an older one. OSError: an OST cannot be told now."""
        with self._mdt.store.op(None) as txn:
            inodes.update(txn, fid, attr_version=self._mdt.inode(txn, fid).attr_version + 1)
            inode = self._mdt.inode(txn, fid)
        await self._mdt.store.settled()
        await self._mdt.osts.setattr(inode, call, closed=True)

    async def _tell(self, call: Call, moved: Inode | None) -> None:
        """Tells the OSTs, under the file's lock, that writes take other set-id bits of it from now on (privs.moved).

        The change stands whether they can be told or not. Where they cannot, any write since then takes the bits."""
        if moved is None:
            return
        try:
            await self._mdt.osts.setattr(moved, call)
        except OSError as error:
            log.warning("not every OST knows the mode of %s: %s", moved.fid, error)
            return
        with self._mdt.store.op(None) as txn:
            inodes.update(txn, moved.fid, untold=False)
        await self._mdt.store.settled()

    def _breaks_leases(self, call: Call, inode: Inode, *, write: bool, waits: bool = True) -> None:
        """Who opens or cuts a file breaks the leases that others have for it being left alone (fs/locks.c,
        break_lease). Leased: not before they have given way, and the caller `waits` for that or not."""
        by = (call.peer.node, call.subject.task) if waits else None
        if self._mdt.leases.broken(inode.fid, write=write, now_ns=self._mdt.node.clock.mono_ns(), by=by):
            raise Leased(inode.fid)

    async def _given_way(self, refusal: Leased) -> None:
        """Waits, for some seconds, until something happens to the leases in the way; the client asks again."""
        leases, changed = self._mdt.leases, asyncio.Event()
        leases.wait(refusal.fid, changed.set)
        try:
            await asyncio.wait_for(changed.wait(), WAIT_S)
        except TimeoutError:
            pass
        finally:
            leases.leave(refusal.fid, changed.set)

    def entry(self, inode: Inode) -> context_pb2.Entry:
        return inodes.entry(inode, self._mdt.modules)

    def attr_reply(self, call: Call, inode: Inode) -> mds_pb2.AttrReply:
        """Attributes, and the right to name the object by its FID."""
        attr = inodes.attr(inode, self._mdt.modules)
        return mds_pb2.AttrReply(attr=attr, ticket=self._mdt.ticket(call, inode.fid))
