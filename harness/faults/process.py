"""Faults of a node's process: kill -9, pause, an orderly stop, a restart on its data."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import machine
from harness.clusters.cluster import Cluster
from harness.clusters.injected import Fault
from labelproof.v1 import admin_pb2 as pb


@dataclass(eq=False)
class _OfProcess(Fault):
    """Strikes one node; healed when it answers again."""

    node: str

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node,)

    def verify_healed(self, cluster: Cluster) -> None:
        cluster.node(self.node).admin.stats(pb.StatsRequest())


@dataclass(eq=False)
class Stop(_OfProcess):
    """The node is stopped in good order (SIGTERM). Healed by starting it on the same data."""

    name: ClassVar[str] = "stop"
    stoppable: ClassVar[bool] = True

    def available(self, cluster: Cluster) -> str | None:
        return None if cluster.lives.up(self.node) else f"{self.node} does not run; heal what ended it first"

    def start(self, cluster: Cluster) -> None:
        cluster.stop_node(self.node)

    def verify(self, cluster: Cluster) -> None:
        try:
            cluster.node(self.node).admin.stats(pb.StatsRequest())
        except OSError:
            return
        raise OSError(errno.EBUSY, f"{self.node} still answers")

    def heal(self, cluster: Cluster) -> None:
        if not cluster.lives.up(self.node):
            cluster.restart(self.node)


@dataclass(eq=False)
class Kill(Stop):
    """kill -9: the node ends between two instructions. Healed by starting it on the same data."""

    name: ClassVar[str] = "kill"

    def available(self, cluster: Cluster) -> str | None:
        if not isinstance(cluster.machine, machine.Kill):
            return _unable(cluster, "kill")
        return super().available(cluster)

    def start(self, cluster: Cluster) -> None:
        cluster.kill(self.node)


@dataclass(eq=False)
class Restart(_OfProcess):
    """The node is stopped in good order and started on the same data: what it only had in memory is gone."""

    name: ClassVar[str] = "restart"
    stoppable: ClassVar[bool] = True

    def available(self, cluster: Cluster) -> str | None:
        return None

    def start(self, cluster: Cluster) -> None:
        cluster.restart(self.node)

    def verify(self, cluster: Cluster) -> None:
        self.verify_healed(cluster)

    def heal(self, cluster: Cluster) -> None:
        """It heals itself."""


@dataclass(eq=False)
class Pause(_OfProcess):
    """The node stands still, its connections open: who asks it waits. Healed by letting it go on."""

    name: ClassVar[str] = "pause"

    def available(self, cluster: Cluster) -> str | None:
        if not isinstance(cluster.machine, machine.Pause):
            return _unable(cluster, "pause")
        return None if cluster.lives.up(self.node) else f"{self.node} does not run; heal what ended it first"

    def start(self, cluster: Cluster) -> None:
        cluster.pause(self.node)

    def verify(self, cluster: Cluster) -> None:
        if not cluster.lives.paused(self.node):
            raise OSError(errno.EBUSY, f"{self.node} goes on")

    def heal(self, cluster: Cluster) -> None:
        cluster.resume(self.node)


def _unable(cluster: Cluster, what: str) -> str:
    if isinstance(cluster.machine, machine.Adopted):
        return (
            f"{cluster.machine.adopted} was taken over by its addresses, and only an engine can {what} a node; give "
            "--cluster PROJECT on the engine's machine, or use processes, netns or docker"
        )
    return f"runtime {cluster.runtime} cannot {what} a node; use processes, netns or docker"
