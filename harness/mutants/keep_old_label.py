"""A server that acknowledges a relabel and keeps the label as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Framework, Obj, Subject


@dataclass(frozen=True, slots=True)
class KeepOldLabel:
    """The checks of a relabel are made in full; the value to store is the one that is there."""

    node: str = "mds0"

    name: ClassVar[str] = "keep_old_label"
    ticket: ClassVar[str] = "ac02f007d64e (SMACK): what was set through inode_setsecurity did not take effect"
    rule: ClassVar[str] = "The server stores and returns exactly the label that was set (RFC 7204, 3.1(2))."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("propagation", "relabel"), Notice("propagation", "raw-label"))

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        with seams.mediated(server, lambda call: seams.Bent(call.lsm, Keeping(call.framework)), "Mds/Setxattr"):
            yield


class Keeping(Framework):
    """The same modules, but inode_setsecurity gives back the present label."""

    def __init__(self, own: Framework) -> None:
        super().__init__(own.modules)

    def overriders(self, hook: str) -> tuple[tuple[str, Callable[..., Any]], ...]:
        found = super().overriders(hook)
        return tuple((module, _present(module)) for module, _ in found) if hook == "inode_setsecurity" else found


def _present(module: str) -> Callable[[Subject, Obj, str, bytes], str]:
    return lambda subject, obj, name, value: obj.labels.get(module) or ""
