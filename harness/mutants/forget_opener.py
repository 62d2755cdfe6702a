"""A server that takes whoever uses a descriptor for who opened it."""

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
class ForgetOpener:
    """A task that took another context goes on with what it opened before, and nobody asks whether it may use it."""

    node: str = "mds0"

    name: ClassVar[str] = "forget_opener"
    ticket: ClassVar[str] = (
        "CVE-2021-39686: binder was asked about tasks as they are, not as they were when they opened it"
    )
    rule: ClassVar[str] = "What another context opened needs fd {use} (security/selinux/hooks.c, file_has_perm)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("mediation", "check-missing"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        with seams.mediated(seams.server(cluster, self.node), lambda call: Forgetting(call.lsm), "Mds"):
            yield


class Forgetting(seams.Bent):
    """Asks about open files as if the subject had opened them."""

    __slots__ = ()

    def check(self, hook: str, *args: object) -> None:
        super().check(hook, *(each._replace(opener=None) if isinstance(each, Obj) else each for each in args))
