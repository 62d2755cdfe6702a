"""The part of a history that is compared, read quickly: replies, decisions, labels, operations.

A history of 100,000 decisions has four times as many lines; half of them need not be parsed for a comparison. What is
parsed is checked as `harness.history` checks it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from harness import history
from harness.compare.repeated import Avc, Decisions, Replies, Reply, operation, parsed
from harness.history import Event

MOUNT, MOUNT_HOOK = "Mds/GetRoot", "sb_kern_mount"
_REPLY = b'"phase":"reply"'
_BUFFER_BYTES = 1 << 20
# How lines of a type begin.
_AVC, _RPC = b'{"e":"avc', b'{"e":"rpc'
_PASSED_OVER = {b'{"e":"com', b'{"e":"con', b'{"e":"ses', b'{"e":"not', b'{"e":"pol'}


class Recorded:
    """One cluster's history by operation; what belongs to none is under None.

    So is a mount that succeeds: a task that several tests share mounts in whichever of them comes first. Decisions and
    replies that say the same are kept once, in `decisions` and `answers`; an operation has their places there.
    """

    def __init__(self) -> None:
        self.header: Event = {}
        self.ops: dict[str, Event] = {}
        self.ends: dict[str, Event] = {}
        self.tasks: dict[tuple[str, str], str] = {}
        self.subjects: dict[tuple[str, str], Event] = {}
        self.decisions: list[Avc] = []
        self.answers: list[Reply] = []
        self.avcs: dict[str | None, list[int]] = defaultdict(list)
        self.replies: dict[str | None, list[int]] = defaultdict(list)
        self.labels: list[Event] = []
        self.raws: list[Event] = []
        self._replies: dict[str, Replies] = {}

    def op_of(self, event: Event) -> str | None:
        """The operation whose rpc the event belongs to."""
        replies = self._replies.get(event["n"])
        return replies.op_of(event["rpc"]) if replies and event.get("rpc") else None

    def take(self, node: str, decisions: Decisions, replies: Replies) -> None:
        """All decisions and replies of a node's file."""
        self._replies[node] = replies
        mounts = {place for place, avc in enumerate(self.decisions) if avc[2] == MOUNT_HOOK and avc[10]}
        for op, places in decisions.by_op.items():
            self.avcs[operation(op)] += [place for place in places if place not in mounts]
        self.avcs[None] += mounts
        mounted = {place for place, reply in enumerate(self.answers) if reply[1:3] == (MOUNT, 0)}
        for op, places in replies.by_op.items():
            self.replies[operation(op)] += [place for place in places if place not in mounted]

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
    file = _File(recorded)
    with path.open("rb", buffering=_BUFFER_BYTES) as lines:
        for number, line in enumerate(lines):
            kind = line[:9]
            if kind in _PASSED_OVER or (kind == _RPC and _REPLY not in line):
                continue
            if not line.endswith(b"\n"):  # the torn line of a node that was killed
                break
            try:
                index = file.take(kind if number else b"", line)
                if index != number:
                    raise ValueError(f"it has index {index} where {number} follows: lines are missing")
            except (ValueError, KeyError, TypeError) as error:
                raise history.damaged(path, number + 1, f"cannot be used ({_said(error)})") from error
    recorded.take(path.stem, file.decisions, file.replies)


class _File:
    """One node's file, line by line; `take` gives a line's index."""

    def __init__(self, recorded: Recorded) -> None:
        self.decisions, self.replies = Decisions(recorded.decisions), Replies(recorded.answers)
        self._recorded = recorded

    def take(self, kind: bytes, line: bytes) -> Any:
        if kind == _AVC:
            return self.decisions.take(line)
        if kind == _RPC:
            return self.replies.take(line)
        return self._event(parsed(line), first=not kind)

    def _event(self, event: Event, *, first: bool) -> Any:
        if first and event["e"] != "run":
            raise ValueError("it is no `run` event: the beginning is missing")
        match event["e"]:
            case "avc":
                self.decisions.add(event)
            case "rpc" if event["phase"] == "reply":
                self.replies.add(event)
            case kind if kind in _READERS:
                _READERS[kind](self._recorded, event)
        return event["i"]


def _said(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)
