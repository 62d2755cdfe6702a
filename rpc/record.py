"""A node's history: the writer of the format in docs/history.md.

A Batch gathers the events of one rpc and writes them at once, so that a killed node leaves no half rpc. Indexes and
interned subjects are settled as a batch is written, hence by the order of the lines in the file. A line is put together
from pieces of JSON: what the events of an rpc that is served share is encoded once, and what repeats from rpc to rpc is
kept. What a caller tells of its rpcs is encoded and written with what comes next, while it waits.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable, Container, Sequence
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from lsm.objects import Decision, Fid, Subject
from rpc.clock import Clock

# How long a caller's `send` and `done` may wait for others to be written with: a write costs as much as an event.
BEHIND_S = 0.005

Sink = Callable[[bytes], None]

# Type, Lamport clock and time of an event that has no number yet, and its other fields: first those that are `members`
# already, then those that become so as it is written.
Event = tuple[str, int, int, bytes, dict[str, Any]]


class Recorder:
    """Numbers and writes one node's events; `sink` gets whole lines, None turns recording off.

    It also keeps the node's two counters: the Lamport clock and the serial numbers of rpcs and xids.
    """

    def __init__(self, node: str, sink: Sink | None, clock: Clock, *, index: int = 0, lamport: int = 0) -> None:
        self.node = node
        self.clock = clock
        self.lamport = lamport
        self._sink = sink
        self.on = sink is not None
        self._name = orjson.dumps(node)
        self._index = index
        self._interned: set[str] = set()
        # What goes with the next write, the subjects that it names, and what kept the last such from being written.
        self._waiting: list[Event] = []
        self._named: dict[str, Subject] = {}
        self._due = False
        self._unwritten: OSError | None = None
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
        """Closes the file; what is recorded after that is lost. OSError if what was still to be written cannot be."""
        try:
            self.write([], {})
        finally:
            if self._file is not None:
                self._file.close()
            self._sink, self.on = None, False

    @property
    def fresh(self) -> bool:
        """Whether nothing was written to the file yet."""
        return self._index == 0

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

    def later(self, e: str, **fields: object) -> None:
        """Adds an event to the next write, whatever that is of: for what stands in front of others anyway."""
        if self.on:
            self._waiting.append((e, self.lamport, self.clock.wall_ns(), b"", fields))

    def soon(self, events: list[Event], subjects: dict[str, Subject]) -> None:
        """Writes events within BEHIND_S, or with whatever is written before: for what no other node acts upon.

        What keeps them from being written is raised by the next write.
        """
        if self._sink is None or not events:
            return
        self._waiting += events
        self._named |= subjects
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(BEHIND_S, self._catch_up)

    def _catch_up(self) -> None:
        self._due = False
        try:
            self.write([], {})
        except OSError as error:
            self._unwritten = error

    def batch(self) -> Batch:
        return Batch(self)

    def write(self, events: list[Event], subjects: dict[str, Subject]) -> None:
        """Writes events in one piece, after the subjects among `subjects` that this file does not have yet.

        OSError if they cannot be written, or those of before (`soon`) could not.
        """
        if self._sink is None:
            return
        if self._waiting:
            events, self._waiting = self._waiting + events, []
            subjects, self._named = self._named | subjects, {}
        unwritten, self._unwritten = self._unwritten, None
        if unwritten is not None:
            raise unwritten
        if not events:
            return
        fresh = [key for key in subjects if key not in self._interned]
        if fresh:
            _, clock, when, _, _ = events[0]
            events = [("subject", clock, when, b"", _subject(key, subjects[key])) for key in fresh] + events
        name = self._name
        self._sink(b"".join([
            b'{"e":"%b","n":%b,"i":%d,"c":%d,"t":%d%b%b}\n' % (e.encode(), name, i, clock, when, first, members(rest))
            for i, (e, clock, when, first, rest) in enumerate(events, self._index)
        ]))  # fmt: skip
        self._index += len(events)
        self._interned.update(fresh)


def nothing() -> None:
    """Where nothing is decided."""


class Batch:
    """The events of one rpc, or of one step, until `flush` writes them together."""

    __slots__ = ("_events", "_recorder", "_subjects", "tell")

    def __init__(self, recorder: Recorder) -> None:
        # Gathers what was decided by now: called before a `label` event, so that this stands before what was done.
        self.tell: Callable[[], None] = nothing
        self._recorder = recorder
        self._events: list[Event] = []
        self._subjects: dict[str, Subject] = {}

    def __len__(self) -> int:
        return len(self._events)

    def event(self, e: str, shared: bytes = b"", /, **fields: object) -> None:
        """Adds an event as of now. `shared`: fields that are `members` already."""
        if self._recorder.on:
            self._add(e, shared, fields)

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
        rechecked: int | None = None,
    ) -> None:
        """One `avc` event for each of `decisions` from position `first` on.

        `behalf` holds the positions, among `decisions`, of those asked for the subject acted for. From `rechecked` on
        all is asked once more, and so is what an open file's user is asked: a server's vantage is then `recheck`.
        """
        if not self._recorder.on:
            return
        recorder = self._recorder
        clock, when = recorder.lamport, recorder.clock.wall_ns()
        asked = again = members({"rpc": rpc, "op": op, "vantage": vantage})
        if vantage == "server":
            again = asked[: -len(b'server"')] + b'recheck"'
        for i, d in enumerate(decisions[first:], first):
            # Asked only where label or policy have moved since the open (security_file_permission).
            moved = d.hook == "file_permission" or (rechecked is not None and i >= rechecked)
            by_whom = b',"behalf":true' if i in behalf else b',"behalf":false'
            self._events.append(("avc", clock, when, (again if moved else asked) + _avc(d) + by_whom, {}))

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
        self.tell()
        fields: dict[str, Any] = {
            "object": str(fid), "role": role, "target": target, "name": name, "old": text(old), "new": text(new),
            "version": version, "why": why, "class": tclass, "mode": mode, "parent": str(parent) if parent else None,
            "as": component(as_) if isinstance(as_, bytes) else as_,
            "subject": self.subject(subject) if subject else None, "rpc": rpc, "transno": transno,
        }  # fmt: skip
        if stripe is not None:
            fields["stripe"] = stripe
        self._add("label", b"", fields)

    def ahead(self) -> None:
        """Writes what there is so far, with what was decided: another's event is next."""
        self.tell()
        self.flush()

    def drop(self, e: str) -> None:
        """Forgets the events of one type: what they tell of was undone."""
        self._events = [event for event in self._events if event[0] != e]

    def flush(self) -> None:
        """Writes what was gathered; OSError if the sink cannot."""
        events, self._events = self._events, []
        self._recorder.write(events, self._subjects)

    def flush_soon(self) -> None:
        """Has what was gathered written while the node waits for others."""
        events, self._events = self._events, []
        self._recorder.soon(events, self._subjects)

    def _add(self, e: str, first: bytes, rest: dict[str, Any]) -> None:
        recorder = self._recorder
        self._events.append((e, recorder.lamport, recorder.clock.wall_ns(), first, rest))


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


