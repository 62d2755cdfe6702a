"""The part of a history that is compared, read quickly: replies, decisions, labels, operations.

A history of 100,000 decisions has four times as many lines; half of them need not be parsed for a comparison. What is
parsed is checked as `harness.history` checks it.
"""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import Any

from harness import history
from harness.compare.decisions import Avc, Decisions, parsed
from harness.history import Event

MOUNT, MOUNT_HOOK = "Mds/GetRoot", "sb_kern_mount"
_REPLY = b'"phase":"reply"'
# By the first letters of the type, which stand behind `{"e":"`.
_PASSED_OVER = {b"com", b"con", b"ses", b"not", b"pol"}

# Node, method, case, fired.
Reply = tuple[str, str, str | None, list[list[Any]]]
_RPC_REPLY = itemgetter("n", "method", "case", "fired")


class Recorded:
    """One cluster's history by operation; what belongs to none is under None.

    So is a mount that succeeds: a task that several tests share mounts in whichever of them comes first.
    """

    def __init__(self) -> None:
        self.header: Event = {}
        self.ops: dict[str, Event] = {}
        self.ends: dict[str, Event] = {}
        self.tasks: dict[tuple[str, str], str] = {}
        self.subjects: dict[tuple[str, str], Event] = {}
        self.avcs: dict[str | None, list[Avc]] = defaultdict(list)
        self.replies: dict[str | None, list[Reply]] = defaultdict(list)
        self.labels: list[Event] = []
        self.raws: list[Event] = []
        self._op_of: dict[tuple[str, str], str | None] = {}

    def op_of(self, event: Event) -> str | None:
        """The operation whose rpc the event belongs to."""
        return self._op_of.get((event["n"], event["rpc"])) if event.get("rpc") else None

    def on_run(self, event: Event) -> None:
        if event.get("schema") != history.SCHEMA:
            raise ValueError(f"it is of schema {event.get('schema')}, and this version reads {history.SCHEMA}")
        if event.get("role") == "harness" or not self.header:
            self.header = event

    def on_subject(self, event: Event) -> None:
        self.subjects[event["n"], event["id"]] = event

    def on_task(self, event: Event) -> None:
        if event["phase"] == "login":
            self.tasks[event["n"], event["task"]] = event["subject"]

    def on_op(self, event: Event) -> None:
        (self.ops if event["phase"] == "invoke" else self.ends)[event["op"]] = event

    def on_rpc(self, event: Event) -> None:
        if event["phase"] == "reply":
            self._op_of[event["n"], event["rpc"]] = event["op"]
            if event["op"] is not None and not (event["method"] == MOUNT and event["status"] == 0):
                self.replies[event["op"]].append(_RPC_REPLY(event))

    def decided(self, op: str | None, avc: Avc) -> None:
        mounted = avc[2] == MOUNT_HOOK and avc[10]
        self.avcs[None if mounted else op].append(avc)

    def on_label(self, event: Event) -> None:
        self.labels.append(event)

    def on_raw(self, event: Event) -> None:
        self.raws.append(event)


_READERS = {name[3:]: reader for name, reader in vars(Recorded).items() if name.startswith("on_")}


def read(folder: Path) -> Recorded:
    """The history in `folder`. Raises FileNotFoundError where there is none, history.Corrupt naming file and line."""
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise FileNotFoundError(2, "no history here; give the folder of a run", str(folder))
    recorded = Recorded()
    for path in paths:
        _read_file(path, recorded)
    return recorded


def _read_file(path: Path, recorded: Recorded) -> None:
    decisions = Decisions()
    with path.open("rb") as file:
        for number, line in enumerate(file):
            kind = line[6:9]
            if kind in _PASSED_OVER or (kind == b"rpc" and _REPLY not in line):
                continue
            if not line.endswith(b"\n"):  # the torn line of a node that was killed
                break
            try:
                if kind == b"avc" and number:
                    index, op, avc = decisions.of(line)
                    _check(index, number)
                    recorded.decided(op, avc)
                else:
                    _take(recorded, number, parsed(line))
            except (ValueError, KeyError, TypeError) as error:
                raise history.damaged(path, number + 1, f"cannot be used ({_said(error)})") from error


def _take(recorded: Recorded, number: int, event: Event) -> None:
    _check(event["i"], number)
    if number == 0 and event["e"] != "run":
        raise ValueError("it is no `run` event: the beginning is missing")
    reader = _READERS.get(event["e"])
    if reader is not None:
        reader(recorded, event)


def _check(index: object, number: int) -> None:
    if index != number:
        raise ValueError(f"it has index {index} where {number} follows: lines are missing")


def _said(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)
