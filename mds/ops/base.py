"""What every family of handlers has."""

from __future__ import annotations

from typing import Protocol

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from mds import inodes, privs
from mds.inodes import Inode
from mds.mdt import Mdt
from rpc import Call


class HasMdt(Protocol):
    """Whatever opens the MDT; handlers are bound before it is open."""

    @property
    def mdt(self) -> Mdt: ...


class Base:
    """Handlers over one MDT."""

    def __init__(self, owner: HasMdt) -> None:
        self._owner = owner

    @property
    def _mdt(self) -> Mdt:
        return self._owner.mdt

    async def _catch_up(self, call: Call, place: mds_pb2.Place) -> None:
        """Learns from the OSTs what writes have taken from a file that is being written, before its mode or its file
        capabilities are told or built upon; only where there is something to take is anybody asked."""
        for fid in self._mdt.peeked(call, [place]):
            txn = Txn(self._mdt.store.db)
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

    def entry(self, inode: Inode) -> context_pb2.Entry:
        return inodes.entry(inode, self._mdt.modules)

    def attr_reply(self, call: Call, inode: Inode) -> mds_pb2.AttrReply:
        """Attributes, and the right to name the object by its FID."""
        attr = inodes.attr(inode, self._mdt.modules)
        return mds_pb2.AttrReply(attr=attr, ticket=self._mdt.ticket(call, inode.fid))
