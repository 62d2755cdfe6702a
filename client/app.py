"""The role client: a node whose tasks use the filesystem."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from google.protobuf.descriptor import ServiceDescriptor

from client.agent import Agent
from host.node import Node
from labelproof.v1 import admin_pb2, client_pb2
from lsm import Fid
from rpc import ReplyCache


class App:
    """See host/app.py. A client stores nothing, and mounts when it is told to."""

    last_committed = 0

    def __init__(self, node: Node) -> None:
        self.replies = ReplyCache()
        self._agent = Agent(node)
        node.on_stop(self._agent.stop)

    def services(self) -> Sequence[tuple[ServiceDescriptor, object]]:
        return [(client_pb2.DESCRIPTOR.services_by_name["Agent"], self._agent)]

    async def start(self) -> None:
        """Nothing to open."""

    async def joined(self) -> None:
        """Channels are made as mounts need them."""

    async def policy_loaded(self) -> None:
        """The node's framework is asked anew by each call."""

    async def stop(self) -> None:
        """Nothing to close: servers let go of the handles of a client that is gone."""

    def counters(self) -> Mapping[str, int]:
        """`tasks`, and the `open_files` of all of them."""
        return self._agent.counters()

    def collect(self, only: Collection[Fid] = ()) -> Iterable[admin_pb2.RawObject]:
        """A client keeps no labels."""
        return ()
