"""A server that goes on deciding by the label that an object had when it first saw it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Fid, Mediator, Obj

Seen = dict[Fid, Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class StaleLabel:
    """A relabel reaches the store, and not what the server remembers for its decisions."""

    node: str = "mds0"

    name: ClassVar[str] = "stale_label"
    ticket: ClassVar[str] = "LU-6784: the lock of a label was cancelled, the label in the LSM's own state was not"
    rule: ClassVar[str] = "Decisions are made on the current label (RFC 7204, 3.5.2)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("mediation", "false-tcontext"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        seen: Seen = {}
        server = seams.server(cluster, self.node)
        with seams.mediated(server, lambda call: Remembering(call.lsm, seen), "Mds"):
            yield


class Remembering(seams.Bent):
    """Asks about objects as they were labelled at first; their version is the present one."""

    __slots__ = ("_seen",)

    def __init__(self, own: Mediator, seen: Seen) -> None:
        super().__init__(own)
        self._seen = seen

    def check(self, hook: str, *args: object) -> None:
        super().check(hook, *map(self._remembered, args))

    def _remembered(self, value: object) -> object:
        if not isinstance(value, Obj) or value.fid is None:
            return value
        return value._replace(labels=self._seen.setdefault(value.fid, value.labels))
