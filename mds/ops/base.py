"""What every family of handlers has."""

from __future__ import annotations

from typing import Protocol

from labelproof.v1 import context_pb2, mds_pb2
from mds import inodes
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

    def entry(self, inode: Inode) -> context_pb2.Entry:
        return inodes.entry(inode, self._mdt.modules)

    def attr_reply(self, call: Call, inode: Inode) -> mds_pb2.AttrReply:
        """Attributes, and the right to name the object by its FID."""
        attr = inodes.attr(inode, self._mdt.modules)
        return mds_pb2.AttrReply(attr=attr, ticket=self._mdt.ticket(call, inode.fid))
