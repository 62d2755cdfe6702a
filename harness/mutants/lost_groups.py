"""A server that admits every subject without its supplementary groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Subject
from rpc import Peer, context


@dataclass(frozen=True, slots=True)
class LostGroups:
    """What a caller may do by a group other than its first is lost on the way."""

    node: str = "mds0"

    name: ClassVar[str] = "lost_groups"
    ticket: ClassVar[str] = "LU-18919: supplementary groups were not among the credentials that a server acted on"
    rule: ClassVar[str] = "Every request carries its subject, and the server acts on that very one (RFC 7204, 3.1(1))."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("identity", "subject"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node, selinux=False)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        admission = seams.server(cluster, self.node).node.admission
        admit = admission.subject

        def without_groups(peer: Peer, data: bytes | None) -> Subject:
            return context.named(replace(admit(peer, data), groups=()))

        with seams.swapped(admission, "subject", without_groups):
            yield
