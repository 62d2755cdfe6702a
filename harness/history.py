"""Reading the history of a run (docs/history.md): one file a node, one event a line, merged in causal order.

A node that was killed may leave one torn line at the end of its file: it is left out and counted. Anything else that
does not read is damage, and said so with the file, the line and what to do.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SCHEMA = 1
_COMMON = {"e": str, "n": str, "i": int, "c": int, "t": int}

Event = dict[str, Any]


class Corrupt(ValueError):
    """A history that cannot be judged; the text names file, line and remedy."""


@dataclass(frozen=True, slots=True)
class History:
    """All events of a cluster in causal order; `torn` has the files that end in a torn line."""

    events: tuple[Event, ...]
    torn: tuple[str, ...] = ()

    def select(self, e: str | None = None, **fields: object) -> list[Event]:
        """The events of type `e` whose fields have these values: `select("op", f="mkdir", phase="ok")`."""
        wanted = fields if e is None else {"e": e, **fields}
        return [event for event in self.events if all(event.get(key) == value for key, value in wanted.items())]

    @property
    def header(self) -> Event:
        """The `run` event of the harness, with spec, seed and runtime; an empty one where its file is missing."""
        headers = self.select("run")
        return next((event for event in headers if event.get("role") == "harness"), headers[0] if headers else {})


def read(folder: Path) -> History:
    """The history in `folder`/*.jsonl. Raises FileNotFoundError where there is none, Corrupt for a damaged one."""
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise FileNotFoundError(2, "no history here; give the folder of a run", str(folder))
    files = [read_file(path) for path in paths]
    torn = tuple(path.name for path, file in zip(paths, files, strict=True) if file.torn)
    return History(tuple(merge(file.events for file in files)), torn)


def merge(files: Iterable[tuple[Event, ...]]) -> Iterator[Event]:
    """Events of several nodes by their Lamport clocks; each node's own order is kept."""
    return heapq.merge(*files, key=lambda event: (event["c"], event["n"], event["i"]))


@dataclass(frozen=True, slots=True)
class File:
    """The events of one node, and whether a torn line follows them."""

    events: tuple[Event, ...]
    torn: bool


def read_file(path: Path) -> File:
    """The events in one file, checked: common fields, index without gaps, `run` first. Raises OSError, Corrupt."""
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop() != b""  # what follows the last newline
    events = tuple(_event(path, number, line) for number, line in enumerate(lines, 1))
    for number, event in enumerate(events, 1):
        if event["i"] != number - 1:
            raise damaged(path, number, f"has index {event['i']} where {number - 1} follows: lines are missing")
    if events and events[0]["e"] != "run":
        raise damaged(path, 1, "is no `run` event: the beginning is missing")
    if events and events[0].get("schema") != SCHEMA:
        raise damaged(path, 1, f"is of schema {events[0].get('schema')}, and this version reads {SCHEMA}")
    return File(events, torn)


def damaged(path: Path, line: int, what: str) -> Corrupt:
    """The one sentence for a line that cannot be used."""
    return Corrupt(f"history {path}, line {line} {what}; restore the file from a copy, or run the suites again")


def _event(path: Path, number: int, line: bytes) -> Event:
    try:
        event = _loads(line)
    except ValueError as error:
        raise damaged(path, number, f"is not JSON ({error})") from error
    if not isinstance(event, dict):
        raise damaged(path, number, "is not a JSON object")
    for name, kind in _COMMON.items():
        if not isinstance(event.get(name), kind):
            raise damaged(path, number, f"has no field `{name}` of type {kind.__name__}")
    return event


def _loads(line: bytes) -> Any:
    """orjson takes no lone surrogates, which is how names that are not UTF-8 are written; json does."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)
