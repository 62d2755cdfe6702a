"""Nodes inside this process, each as the app, tables and store that a node process would have.

What they log at warning and above goes to one file of the run, since the loggers are the process's and not a node's.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.clusters import apps
from harness.clusters.errors import ClusterError
from host.config import NodeConfig
from host.node import Node, PeerAddress
from host.serve import Server
from rpc import Channel, Clock, Peer, Recorder, Table

# The loggers of what runs in a node.
LOGGERS = ("rpc", "host", "mds", "oss", "client")


class Listener(Protocol):
    """A node that is served."""

    address: str

    async def stop(self, grace_s: float = ...) -> None: ...


class Transport(Protocol):
    """How the nodes of this process reach one another."""

    async def serve(self, config: NodeConfig, tables: tuple[Table, ...]) -> Listener: ...

    def connect(self, config: NodeConfig, address: str, peer: Peer, recorder: Recorder) -> Channel: ...


@dataclass(slots=True)
class _Environment:
    """See host.node.Environment."""

    clock: Clock
    config: NodeConfig
    transport: Transport

    def rng(self, name: str) -> random.Random:
        return random.Random(f"{self.config.seed}:{name}")  # noqa: S311  # repeats by design

    def connect(self, node: Node, peer: PeerAddress) -> Channel:
        to = Peer(self.config.cluster, peer.role, peer.node)
        return self.transport.connect(self.config, peer.address, to, node.recorder)


class Hosted:
    """The nodes of one cluster on the loop of this process; `own` is the harness's configuration as a peer."""

    def __init__(self, transport: Transport, clock: Clock, own: NodeConfig, logs: Path) -> None:
        self.clock = clock
        self._transport = transport
        self._own = own
        self._nodes: dict[str, tuple[Server, Listener]] = {}
        self._log = logging.FileHandler(logs / "nodes.log", delay=True)
        self._log.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._log.setLevel(logging.WARNING)
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self._log)

    def close(self) -> None:
        """Gives the loggers back; the nodes are stopped before."""
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self._log)
        self._log.close()

    async def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        """Starts nodes one after the other; ClusterError names the first that cannot be started."""
        for config in configs:
            try:
                self._nodes[config.name] = await self._started(config)
            except OSError as error:
                await self.stop([other.name for other in configs])
                raise ClusterError(f"node {config.name} could not be started: {error.strerror or error}") from error
        return {config.name: self._nodes[config.name][1].address for config in configs}

    async def stop(self, names: Sequence[str]) -> None:
        """Stops those of the nodes that run, clients first, so that nobody is left without a server that it needs."""
        for name in reversed(names):
            if name in self._nodes:
                server, listener = self._nodes.pop(name)
                server.node.stopping()
                await listener.stop()
                await server.stop()

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return self._transport.connect(self._own, address, peer, recorder)

    @property
    def running(self) -> list[str]:
        return list(self._nodes)

    def server(self, name: str) -> Server:
        """The node itself, for who looks into it; KeyError if it does not run."""
        return self._nodes[name][0]

    async def _started(self, config: NodeConfig) -> tuple[Server, Listener]:
        server = Server(config, _Environment(self.clock, config, self._transport), apps.of(config.role))
        await server.start()
        try:
            return server, await self._transport.serve(config, server.tables)
        except OSError:
            await server.stop()
            raise