def members(fields: dict[str, Any]) -> bytes:
    """Fields as JSON, each with a comma before it: they go on where other fields of a line end."""
    if not fields:
        return b""
    try:
        return b"," + orjson.dumps(fields)[1:-1]
    except TypeError:
        # orjson takes no lone surrogates, which is how names that are not UTF-8 are written.
        return b"," + json.dumps(fields, separators=(",", ":"))[1:-1].encode()


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


# A decision's fields, and what the history calls them.
_ATTRS = (
    "hook", "module", "role", "fid", "name", "requested", "denied", "scontext", "tcontext", "tclass", "allowed",
    "reason", "permissive", "audited", "version", "seqno", "digest",
)  # fmt: skip
_CALLED = {"fid": "object", "digest": "policy"}


@lru_cache(maxsize=4096)
def _avc(d: Decision) -> bytes:
    # Kept: a task asks the same of the same objects again and again.
    fields = {_CALLED.get(name, name): getattr(d, name) for name in _ATTRS}
    return members(fields | {"object": str(fields["object"]) if fields["object"] else None})


def _subject(key: str, s: Subject) -> dict[str, Any]:
    caps = {name: getattr(s.caps, name) for name in ("effective", "permitted", "inheritable", "bounding", "ambient")}
    return {
        "id": key, "uid": s.uid, "gid": s.gid, "groups": s.groups, "caps": caps, "pid": s.pid, "comm": s.comm,
        "nid": s.nid, "labels": dict(s.labels), "fscreate": s.fscreate, "keycreate": s.keycreate,
        "sockcreate": s.sockcreate,
    }  # fmt: skip
