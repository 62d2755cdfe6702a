"""A server that decides by its own credentials instead of the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice


@dataclass(frozen=True, slots=True)
class WrongSubject:
    """`method` is decided for the node itself, who may do nearly everything."""

    method: str = "Mds/Getattr"
    node: str = "mds0"

    name: ClassVar[str] = "wrong_subject"
    ticket: ClassVar[str] = "CVE-2021-47128: a check was made in the context of another task than the one that asked"
    rule: ClassVar[str] = "A remote request is decided as a local one of its own subject (RFC 7204, 3.5.2)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (
        Notice("mediation", "false-scontext"),
        Notice("mediation", "unexpected-allow"),
    )

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        with seams.mediated(server, lambda call: call.lsm.acting_for(server.node.subject), self.method):
            yield
