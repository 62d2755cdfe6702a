"""A cluster's history read into a Book: once, in causal order, so that a label is the one of that moment."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from harness.report.book import LABEL, Book, Change, Decision, Fault, Rpc, Step, Story, text

_ROLES = ("harness", "client", "mds", "oss")  # the way of a request, and the order of the lanes
_WHAT_MAX = 300  # characters of an operation's arguments

Event = Mapping[str, Any]
Ref = tuple[str, int]


def read(events: Iterable[Event], culprits: Collection[Ref] = ()) -> Book:
    """The book of a whole history. `culprits`: (node, index) of the events that a finding is about."""
    reader = Reader(frozenset(culprits))
    for at, event in enumerate(events):
        reader.feed(at, event)
    return reader.finish()


class Reader:
    """Fed with every event in causal order."""

    def __init__(self, culprits: frozenset[Ref]) -> None:
        self.book = Book()
        self._culprits = culprits
        self._roles: dict[str, str] = {}
        self._subjects: dict[Ref | tuple[str, str], str] = {}
        self._tasks: dict[tuple[str, str], str] = {}
        self._labels: dict[str, str] = {}
        self._steps: dict[str, Step] = {}
        self._rpcs: dict[str, tuple[Rpc, Step | None]] = {}
        self._faults: list[Fault] = []

    def feed(self, at: int, event: Event) -> None:
        handler = getattr(self, f"_on_{event['e']}", None)
        step = handler(at, event) if handler is not None else None
        if (event["n"], event["i"]) in self._culprits:
            self._blame(event, step)

    def finish(self) -> Book:
        """Faults go to the tests during which they were there."""
        for story in self.book.stories.values():
            first, last = story.steps[0].at, story.steps[-1].end or story.steps[-1].at
            story.faults = [fault for fault in self._faults if first <= fault.at <= last]
            story.nodes = tuple(sorted(self._roles, key=self._lane))
        return self.book

    def _lane(self, node: str) -> tuple[int, str]:
        role = self._roles[node]
        return (_ROLES.index(role) if role in _ROLES else len(_ROLES)), node

    def _blame(self, event: Event, step: Step | None) -> None:
        ref = event["n"], event["i"]
        if step is not None:
            step.culprit = True
            self.book.places[ref] = step
        place = event.get("place") or {}
        if fid := event.get("object") or place.get("fid") or place.get("parent") or self._asked(event):
            self.book.fids[ref] = fid

    def _asked(self, event: Event) -> str | None:
        """The object that the event's rpc names."""
        rpc = self._rpcs.get(event.get("rpc") or "")
        return rpc[0].fid if rpc else None

    def _on_run(self, _at: int, event: Event) -> None:
        self._roles[event["n"]] = event.get("role", "")

    def _on_subject(self, _at: int, event: Event) -> None:
        self._subjects[event["n"], event["id"]] = text((event.get("labels") or {}).get("selinux"))

    def _on_task(self, _at: int, event: Event) -> None:
        self._tasks[event["n"], event["task"]] = self._subjects.get((event["n"], event.get("subject") or ""), "")

    def _on_op(self, at: int, event: Event) -> Step | None:
        if event["phase"] == "invoke":
            return self._invoke(at, event)
        step = self._steps.get(event["op"])
        if step is None:
            return None
        step.end, step.ok, step.message = at, event["phase"] == "ok", text(event.get("message"))
        step.outcome = "ok" if step.ok else errno_name(event.get("errno") or 0)
        if event["phase"] == "info":
            step.outcome += " (may have happened)"
        ret = event.get("ret")
        if isinstance(ret, Mapping) and isinstance(ret.get("fid"), str):
            step.touched.add(ret["fid"])
        return step

    def _invoke(self, at: int, event: Event) -> Step | None:
        if not event.get("test"):
            return None
        story = self.book.stories.setdefault(event["test"], Story(event["test"]))
        client, task = event.get("client") or "", event.get("task") or ""
        subject, what = self._tasks.get((client, task), ""), arguments(event.get("args") or {})
        step = Step(event["op"], len(story.steps) + 1, at, client, task, subject, event["f"], what)
        story.steps.append(step)
        self._steps[event["op"]] = step
        return step

    def _on_rpc(self, at: int, event: Event) -> Step | None:
        known = self._rpcs.get(event["rpc"])
        if known is None:
            step = self._steps.get(event.get("op") or "")
            known = self._rpcs[event["rpc"]] = self._new_rpc(event), step
            if step is not None:
                step.rpcs.append(known[0])
        rpc, step = known
        setattr(rpc, event["phase"], at)
        rpc.culprit |= (event["n"], event["i"]) in self._culprits
        if event["phase"] == "recv":
            self._received(rpc, event, step)
        elif event["phase"] in {"reply", "done"}:
            rpc.status = event.get("status") or 0
            rpc.finding = text(event.get("finding")) or rpc.finding
        return step

    def _new_rpc(self, event: Event) -> Rpc:
        rpc = Rpc(event["rpc"], event["from"], event["to"], event["method"])
        rpc.subject = self._subjects.get((event["n"], event.get("subject") or ""), "")
        rpc.behalf = self._subjects.get((event["n"], event.get("behalf") or ""), "")
        return rpc

    def _received(self, rpc: Rpc, event: Event, step: Step | None) -> None:
        """Whom it is about, as the node that serves it understood: the label is the one of now."""
        rpc.subject = self._subjects.get((event["n"], event.get("subject") or ""), rpc.subject)
        place = event.get("place") or {}
        rpc.fid = place.get("fid") or place.get("parent")
        if rpc.fid is not None:
            rpc.object = self._labels.get(rpc.fid, "")
            rpc.named = text(place.get("name")) or self._path(rpc.fid)
            if step is not None:
                step.touched.add(rpc.fid)

    def _on_avc(self, at: int, event: Event) -> Step | None:
        self.book.counts.decision(event)
        step = self._step(event)
        if step is None:
            return None
        fid, name = event.get("object"), text(event.get("name"))
        if fid:
            step.touched.add(fid)
        step.decisions.append(
            Decision(
                at, event["n"], event.get("rpc"), event.get("vantage", ""), event["hook"], event["tclass"],
                tuple(event["requested"]), tuple(event.get("denied") or ()),
                text(event["scontext"]), text(event["tcontext"]), name or (self._path(fid) if fid else ""), fid,
                event["allowed"], text(event.get("reason")), bool(event.get("permissive")),
                (event["n"], event["i"]) in self._culprits,
            )
        )  # fmt: skip
        return step

    def _on_label(self, at: int, event: Event) -> Step | None:
        fid, new = event["object"], text(event.get("new"))
        if event.get("parent") and event.get("as"):
            above = self.book.paths.get(event["parent"], "")
            self.book.paths.setdefault(fid, f"{above.rstrip('/')}/{text(event['as'])}")
        elif event.get("why") == "root":
            self.book.paths[fid] = "/"
        if event.get("name") == LABEL:
            self.book.counts.stored(new)
            if event.get("role") == "mdt":
                self._labels[fid] = new
        step = self._step(event)
        if step is None:
            return None
        step.touched.add(fid)
        old = text(event["old"]) if event.get("old") is not None else None
        step.changes.append(
            Change(at, event["n"], self._path(fid), fid, text(event.get("name")), old,
                   new if event.get("new") is not None else None, text(event.get("why")),
                   (event["n"], event["i"]) in self._culprits)
        )  # fmt: skip
        return step

    def _on_fault(self, at: int, event: Event) -> None:
        what = " ".join(text(event.get(key)) for key in ("name", "phase", "target"))
        self._faults.append(Fault(at, f"fault: {what.strip()}"))

    def _step(self, event: Event) -> Step | None:
        """The operation that an event is part of, by itself or by its rpc."""
        step = self._steps.get(event.get("op") or "")
        known = self._rpcs.get(event.get("rpc") or "")
        return step or (known[1] if known else None)

    def _path(self, fid: str) -> str:
        return self.book.paths.get(fid, fid)


def arguments(args: Mapping[str, Any]) -> str:
    """What an operation was given, path first, without what says nothing: `/d/f mode=0644`."""
    shown = [text(args["path"])] if "path" in args else []
    for name, value in args.items():
        if name == "path" or value in (None, "", False) or (name in {"follow", "rdev", "flags"} and not value):
            continue
        if name == "follow":
            continue
        shown.append(f"{name}={value:#o}" if name == "mode" and isinstance(value, int) else f"{name}={text(value)}")
    whole = " ".join(shown)
    return whole if len(whole) <= _WHAT_MAX else whole[:_WHAT_MAX] + "…"


def errno_name(number: int) -> str:
    """EACCES and the like."""
    return errno.errorcode.get(number, f"errno {number}")
