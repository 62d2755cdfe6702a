"""Runtime `inprocess`: every node inside this process, real gRPC with mutual TLS between them; a debugger sees all."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.clusters import loops, real
from harness.clusters.cluster import Cluster
from harness.clusters.hosted import Hosted, Listener
from harness.clusters.machine import Machine
from harness.clusters.plan import Runs
from harness.spec import ClusterSpec
from host.config import NodeConfig
from host.serve import Server
from rpc import Channel, Clock, Peer, Recorder, SystemClock, Table, transport_grpc
from rpc.clock import boot_id
from rpc.identity import Identity

T = TypeVar("T")


class InProcess:
    """Boots fastest, and one breakpoint stops the whole cluster."""

    name = "inprocess"

    def available(self) -> str | None:
        """Always: it needs nothing but Python."""
        return None

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""

        def machine(identity: Identity) -> Machine:
            return _Machine(real.own_config(spec, identity), run_dir / "logs")

        return real.boot(spec, run_dir, Runs(self.name, boot_id()), machine)


class _Machine:
    """See machine.Machine."""

    def __init__(self, own: NodeConfig, logs: Path) -> None:
        self.clock: Clock = SystemClock()
        self._hosted = Hosted(_Grpc(), self.clock, own, logs)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return loops.shared().run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        return self.run(self._hosted.start(configs))

    def stop(self, names: Sequence[str]) -> None:
        self.run(self._hosted.stop(names))

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return self._hosted.connect(address, peer, recorder)

    def server(self, name: str) -> Server:
        return self._hosted.server(name)

    def fallen(self) -> str | None:
        """A node here ends with this process only."""
        return None

    def close(self) -> None:
        self.stop(self._hosted.running)
        self._hosted.close()


class _Grpc:
    """See hosted.Transport."""

    async def serve(self, config: NodeConfig, tables: tuple[Table, ...]) -> Listener:
        assert config.identity is not None
        return await transport_grpc.serve(config.listen, config.identity, tables)

    def connect(self, config: NodeConfig, address: str, peer: Peer, recorder: Recorder) -> Channel:
        assert config.identity is not None
        return real.connect(config.identity, address, peer, recorder, config.rpc_timeout_s)
