"""A server that forgets one hook of one operation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from rpc import Call
from rpc.mediation import Case, Mediation


@dataclass(frozen=True, slots=True)
class SkipHook:
    """`hook` of `method` neither fires nor asks.

    As it is, the framework's own count refuses the call, and the history says so; with `counted` off that count is
    silenced too, and only the checker is left to notice.
    """

    counted: bool = True
    method: str = "Mds/Unlink"
    hook: str = "inode_unlink"
    node: str = "mds0"

    ticket: ClassVar[str] = "LU-1482: any user could set an xattr, as the permission check was skipped in some cases"
    rule: ClassVar[str] = "A server asks every hook for a remote operation as for a local one (RFC 7204, 3.5.2)."

    @property
    def name(self) -> str:
        return "skip_hook" if self.counted else "skip_hook_uncounted"

    @property
    def noticed_by(self) -> tuple[Notice, ...]:
        kinds = ("contract",) if self.counted else ("hook-missing", "check-missing")
        return tuple(Notice("mediation", kind) for kind in kinds)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        with seams.mediated(seams.server(cluster, self.node), self._bend, self.method):
            yield

    def _bend(self, call: Call) -> Skipping:
        if not self.counted:
            call.declared = _anything(call.declared)
        return Skipping(call, self.hook)


class Skipping(seams.Bent):
    """Asks everything but one hook."""

    __slots__ = ("_hook",)

    def __init__(self, call: Call, hook: str) -> None:
        super().__init__(call.lsm)
        self._hook = hook

    def check(self, hook: str, *args: object) -> None:
        if hook != self._hook:
            super().check(hook, *args)


def _anything(declared: Mediation) -> Mediation:
    """The same cases, each of which may fire whatever it likes."""
    cases = {name: Case({}, frozenset(), anything=True) for name in declared.cases}
    return Mediation(cases, "", cases)
