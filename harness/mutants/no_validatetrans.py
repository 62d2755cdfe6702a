"""A server that relabels without asking the validatetrans rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice


@dataclass(frozen=True, slots=True)
class NoValidatetrans:
    """relabelfrom and relabelto are asked; whether the one label may become the other is not."""

    node: str = "mds0"

    name: ClassVar[str] = "no_validatetrans"
    ticket: ClassVar[str] = "444046c592: a remote request got another check than the local kernel makes"
    rule: ClassVar[str] = "A relabel also needs security_validate_transition (selinux_inode_setxattr)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("mediation", "unexpected-allow"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        # An OST asks again for its object of the file: the bug is in the code that all servers share.
        with ExitStack() as planted:
            for node in (self.node, *(name for name, n in cluster.nodes.items() if n.role == "oss")):
                security = seams.server(cluster, node).node.policy.server
                planted.enter_context(seams.swapped(security, "validatetrans", _anything))
            yield


def _anything(old: int, new: int, task: int, tclass: str) -> bool:
    """Stands in for SecurityServer.validatetrans."""
    return True
