"""The history files of a run: the harness's own, and reading all of them as they grow."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

import sepol
from harness.spec import ClusterSpec
from host.serve import SCHEMA, versions
from rpc import Clock, Recorder

HARNESS = "harness"
Event = dict[str, Any]


def recorder(run_dir: Path, spec: ClusterSpec, runtime: str, clock: Clock, clock_domain: str) -> Recorder:
    """The harness's own file, begun with the spec and the versions of what judges; none where nothing is recorded."""
    if not spec.recording:
        return Recorder(HARNESS, None, clock)
    made = Recorder.to_file(run_dir / "history" / f"{HARNESS}.jsonl", HARNESS, clock)
    engine = {} if sepol.available() else {"libsepol": sepol.library()}
    made.header(
        schema=SCHEMA, role=HARNESS, versions=versions() | engine, spec=spec.to_json(), seed=spec.seed,
        runtime=runtime, clock_domain=clock_domain,
    )  # fmt: skip
    return made


class Tail:
    """Reads `history/<node>.jsonl` of the nodes named, again and again: whole lines, from where it stopped."""

    def __init__(self, folder: Path, nodes: list[str]) -> None:
        self._folder = folder
        self._nodes = nodes
        # Where each node's event with a certain index begins, as (index, offset), growing: where a reader stopped.
        self._stops: dict[str, list[tuple[int, int]]] = {node: [(0, 0)] for node in nodes}

    def events(self, since: Mapping[str, int] | None = None) -> list[Event]:
        """The events written so far, node by node, each node's in the order of its file.

        `since` gives, by node, how many events to pass over. A line without its end is not there yet.
        """
        found: list[Event] = []
        for node in self._nodes:
            found += self._of(node, (since or {}).get(node, 0))
        return found

    def mark(self) -> dict[str, int]:
        """How many events each file holds now: the `since` of what comes next."""
        return {node: self._end(node) for node in self._nodes}

    def _of(self, node: str, since: int) -> list[Event]:
        stops = self._stops[node]
        index, offset = stops[bisect_right(stops, since, key=itemgetter(0)) - 1]
        data = self._read(node, offset)
        lines = data.splitlines()
        self._stopped(node, index + len(lines), offset + len(data))
        return [_event(line) for line in lines[since - index :]]

    def _end(self, node: str) -> int:
        index, offset = self._stops[node][-1]
        data = self._read(node, offset)
        self._stopped(node, index + data.count(b"\n"), offset + len(data))
        return self._stops[node][-1][0]

    def _stopped(self, node: str, index: int, offset: int) -> None:
        if index > self._stops[node][-1][0]:
            self._stops[node].append((index, offset))

    def _read(self, node: str, offset: int) -> bytes:
        """The whole lines from `offset` on."""
        try:
            with (self._folder / f"{node}.jsonl").open("rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return b""
        return data[: data.rfind(b"\n") + 1]


def _event(line: bytes) -> Event:
    try:
        event: Event = orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson takes no lone surrogates, which is how names that are not UTF-8 are written.
        event = json.loads(line)
    return event
