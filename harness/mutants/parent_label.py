"""A server that gives each new object the label of its directory, whatever transition the policy has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Obj


@dataclass(frozen=True, slots=True)
class ParentLabel:
    """Type transitions, by name too, and the creator's user count for nothing."""

    node: str = "mds0"

    name: ClassVar[str] = "parent_label"
    ticket: ClassVar[str] = "f0a107411a (lustre-sda): the security state of a create was that of another inode"
    rule: ClassVar[str] = (
        "A new object's label is computed by the policy's transitions (security/selinux/ss/services.c, "
        "security_compute_sid)."
    )
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("propagation", "new-label"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        with seams.mediated(seams.server(cluster, self.node), lambda call: Inheriting(call.lsm), "Mds"):
            yield


class Inheriting(seams.Bent):
    """Copies the directory's label."""

    __slots__ = ()

    def labels(self, hook: str, *args: object) -> dict[str, str]:
        computed = super().labels(hook, *args)
        parent = next((arg for arg in args if isinstance(arg, Obj) and arg.role == "parent"), None)
        if hook != "inode_init_security" or parent is None:
            return computed
        return {module: parent.labels.get(module) or label for module, label in computed.items()}
