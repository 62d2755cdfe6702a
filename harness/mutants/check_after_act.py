"""A server that acts first and asks afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from google.protobuf.message import Message

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Mediator
from rpc import Call


@dataclass(frozen=True, slots=True)
class CheckAfterAct:
    """Every hook of `method` is asked, and counted, but only when what it guards is durable."""

    method: str = "Mds/Mkdir"
    node: str = "mds0"

    name: ClassVar[str] = "check_after_act"
    ticket: ClassVar[str] = "CVE-2015-8660: overlayfs checked setattr after it had copied up"
    rule: ClassVar[str] = "Check, then act, in one step; a denied operation changes nothing (RFC 7204, 3.5.2)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (
        Notice("mediation", "checked-after-acting"),
        Notice("mediation", "acted-while-denied"),
    )

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        with seams.handled(seams.server(cluster, self.node), _acting_first, self.method):
            yield


class Postponing(seams.Bent):
    """Notes what is asked, as if it were allowed; `ask` asks it. A capability is asked at once: ways part there."""

    __slots__ = ("_noted",)

    def __init__(self, own: Mediator) -> None:
        super().__init__(own)
        self._noted: list[tuple[str, tuple[object, ...]]] = []

    def check(self, hook: str, *args: object) -> None:
        if hook == "capable":
            super().check(hook, *args)
        else:
            self._fire(hook, args)
            self._noted.append((hook, args))

    def ask(self) -> None:
        """Raises the first denial, too late."""
        late = Mediator(self.framework, self.subject)
        late.decisions = self.decisions
        for hook, args in self._noted:
            late.check(hook, *args)


def _acting_first(handler: seams.Handler) -> seams.Handler:
    async def serve(call: Call, request: Any) -> Message:
        call.lsm = postponing = Postponing(call.lsm)
        reply = await handler(call, request)
        postponing.ask()
        return reply

    return serve
