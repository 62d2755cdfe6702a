"""Runtime `processes`: each node a process of its own, real gRPC with mutual TLS, real kill -9."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.clusters import loops, real
from harness.clusters.cluster import Cluster
from harness.clusters.plan import Runs
from harness.clusters.supervisor import Supervisor
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import Channel, Clock, Peer, Recorder, SystemClock
from rpc.clock import boot_id
from rpc.identity import Identity

T = TypeVar("T")


class Processes:
    """The default runtime: what is tested is what would run on several machines."""

    name = "processes"

    def __init__(self, modules: Mapping[str, str] | None = None) -> None:
        """`modules`: see Supervisor."""
        self._modules = modules

    def available(self) -> str | None:
        """None, or why nodes cannot be processes here."""
        return None if sys.platform == "linux" else "node processes need Linux (/proc); use the runtime inprocess"

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""
        runs = Runs(self.name, boot_id(), ephemeral=True)
        supervisor = Supervisor(run_dir / "logs", self._modules)
        return real.boot(spec, run_dir, runs, lambda identity: ProcessMachine(identity, supervisor))


class ProcessMachine:
    """See machine.Machine, Kill and Pause."""

    def __init__(self, identity: Identity, supervisor: Supervisor) -> None:
        self.clock: Clock = SystemClock()
        self._identity = identity
        self._supervisor = supervisor

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return loops.shared().run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        return self._supervisor.start(configs)

    def stop(self, names: Sequence[str]) -> None:
        self._supervisor.stop(names)

    def kill(self, name: str) -> None:
        self._supervisor.kill(name)

    def pause(self, name: str) -> None:
        self._supervisor.pause(name)

    def resume(self, name: str) -> None:
        self._supervisor.resume(name)

    def paused(self, name: str) -> bool:
        return self._supervisor.paused(name)

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return real.connect(self._identity, address, peer, recorder)

    def fallen(self) -> str | None:
        error = self._supervisor.fallen()
        return str(error) if error else None

    def close(self) -> None:
        self._supervisor.stop()
