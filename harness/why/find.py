"""What an EVENT or a PATH on the command line names."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.history import Event
from harness.why.story import Story

_INDEX = re.compile(r"(?:(?P<cluster>cluster-[\w-]+)/)?(?P<node>[A-Za-z][\w.-]*):(?P<index>\d+)")
_SERIAL = re.compile(r"(?P<node>[A-Za-z][\w.-]*)#(?P<serial>\d+)")
_LINE = re.compile(r"(?:node=(?P<node>\S+) )?.*msg=audit\((?P<stamp>\d+\.\d+:\d+)\)")
_STAMP = re.compile(r"msg=audit\((\d+\.\d+:(\d+))\)")
_OP = re.compile(r"op\d+")
_FID = re.compile(r"\[0x[0-9a-f]+:0x[0-9a-f]+:0x[0-9a-f]+\]")
FORMS = (
    "give node:index (the event with that `i` in history/node.jsonl, or the record with that serial in the node's audit"
    " log), node#serial, an operation's id such as op12, or a whole AVC line"
)


@dataclass(frozen=True, slots=True)
class Denial:
    """A decision that denies something, and the cluster it was made in."""

    story: Story
    avc: Event

    @property
    def name(self) -> str:
        """How to name it on the command line."""
        part = self.story.part.name
        return f"{part}/{self.place}" if part.startswith("cluster-") else self.place

    @property
    def place(self) -> str:
        return f"{self.avc['n']}:{self.avc['i']}"


def denials(stories: Sequence[Story], event: str) -> list[Denial]:
    """The denials that EVENT names, in the order of the history.

    Raises ValueError for a name of no known form, LookupError where it names nothing, or nothing that was denied.
    """
    event = event.strip()
    if _OP.fullmatch(event):
        return _of_op(stories, event)
    if found := _SERIAL.fullmatch(event):
        return _said(_of_serial(stories, found["node"], int(found["serial"])), event)
    if found := _INDEX.fullmatch(event):
        return _of_index(stories, found["cluster"], found["node"], int(found["index"]), event)
    if found := _LINE.match(event):
        return _said(_of_stamp(stories, found["node"], found["stamp"]), "that AVC line")
    raise ValueError(f"{event!r} names no event; {FORMS}")


def objects(stories: Sequence[Story], name: str) -> list[tuple[Story, str]]:
    """(cluster, FID) of each object that had a label and the path or FID, the one made last first.

    Raises LookupError where there is none.
    """
    found = [
        (story, fid)
        for story in stories
        for fid in story.labels
        if (fid == name if _FID.fullmatch(name) else story.path(fid) == name or _made_as(story, fid, name))
    ]
    if not found:
        raise LookupError(
            f"no object {name!r} has had a label in this run; give its path as a client names it, or its FID"
        )
    return sorted(found, key=lambda item: item[0].labels[item[1]][0]["c"], reverse=True)


def _made_as(story: Story, fid: str, path: str) -> bool:
    """By the path that an operation was called with and answered with this object."""
    ops = (story.op(label) for label in story.labels[fid])
    return any(
        op is not None and op["args"].get("path") == path and label.get("as")
        for op, label in zip(ops, story.labels[fid], strict=True)
    )


def _of_op(stories: Sequence[Story], op: str) -> list[Denial]:
    known = [story for story in stories if op in story.ops]
    if not known:
        raise LookupError(f"no operation {op} in this run; the history's harness.jsonl has their names")
    found = [Denial(story, avc) for story in known for avc in story.avcs if avc["denied"] and avc.get("op") == op]
    if not found:
        raise LookupError(f"nothing was denied in {op}: {_end(known[0].ends.get(op, {}))}")
    return found


def _end(end: Event) -> str:
    """How an operation ended that no decision denied: a nodemap may have refused it, or the filesystem itself."""
    if "errno" not in end:
        return f"it ended with {end.get('phase', 'no end')}"
    name = errno.errorcode.get(end["errno"], str(end["errno"]))
    return f"no decision, but this refused it with {name}: {end.get('message') or 'nothing that is recorded'}"


def _of_index(stories: Sequence[Story], cluster: str | None, node: str, index: int, event: str) -> list[Denial]:
    """By place in the history; where nothing was denied there, by serial in the node's audit log."""
    wanted = [story for story in stories if cluster is None or story.part.name == cluster]
    at = [(story, story.at[node, index]) for story in wanted if (node, index) in story.at]
    direct = [Denial(story, found) for story, found in at if found["e"] == "avc" and found["denied"]]
    of_rpc = [
        Denial(story, avc)
        for story, found in at
        if found["e"] == "rpc"
        for avc in story.avcs
        if avc["denied"] and avc.get("rpc") == found["rpc"]
    ]
    if found := direct or _of_serial(wanted, node, index) or of_rpc:
        return found
    return _said([], event)


def _said(found: list[Denial], event: str) -> list[Denial]:
    if not found:
        raise LookupError(f"{event} names no denial of this run; {FORMS}")
    return found


def _of_serial(stories: Iterable[Story], node: str, serial: int) -> list[Denial]:
    """Serials begin afresh where a node is restarted: there may be several."""
    return [
        denial
        for story in stories
        for stamp, denial in _records(story, node)
        if int(stamp.rpartition(":")[2]) == serial and denial.avc["denied"]
    ]


def _of_stamp(stories: Iterable[Story], node: str | None, stamp: str) -> list[Denial]:
    return [
        denial
        for story in stories
        for name in sorted({avc["n"] for avc in story.avcs} if node is None else {node})
        for at, denial in _records(story, name)
        if at == stamp and denial.avc["denied"]
    ]


def records(story: Story, node: str) -> list[tuple[str, Denial]]:
    """(line, decision) of each record of a node's audit log: its audited decisions, one record each, in order."""
    lines = _log(story, node)
    audited = [avc for avc in story.avcs if avc["n"] == node and avc["audited"]]
    audited.sort(key=lambda avc: avc["i"])
    return [(line, Denial(story, avc)) for line, avc in zip(lines, audited, strict=False)]


def _records(story: Story, node: str) -> list[tuple[str, Denial]]:
    found = ((_STAMP.search(line), denial) for line, denial in records(story, node))
    return [(stamp[1], denial) for stamp, denial in found if stamp]


def _log(story: Story, node: str) -> list[str]:
    own, merged = story.part / "audit" / f"{node}.log", story.part / "audit.log"
    path = own if own.exists() else merged
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    return [line for line in text.splitlines() if " avc: " in line and line.startswith(f"node={node} ")]
