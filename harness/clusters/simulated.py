"""Runtime `sim`: the same services over the memory transport, in virtual time, with delays drawn from the seed.

One seed gives one history, byte for byte, in whatever process and under whatever hash seed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.clusters import plan
from harness.clusters.boot import booted
from harness.clusters.cluster import Cluster
from harness.clusters.history import HARNESS
from harness.clusters.hosted import Hosted, Listener
from harness.sim.clock import SimClock
from harness.sim.loop import SimLoop
from harness.sim.network import SimNetwork
from harness.spec import ClusterSpec
from host.config import NodeConfig
from host.serve import Server
from rpc import Channel, Clock, Peer, Recorder, Table

T = TypeVar("T")


class Sim:
    """Deterministic, and faster than time."""

    name = "sim"

    def __init__(self, network: Callable[[int], SimNetwork] = SimNetwork) -> None:
        """`network` makes the network that nodes speak over, from the seed."""
        self._network = network

    def available(self) -> str | None:
        """Always: it needs nothing but Python."""
        return None

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""

        def build(data: Path) -> Cluster:
            runs = plan.Runs(self.name, f"virtual:{spec.seed}")
            configs = plan.configs(spec, run_dir, data, runs, plan.sim_key(spec.seed), lambda role, name: None)
            return Cluster(
                self.name, _Machine(spec, self._network(spec.seed), run_dir / "logs"), spec, run_dir, data, configs
            )

        return booted(spec, run_dir, build)


class _Machine:
    """See machine.Machine."""

    def __init__(self, spec: ClusterSpec, network: SimNetwork, logs: Path) -> None:
        self._loop = SimLoop()
        self.clock: Clock = SimClock(self._loop)
        own = NodeConfig(HARNESS, HARNESS, spec.name, Path(), b"")
        self._hosted = Hosted(_Memory(network), self.clock, own, logs)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        return self.run(self._hosted.start(configs))

    def stop(self, names: Sequence[str]) -> None:
        if not self._loop.is_closed():
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
        self._loop.shutdown()


class _Memory:
    """See hosted.Transport; identities are given, as there is nobody else on this network."""

    def __init__(self, network: SimNetwork) -> None:
        self._network = network

    async def serve(self, config: NodeConfig, tables: tuple[Table, ...]) -> Listener:
        return self._network.listen(config.listen, tables)

    def connect(self, config: NodeConfig, address: str, peer: Peer, recorder: Recorder) -> Channel:
        local = Peer(config.cluster, config.role, config.name)
        return self._network.connect(address, local=local, peer=peer, recorder=recorder, timeout_s=config.rpc_timeout_s)
