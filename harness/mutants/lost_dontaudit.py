"""A server that audits what the policy says to deny in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Decision


@dataclass(frozen=True, slots=True)
class LostDontaudit:
    """Every denial of `method` gets a record."""

    method: str = "Mds/Getattr"
    node: str = "mds0"

    name: ClassVar[str] = "lost_dontaudit"
    ticket: ClassVar[str] = "LU-12324: records of what nobody had asked to have recorded"
    rule: ClassVar[str] = "A denial is audited unless dontaudit hides it (security/selinux/include/avc.h)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("audit", "audit-unexpected"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        with seams.mediated(server, lambda call: Noisy(call.lsm), self.method):
            yield


class Noisy(seams.Bent):
    """Knows no dontaudit."""

    __slots__ = ()

    def settle(self, decision: Decision) -> None:
        loud = decision.module == "selinux" and bool(decision.denied)
        super().settle(decision._replace(audited=True) if loud else decision)
