"""A node's history: the writer of the format in docs/history.md.

A Batch gathers the events of one rpc and writes them at once, so that a killed node leaves no half rpc. Indexes and
interned subjects are settled as a batch is written, hence by the order of the lines in the file.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Container, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from lsm.objects import Decision, Fid, Subject
from rpc.clock import Clock

Sink = Callable[[bytes], None]


class Recorder:
    """Numbers and writes one node's events; `sink` gets whole lines, None turns recording off.

    It also keeps the node's two counters: the Lamport clock and the serial numbers of rpcs and xids.
    """

    def __init__(self, node: str, sink: Sink | None, clock: Clock, *, index: int = 0, lamport: int = 0) -> None:
        self.node = node
        self.clock = clock
        self.lamport = lamport
        self._sink = sink
        self._index = index
        self._interned: set[str] = set()
        self._file: FileIO | None = None
        # Microseconds: a node that comes back counts on above what it used before.
        self._serial = clock.wall_ns() // 1000

    @classmethod
    def to_file(cls, path: Path, node: str, clock: Clock) -> Recorder:
        """A recorder that appends to `path`, one write a batch; OSError if it cannot be opened.

        A node that comes back goes on where its file ends; a line that was torn when it was killed is cut off.
        """
        index, lamport = _resumed(path)
        file = path.open("ab", buffering=0)

        def append(data: bytes) -> None:
            if os.write(file.fileno(), data) != len(data):
                raise OSError(errno.ENOSPC, "the history was written in part: make room on the disk", str(path))

        recorder = cls(node, append, clock, index=index, lamport=lamport)
        recorder._file = file
        return recorder

    def close(self) -> None:
        """Closes the file; what is recorded after that is lost."""
        if self._file is not None:
            self._file.close()
        self._sink = None

    @property
    def fresh(self) -> bool:
        """Whether nothing was written to the file yet."""
        return self._index == 0

    @property
    def on(self) -> bool:
        return self._sink is not None

    def tick(self, seen: int = 0) -> int:
        """Moves the Lamport clock past what was `seen`, and returns it."""
        self.lamport = max(self.lamport, seen) + 1
        return self.lamport

    def serial(self) -> int:
        """The next number of this node: never given twice, growing also over restarts."""
        self._serial += 1
        return self._serial

    def header(self, **fields: object) -> None:
        """Writes the `run` event that opens the file."""
        self.event("run", **fields)

    def event(self, e: str, **fields: object) -> None:
        """Writes one event at once."""
        batch = self.batch()
        batch.event(e, **fields)
        batch.flush()

    def batch(self) -> Batch:
        return Batch(self)

    def write(self, events: list[dict[str, Any]], subjects: dict[str, Subject]) -> None:
        """Writes events in one piece, after the subjects among `subjects` that this file does not have yet."""
        if self._sink is None or not events:
            return
        fresh = [key for key in subjects if key not in self._interned]
        when = {"c": events[0]["c"], "t": events[0]["t"]}
        new = [{**self.stamped("subject", _subject(key, subjects[key])), **when} for key in fresh]
        lines = new + events
        for index, event in enumerate(lines, self._index):
            event["i"] = index
        self._sink(b"".join(map(_line, lines)))
        self._index += len(lines)
        self._interned.update(fresh)

    def stamped(self, e: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The event as of now; `i` is set as it is written."""
        return {"e": e, "n": self.node, "i": 0, "c": self.lamport, "t": self.clock.wall_ns(), **fields}


