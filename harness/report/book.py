"""The values that the page is made of: what one test did, operation by operation, as its cluster recorded it.

Everything keeps `at`, its place in the causal order of the whole history, so that a list of it can be put in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LABEL = "security.selinux"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `object` is the path it was about, or the component; `denied` the missing permissions only."""

    at: int
    node: str
    rpc: str | None
    vantage: str
    hook: str
    tclass: str
    requested: tuple[str, ...]
    denied: tuple[str, ...]
    scontext: str
    tcontext: str
    object: str
    fid: str | None
    allowed: bool
    reason: str
    permissive: bool
    culprit: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A label in a store that changed; None: absent."""

    at: int
    node: str
    object: str
    fid: str
    name: str
    old: str | None
    new: str | None
    why: str
    culprit: bool = False


@dataclass(slots=True)
class Rpc:
    """An rpc: the places of its four events in the order (None: not recorded), who sent it, and about what.

    `subject` and `object` are contexts, `named` is what the request names.
    """

    id: str
    origin: str
    to: str
    method: str
    subject: str = ""
    behalf: str = ""
    named: str = ""
    fid: str | None = None
    object: str = ""
    send: int | None = None
    recv: int | None = None
    reply: int | None = None
    done: int | None = None
    status: int = 0
    finding: str = ""
    culprit: bool = False


@dataclass(slots=True)
class Step:
    """An operation: what a task asked for, what came of it, and all that it caused."""

    op: str
    number: int
    at: int
    client: str
    task: str
    subject: str
    f: str
    what: str
    end: int | None = None
    outcome: str = "no end recorded"
    ok: bool = False
    message: str = ""
    rpcs: list[Rpc] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    culprit: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that began, or was healed."""

    at: int
    text: str


@dataclass(slots=True)
class Story:
    """What one test did on one cluster. `nodes` are that cluster's, in the order in which a request passes them."""

    test: str
    steps: list[Step] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    nodes: tuple[str, ...] = ()

    def decisions(self) -> Iterator[Decision]:
        for step in self.steps:
            yield from step.decisions

    def touching(self, fid: str) -> bool:
        """Whether any operation had to do with the object."""
        return any(fid in step.touched for step in self.steps)


@dataclass(slots=True)
class Counts:
    """What is counted of all decisions and label changes.

    `cells`: (hook, class, permission) -> [allowed, denied]. `labels`: context -> [as subject, as object, stored].
    """

    cells: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    labels: dict[str, list[int]] = field(default_factory=dict)

    def decision(self, event: Mapping[str, Any]) -> None:
        denied = set(event.get("denied") or ())
        for permission in event["requested"]:
            cell = self.cells.setdefault((event["hook"], event["tclass"], permission), [0, 0])
            cell[permission in denied] += 1
        self._seen(text(event["scontext"]), 0)
        self._seen(text(event["tcontext"]), 1)

    def stored(self, label: str) -> None:
        self._seen(label, 2)

    def add(self, other: Counts) -> None:
        """Takes over the counts of another cluster."""
        for key, (allowed, denied) in other.cells.items():
            cell = self.cells.setdefault(key, [0, 0])
            cell[0] += allowed
            cell[1] += denied
        for label, numbers in other.labels.items():
            mine = self.labels.setdefault(label, [0, 0, 0])
            for column, number in enumerate(numbers):
                mine[column] += number

    def matrix(self) -> list[tuple[str, str, list[tuple[str, int, int]]]]:
        """A row a hook and class, with (permission, allowed, denied), by name."""
        rows: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
        for (hook, tclass, permission), (allowed, denied) in sorted(self.cells.items()):
            rows.setdefault((hook, tclass), []).append((permission, allowed, denied))
        return [(hook, tclass, cells) for (hook, tclass), cells in rows.items()]

    def ranked(self) -> list[tuple[str, list[int]]]:
        """Labels with their numbers, the most used first."""
        return sorted(self.labels.items(), key=lambda item: (-sum(item[1]), item[0]))

    def _seen(self, label: str, column: int) -> None:
        if label:
            self.labels.setdefault(label, [0, 0, 0])[column] += 1


@dataclass(slots=True)
class Book:
    """One cluster's history by test. `paths` are where objects were made.

    `part` is the cluster's folder in the run's, with a slash behind it; empty for the run's own. `places` and `fids`
    are, of the events that a finding is about, the operation and the object.
    """

    part: str = ""
    stories: dict[str, Story] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    places: dict[tuple[str, int], Step] = field(default_factory=dict)
    fids: dict[tuple[str, int], str] = field(default_factory=dict)


def text(value: Any) -> str:
    """A name, context or argument of an event as text; bytes that are none are shown as hex."""
    if isinstance(value, Mapping):
        return f"0x{value['hex']}" if set(value) == {"hex"} else " ".join(f"{k}={text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return " ".join(map(text, value))
    return "" if value is None else str(value)


def short(context: str) -> str:
    """The type of a context, with the low level where that says something: what fits on an arrow."""
    user, _, rest = context.partition(":")
    fields = rest.split(":", 2)
    if len(fields) < 2:
        return user
    level = fields[2].partition("-")[0] if len(fields) == 3 else "s0"
    return fields[1] if level == "s0" else f"{fields[1]}:{level}"
