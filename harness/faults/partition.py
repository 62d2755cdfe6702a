"""Partitions: packets between some nodes are lost, per direction and per peer; and a cable pulled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from harness.clusters.cluster import Cluster
from harness.clusters.injected import Fault
from harness.faults import inside
from harness.faults.inside import Rule, require

Direction = Literal["both", "out", "in"]


@dataclass(eq=False, init=False)
class Partition(Fault):
    """Packets between `node` and the peers (none given: every other node) are lost where they would be received.

    `direction`: "out" loses what the node sends, "in" what it is sent. Nobody is told: who waits, waits.
    """

    name: ClassVar[str] = "partition"

    node: str
    peers: tuple[str, ...]
    direction: Direction

    def __init__(self, node: str, *peers: str, direction: Direction = "both") -> None:
        """ValueError for another direction."""
        if direction not in get_args(Direction):
            raise ValueError(f"partition: direction is {direction!r}; give one of {', '.join(get_args(Direction))}")
        self.node, self.peers, self.direction = node, peers, direction
        self._mark = inside.mark()

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node, *self.peers)

    def available(self, cluster: Cluster) -> str | None:
        return inside.lacking(cluster, "iptables")

    def start(self, cluster: Cluster) -> None:
        for rule in self._rules(cluster):
            rule.add(cluster)

    def verify(self, cluster: Cluster) -> None:
        for rule in self._rules(cluster):
            require(rule.there(cluster), f"{rule.node} takes packets that it should not")

    def heal(self, cluster: Cluster) -> None:
        for rule in self._rules(cluster):
            rule.remove(cluster)

    def verify_healed(self, cluster: Cluster) -> None:
        for rule in self._rules(cluster):
            require(not rule.there(cluster), f"{rule.node} still drops packets")

    def _rules(self, cluster: Cluster) -> Iterator[Rule]:
        network = inside.network(cluster)
        for peer in self.peers or [name for name in cluster.nodes if name != self.node]:
            ways = {"out": (peer, self.node), "in": (self.node, peer)}
            for way in ways if self.direction == "both" else (self.direction,):
                receiver, sender = ways[way]
                yield Rule(receiver, "INPUT", ("-s", network.ip(sender)), ("DROP",), self._mark)


@dataclass(eq=False)
class LinkDown(Fault):
    """The node's interface is down: it knows that it is cut off (ENETUNREACH), the others do not."""

    name: ClassVar[str] = "link-down"

    node: str

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node,)

    def available(self, cluster: Cluster) -> str | None:
        return inside.lacking(cluster, "ip")

    def start(self, cluster: Cluster) -> None:
        self._set(cluster, "down")

    def verify(self, cluster: Cluster) -> None:
        require(not self._up(cluster), f"the link of {self.node} is up")

    def heal(self, cluster: Cluster) -> None:
        self._set(cluster, "up")

    def verify_healed(self, cluster: Cluster) -> None:
        require(self._up(cluster), f"the link of {self.node} is still down")

    def _set(self, cluster: Cluster, state: str) -> None:
        interface = inside.network(cluster).interface(self.node)
        inside.in_network(cluster, self.node, "ip", "link", "set", interface, state)

    def _up(self, cluster: Cluster) -> bool:
        interface = inside.network(cluster).interface(self.node)
        shown = inside.in_network(cluster, self.node, "ip", "-o", "link", "show", "dev", interface)
        # As in: 2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 ...
        return "UP" in shown.partition("<")[2].partition(">")[0].split(",")
