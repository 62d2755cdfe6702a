"""What a role brings to a node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from google.protobuf.descriptor import ServiceDescriptor

from host.node import Node
from labelproof.v1 import admin_pb2
from lsm.objects import Fid
from rpc.replies import ReplyCache


class App(Protocol):
    """A role on one node. `start` before it serves; `joined` and `policy_loaded` as the harness tells it so."""

    def __init__(self, node: Node) -> None: ...

    @property
    def last_committed(self) -> int:
        """The newest transno that is durable; 0 where the role stores nothing."""
        ...

    @property
    def replies(self) -> ReplyCache:
        """The replies kept for resends, the store's where the role has one."""
        ...

    def services(self) -> Sequence[tuple[ServiceDescriptor, object]]:
        """The role's own services with their handlers; Admin and health are added to them."""
        ...

    async def start(self) -> None:
        """Opens the store and recovers what is there."""
        ...

    async def joined(self) -> None:
        """The peers' addresses are known."""
        ...

    async def policy_loaded(self) -> None:
        """The boot policy is in force; a new store gets its root now."""
        ...

    async def stop(self) -> None:
        """Closes the store; whatever was acknowledged is there at the next start."""
        ...

    def counters(self) -> Mapping[str, int]:
        """What clients hold here, or tasks have here: by name, for Admin.Stats."""
        ...

    def collect(self, only: Collection[Fid] = ()) -> Iterable[admin_pb2.RawObject]:
        """Every object with its labels as stored; or `only` those with these FIDs."""
        ...
