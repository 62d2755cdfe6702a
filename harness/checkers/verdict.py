"""What a checker says: findings, and one verdict that sums them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.model.fs import Event
from harness.model.world import World

Valid = Literal["valid", "invalid", "unknown"]
_UNKNOWN_MAX = 20  # reasons kept; the first says it, the rest are more of the same


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind` is its name, `because` one sentence with rule, object and step.

    `culprits` are the events: {"n": node, "i": index in that node's file}.
    """

    checker: str
    kind: str
    because: str
    culprits: tuple[dict[str, Any], ...] = ()
    expected: str = ""
    actual: str = ""
    test: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """valid, invalid or unknown, with the first finding's details."""

    valid: Valid
    because: str
    culprits: tuple[dict[str, Any], ...] = ()
    expected: str = ""
    actual: str = ""
    checker: str = ""


class Checker:
    """One rule about histories, judged event by event. `needs`: event types without which it can say nothing.

    Whoever judges feeds the world after the checkers: a checker sees an event before it has taken effect.
    """

    name = ""
    needs: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self.world = world
        self.findings: list[Finding] = []
        self.judged = 0
        self._unknown: list[str] = []
        self._drained = 0

    def ahead(self, events: Sequence[Event]) -> None:
        """Sees a whole slice before it is fed: what is asked of another process is cheaper asked at once."""

    def feed(self, event: Event) -> None:
        """Takes the next event in causal order."""
        raise NotImplementedError

    def drain(self) -> list[Finding]:
        """The findings since the last time."""
        new = self.findings[self._drained :]
        self._drained = len(self.findings)
        return new

    def verdict(self) -> Verdict:
        """What can be said so far; may be asked again after more events."""
        if self.findings:
            first, more = self.findings[0], len(self.findings) - 1
            because = first.because + (f" ({more} more)" if more else "")
            return Verdict("invalid", because, first.culprits, first.expected, first.actual, self.name)
        missing = sorted(self.needs - self.world.seen)
        if missing:
            return Verdict("unknown", f"the history has no {', '.join(missing)} events", checker=self.name)
        if self._unknown:
            more = len(self._unknown) - 1
            return Verdict("unknown", self._unknown[0] + (f" (and {more} more)" if more else ""), checker=self.name)
        return Verdict("valid", f"{self.judged} judged", checker=self.name)

    def find(self, kind: str, because: str, *events: Event, expected: object = "", actual: object = "") -> None:
        """Notes a finding about these events."""
        culprits = tuple({"n": event["n"], "i": event["i"]} for event in events)
        op = self.world.op_of(events[0]) if events else None
        test = (op.invoke if op else events[0] if events else {}).get("test")
        self.findings.append(Finding(self.name, kind, because, culprits, str(expected), str(actual), test))

    def unknown(self, because: str) -> None:
        """Notes that something could not be judged."""
        if because not in self._unknown and len(self._unknown) < _UNKNOWN_MAX:
            self._unknown.append(because)


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict of many: invalid beats unknown beats valid; no verdict at all is unknown."""
    order: dict[Valid, int] = {"invalid": 0, "unknown": 1, "valid": 2}
    ranked = sorted(verdicts, key=lambda verdict: order[verdict.valid])
    return ranked[0] if ranked else Verdict("unknown", "no checker ran")