class Batch:
    """The events of one rpc, or of one step, until `flush` writes them together."""

    __slots__ = ("_events", "_recorder", "_subjects", "before_label")

    def __init__(self, recorder: Recorder) -> None:
        # Called before a `label` event, so that what was decided by then stands before what was done.
        self.before_label: Callable[[], None] | None = None
        self._recorder = recorder
        self._events: list[dict[str, Any]] = []
        self._subjects: dict[str, Subject] = {}

    def __len__(self) -> int:
        return len(self._events)

    def event(self, e: str, **fields: object) -> None:
        if self._recorder.on:
            self._events.append(self._recorder.stamped(e, fields))

    def subject(self, subject: Subject) -> str:
        """The id that stands for `subject` in this file; its event is written before the first use."""
        key = subject.digest.hex()
        self._subjects[key] = subject
        return key

    def decisions(
        self,
        decisions: Sequence[Decision],
        *,
        rpc: str | None,
        op: str | None,
        vantage: str,
        behalf: Container[int] = (),
        first: int = 0,
    ) -> None:
        """One `avc` event for each of `decisions` from position `first` on.

        `behalf` holds the positions, among `decisions`, of those asked for the subject acted for.
        """
        if not self._recorder.on:
            return
        for i, d in enumerate(decisions[first:], first):
            self.event("avc", rpc=rpc, op=op, vantage=vantage, **_avc(d), behalf=i in behalf)

    def label(
        self,
        fid: Fid,
        *,
        role: str,
        target: str,
        name: str,
        old: str | bytes | None,
        new: str | bytes | None,
        version: int,
        why: str,
        tclass: str,
        mode: int,
        subject: Subject | None,
        rpc: str | None,
        transno: int,
        parent: Fid | None = None,
        as_: str | bytes | None = None,
        stripe: int | None = None,
    ) -> None:
        """A `label` event: the security xattr `name` of an object went from `old` to `new` (None: absent)."""
        if not self._recorder.on:
            return
        if self.before_label is not None:
            self.before_label()
        fields: dict[str, Any] = {
            "object": str(fid), "role": role, "target": target, "name": name, "old": text(old), "new": text(new),
            "version": version, "why": why, "class": tclass, "mode": mode, "parent": str(parent) if parent else None,
            "as": component(as_) if isinstance(as_, bytes) else as_,
            "subject": self.subject(subject) if subject else None, "rpc": rpc, "transno": transno,
        }  # fmt: skip
        if stripe is not None:
            fields["stripe"] = stripe
        self._events.append(self._recorder.stamped("label", fields))

    def drop(self, e: str) -> None:
        """Forgets the events of one type: what they tell of was undone."""
        self._events = [event for event in self._events if event["e"] != e]

    def flush(self) -> None:
        """Writes what was gathered; OSError if the sink cannot."""
        events, self._events = self._events, []
        self._recorder.write(events, self._subjects)


def _resumed(path: Path) -> tuple[int, int]:
    """How many events a file holds and the last one's Lamport clock; a torn last line is cut off."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0, 0
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    lines = whole.splitlines()
    return len(lines), json.loads(lines[-1])["c"] if lines else 0


def text(value: str | bytes | None) -> str | dict[str, str] | None:
    """A value for the history: UTF-8 as text, other bytes as {"hex": ...}."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}


def component(name: bytes) -> str:
    """A path component as the history names it."""
    return name.decode("utf-8", "surrogateescape")


def _avc(d: Decision) -> dict[str, Any]:
    return {
        "hook": d.hook, "module": d.module, "role": d.role, "object": str(d.fid) if d.fid else None, "name": d.name,
        "requested": d.requested, "denied": d.denied, "scontext": d.scontext, "tcontext": d.tcontext,
        "tclass": d.tclass, "allowed": d.allowed, "reason": d.reason, "permissive": d.permissive,
        "audited": d.audited, "version": d.version, "seqno": d.seqno, "policy": d.digest,
    }  # fmt: skip


def _subject(key: str, s: Subject) -> dict[str, Any]:
    caps = {name: getattr(s.caps, name) for name in ("effective", "permitted", "inheritable", "bounding", "ambient")}
    return {
        "id": key, "uid": s.uid, "gid": s.gid, "groups": s.groups, "caps": caps, "pid": s.pid, "comm": s.comm,
        "nid": s.nid, "labels": dict(s.labels), "fscreate": s.fscreate, "keycreate": s.keycreate,
        "sockcreate": s.sockcreate,
    }  # fmt: skip


def _line(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # orjson takes no lone surrogates, which is how names that are not UTF-8 are written.
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"
