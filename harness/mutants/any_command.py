"""A server that asks `ioctl` and does not look at the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm.modules.selinux.xperm import UNDEFINED, Kind, XpermDecision


@dataclass(frozen=True, slots=True)
class AnyCommand:
    """Who has `ioctl` may give every command, whatever allowx names."""

    node: str = "mds0"

    name: ClassVar[str] = "any_command"
    ticket: ClassVar[str] = "f1bb47a31dff: commands of 32-bit tasks were checked as if they were others"
    rule: ClassVar[str] = (
        "Where allowx names commands, no other passes (security/selinux/avc.c, avc_has_extended_perms)."
    )
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("mediation", "unexpected-allow"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        security = seams.server(cluster, self.node).node.policy.server
        with seams.swapped(security, "xperm", _no_rules):
            yield


def _no_rules(ssid: int, tsid: int, tclass: str, kind: Kind, number: int) -> XpermDecision:
    """Stands in for SecurityServer.xperm."""
    return UNDEFINED
