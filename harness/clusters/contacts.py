"""The harness's ways to the nodes: where each listens now, and the channel to it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from harness.clusters.machine import Machine
from labelproof.v1 import admin_pb2 as pb
from labelproof.v1 import client_pb2
from rpc import Caller, Channel, Peer, Recorder, Stub

ADMIN = pb.DESCRIPTOR.services_by_name["Admin"]
AGENT = client_pb2.DESCRIPTOR.services_by_name["Agent"]

# An agent's own rpcs have 10 s each, and it must be able to say that one of them was too late. A node that loads a
# distribution's whole policy thinks for many seconds.
_TIMEOUT_S = {AGENT.name: 60.0, ADMIN.name: 120.0}

# What the harness asks of a node before anybody is logged in there: its certificate says who asks.
NOBODY = Caller(b"")


class Contacts:
    """`roles` names every node of the cluster with its role."""

    def __init__(self, machine: Machine, cluster: str, roles: Mapping[str, str], recorder: Recorder) -> None:
        self._machine = machine
        self._cluster = cluster
        self._roles = roles
        self._recorder = recorder
        self._addresses: dict[str, str] = {}
        self._incarnations: dict[str, int] = {}
        self._channels: dict[str, Channel] = {}
        self._stubs: dict[tuple[str, str], Stub] = {}

    async def moved(self, addresses: Mapping[str, str]) -> None:
        """Nodes listen there from now on; the channels to where they were are closed."""
        self._addresses |= addresses
        for node in addresses:
            self._incarnations[node] = self._incarnations.get(node, 0) + 1
            if node in self._channels:
                await self._channels.pop(node).close()

    def address(self, node: str) -> str:
        """KeyError if the node was never started."""
        return self._addresses[node]

    def peers(self) -> list[pb.Peer]:
        """Every node as the others are told of it."""
        return [
            pb.Peer(node=n, role=self._roles[n], address=a, incarnation=self._incarnations[n])
            for n, a in sorted(self._addresses.items())
        ]

    async def call(
        self, node: str, service: ServiceDescriptor, method: str, request: Message, caller: Caller = NOBODY
    ) -> Any:
        """One rpc; an OSError says which node has ended, where that is why."""
        stub = self._stub(node, service)
        try:
            return await getattr(stub, method)(request, caller, timeout_s=_TIMEOUT_S[service.name])
        except OSError as error:
            raise self._explained(error) from None

    async def close(self) -> None:
        """Gives every connection up."""
        while self._channels:
            await self._channels.popitem()[1].close()

    def _stub(self, node: str, service: ServiceDescriptor) -> Stub:
        channel = self._channels.get(node)
        if channel is None:
            peer = Peer(self._cluster, self._roles[node], node)
            channel = self._channels[node] = self._machine.connect(self._addresses[node], peer, self._recorder)
        stub = self._stubs.get((node, service.name))
        if stub is None or stub.channel is not channel:
            stub = self._stubs[node, service.name] = Stub(service, channel)
        return stub

    def _explained(self, error: OSError) -> OSError:
        fallen = self._machine.fallen()
        if fallen is None:
            return error
        explained = OSError(error.errno, f"{error.strerror}; {fallen}")
        explained.definite = getattr(error, "definite", False)  # type: ignore[attr-defined]
        return explained
