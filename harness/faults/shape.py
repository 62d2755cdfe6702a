"""Delay, jitter, loss and bandwidth of what one node sends: one such fault a node at a time.

By the kernel's own netem where it has it (CONFIG_NET_SCH_NETEM); else, and towards single peers, by NFQUEUE.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.clusters.cluster import Cluster
from harness.clusters.injected import Fault
from harness.faults import inside, nfqueue
from harness.faults.inside import Rule, require

_QUEUE = 1
_END_S_MAX = 5.0
_NO_NETEM = "qdisc kind is unknown"


@dataclass(eq=False)
class _Shape(Fault):
    """Of the packets that a node sends by its interface."""

    node: str

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node,)

    def available(self, cluster: Cluster) -> str | None:
        others = (other for other in cluster.faults if isinstance(other, _Shape) and other.node == self.node)
        if other := next(others, None):
            return f"what {self.node} sends is shaped by {other.name} already; heal that first"
        return inside.lacking(cluster, "iptables", "tc")

    def _tc(self, cluster: Cluster, action: str, *words: str) -> str:
        interface = inside.network(cluster).interface(self.node)
        return inside.in_network(cluster, self.node, "tc", "qdisc", action, "dev", interface, *words)

    def _shaped(self, cluster: Cluster, kind: str) -> bool:
        return f"qdisc {kind} " in self._tc(cluster, "show")

    def _unshape(self, cluster: Cluster, kind: str) -> None:
        if self._shaped(cluster, kind):
            self._tc(cluster, "del", "root")


@dataclass(eq=False)
class Bandwidth(_Shape):
    """What the node sends is limited to `kbit` a second; what is more waits, and then is lost (tc-tbf(8))."""

    name: ClassVar[str] = "bandwidth"

    kbit: int = 1000

    def start(self, cluster: Cluster) -> None:
        self._tc(cluster, "add", "root", "tbf", "rate", f"{self.kbit}kbit", "burst", "16kb", "latency", "400ms")

    def verify(self, cluster: Cluster) -> None:
        require(self._shaped(cluster, "tbf"), f"{self.node} sends as fast as ever")

    def heal(self, cluster: Cluster) -> None:
        self._unshape(cluster, "tbf")

    def verify_healed(self, cluster: Cluster) -> None:
        require(not self._shaped(cluster, "tbf"), f"{self.node} is still limited")


@dataclass(eq=False, init=False)
class Netem(_Shape):
    """Packets from the node to the peers (none given: to everybody) go on after `delay_ms`, give or take `jitter_ms`,
    each for itself, so that jitter reorders them; the share `loss` of them, from 0 to 1, never."""

    name: ClassVar[str] = "netem"

    peers: tuple[str, ...]
    delay_ms: float
    jitter_ms: float
    loss: float

    def __init__(
        self, node: str, *peers: str, delay_ms: float = 0.0, jitter_ms: float = 0.0, loss: float = 0.0
    ) -> None:
        """ValueError for what no packet can be given."""
        if min(delay_ms, jitter_ms, loss) < 0 or loss > 1:
            raise ValueError(f"{self.name}: give milliseconds from 0, and a loss from 0 to 1")
        super().__init__(node)
        self.peers, self.delay_ms, self.jitter_ms, self.loss = peers, delay_ms, jitter_ms, loss
        self._mark = inside.mark()
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node, *self.peers)

    def start(self, cluster: Cluster) -> None:
        if not self.peers and self._by_kernel(cluster):
            return
        self._daemon = self._queued(cluster)
        for rule in self._rules(cluster):
            rule.add(cluster)

    def verify(self, cluster: Cluster) -> None:
        if self._daemon is None:
            require(self._shaped(cluster, "netem"), f"{self.node} sends undisturbed")
            return
        require(self._daemon.poll() is None, f"the queue of {self.node} has nobody who serves it")
        for rule in self._rules(cluster):
            require(rule.there(cluster), f"packets of {self.node} pass by the queue")

    def heal(self, cluster: Cluster) -> None:
        self._unshape(cluster, "netem")
        for rule in self._rules(cluster):
            rule.remove(cluster)
        if self._daemon is not None:
            _ended(self._daemon)

    def verify_healed(self, cluster: Cluster) -> None:
        require(not self._shaped(cluster, "netem"), f"{self.node} still has a netem")
        for rule in self._rules(cluster):
            require(not rule.there(cluster), f"packets of {self.node} are still queued")

    def netem(self) -> list[str]:
        """What tc-netem(8) is told."""
        words = ["delay", f"{self.delay_ms:g}ms", f"{self.jitter_ms:g}ms"] if self.delay_ms or self.jitter_ms else []
        return [*words, *(["loss", f"{self.loss:.6%}"] if self.loss else [])]

    def _by_kernel(self, cluster: Cluster) -> bool:
        try:
            self._tc(cluster, "add", "root", "netem", *self.netem())
        except OSError as error:
            if _NO_NETEM in str(error.strerror):
                return False
            raise
        return True

    def _rules(self, cluster: Cluster) -> list[Rule]:
        network = inside.network(cluster)
        target = ("NFQUEUE", "--queue-num", str(_QUEUE), "--queue-bypass")
        by = ("-o", network.interface(self.node))
        ways: list[tuple[str, ...]] = [("-d", network.ip(peer), *by) for peer in self.peers] or [by]
        return [Rule(self.node, "OUTPUT", way, target, self._mark) for way in ways]

    def _queued(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        """The program that serves the queue, ready."""
        pid = inside.network(cluster).namespace(self.node)
        daemon = subprocess.Popen(
            ["nsenter", "-t", str(pid), "-n", "--", sys.executable, "-I", str(Path(nfqueue.__file__)),
             "--queue", str(_QUEUE), "--delay-ms", str(self.delay_ms), "--jitter-ms", str(self.jitter_ms),
             "--loss", str(self.loss), "--seed", str(cluster.spec.seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert daemon.stdout is not None
        if daemon.stdout.readline() != b"ready\n":
            told = _ended(daemon).strip().splitlines()
            raise OSError(f"packets of {self.node} cannot be queued: {told[-1] if told else 'no reason given'}")
        return daemon


class Delay(Netem):
    """Every packet that the node sends, to the peers if any are named, goes on `delay_ms` late."""

    name: ClassVar[str] = "delay"

    def __init__(self, node: str, *peers: str, delay_ms: float = 50.0) -> None:
        super().__init__(node, *peers, delay_ms=delay_ms)


class Jitter(Netem):
    """Packets are late by what chance gives, from 0 to twice `jitter_ms`, and so overtake one another."""

    name: ClassVar[str] = "jitter"

    def __init__(self, node: str, *peers: str, jitter_ms: float = 20.0) -> None:
        super().__init__(node, *peers, delay_ms=jitter_ms, jitter_ms=jitter_ms)


class Loss(Netem):
    """The share `loss` of the packets that the node sends is lost; TCP sends them again."""

    name: ClassVar[str] = "loss"

    def __init__(self, node: str, *peers: str, loss: float = 0.1) -> None:
        super().__init__(node, *peers, loss=loss)


def _ended(daemon: subprocess.Popen[bytes]) -> str:
    """Ends the program, and tells what it complained of."""
    daemon.kill()
    return daemon.communicate(timeout=_END_S_MAX)[1].decode(errors="replace")
