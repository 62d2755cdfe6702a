"""propagation: every label that is stored, copied or told is the one that the rules give.

Rules: security/selinux/hooks.c, determine_inode_label (new objects: the MDS computes, a client's claim counts for
nothing beside its fscreate); RFC 7204 3.1(2) and 3.4.1 (what was set is what is returned; bound before it is visible);
an OST object carries its file's label, at the file's version, before the first byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.checkers import promises
from harness.checkers.verdict import Checker
from harness.model import labels
from harness.model.fs import Event
from harness.model.world import CREATED, LABEL, Op, World

_STORED_LABEL = {"getxattr"}


class Propagation(Checker):
    """Findings: unlabelled, new-label, why, relabel, changed, old-label, ost-label, data-before-label, raw-label,
    told-label."""

    name = "propagation"
    needs = frozenset({"label", "policy"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stripes: set[tuple[str, str]] = set()
        self._wrongly: set[str] = set()
        self._early: dict[tuple[str, int], list[Event]] = {}

    def feed(self, event: Event) -> None:
        match event["e"]:
            case "label" if event.get("name") == LABEL:
                self.judged += 1
                if event["role"] == "mdt":
                    self._mdt(event)
                else:
                    self._ost(event)
            case "rpc" if event["phase"] == "reply" and event["status"] == 0:
                self._replied(event)
            case "op" if event["phase"] != "invoke":
                self._ended(event)
            case "raw":
                self._raw(event)

    def _mdt(self, event: Event) -> None:
        expected = self.world.expected_label(event)
        if expected is None:
            self.unknown(f"the label that {event['object']} has to have cannot be told ({event.get('why')})")
            return
        if event.get("new") != expected[0]:
            self._wrong(event, expected[0])
        self._old(event)
        self._why(event)
        for early in self._early.pop((event["object"], event.get("version") or 0), ()):
            self._same(early, expected[0])

    def _wrong(self, event: Event, expected: str | None) -> None:
        fid, op = event["object"], self.world.op_of(event)
        self._wrongly.add(fid)
        if event["why"] in CREATED | {"root"}:
            self.find(
                "new-label",
                f"{event['n']} stored a label for the new {event['class']} {fid} that is not the one it has to compute "
                f"itself: a client's claim, or a wrong rule",
                event,
                expected=expected,
                actual=event.get("new"),
            )
        elif op is not None and op.invoke["f"] != "setxattr":
            because = f"{op.invoke['f']} changed the label of {fid}; only setting the label may"
            self.find("changed", because, event, op.invoke, expected=expected, actual=event.get("new"))
        else:
            because = f"{event['n']} stored a label for {fid} that is not the canonical form of the one that was set"
            self.find("relabel", because, event, expected=expected, actual=event.get("new"))

    def _old(self, event: Event) -> None:
        fid = event["object"]
        if event["why"] not in CREATED | {"root"} and self.world.truth.known(fid) and fid not in self._wrongly:
            before = self.world.truth.now(fid)
            if event.get("old") != before:
                because = f"the label that {fid} had before was another one: an acknowledged label was lost"
                self.find("old-label", because, event, expected=before, actual=event.get("old"))

    def _why(self, event: Event) -> None:
        subject = self.world.acting(event) or self.world.subject(event["n"], event.get("subject"))
        if event["why"] not in CREATED or subject is None:
            return
        chosen = subject.get("fscreate") is not None
        if chosen != (event["why"] == "fscreate"):
            because = f"the new {event['object']} took its label from {event['why']}"
            expected = "fscreate" if chosen else "transition or inherit"
            self.find("why", because, event, expected=expected, actual=event["why"])

    def _ost(self, event: Event) -> None:
        self._stripes.add((event["n"], event["object"]))
        if event.get("why") == "remove":
            return
        expected = self.world.expected_label(event)
        if expected is None:
            self._early.setdefault((event["object"], event.get("version") or 0), []).append(event)
        else:
            self._same(event, expected[0])

    def _same(self, event: Event, label: str | None) -> None:
        if event.get("new") != label:
            because = f"the object of {event['object']} on {event['n']} does not carry its file's label"
            self.find("ost-label", because, event, expected=label, actual=event.get("new"))

    def _replied(self, event: Event) -> None:
        rpc = self.world.rpc(event)
        if event["method"] == "Oss/Write":
            self._written(event)
        elif rpc is not None and not event.get("resent"):
            for kind, because, expected, actual in promises.of_a_server(self.world, event, rpc):
                self.find(kind, because, event, rpc.recv, expected=expected, actual=actual)

    def _ended(self, event: Event) -> None:
        op = self.world.ops.get(event["op"])
        for kind, because, expected, actual in promises.of_all(self.world, op, event) if op else ():
            self.find(kind, because, event, expected=expected, actual=actual)
        if event["phase"] == "ok":
            self._told(event)

    def _written(self, event: Event) -> None:
        fids = {fid for hook, _, fid, _ in event.get("fired") or () if hook == "file_permission" and fid}
        for fid in fids:
            if self.world.mode(event["n"]) and (event["n"], fid) not in self._stripes:
                because = f"{event['n']} stored data of {fid} in an object that has no label yet"
                self.find("data-before-label", because, event, expected="a label event before", actual="none")

    def _told(self, event: Event) -> None:
        op = self.world.ops.get(event["op"])
        policy = self.world.policy(op.invoke.get("client", "")) if op else None
        if op is None or policy is None:
            return
        for fid, label in _reported(op, event.get("ret"), self.world):
            if fid is None or not self.world.truth.known(fid):
                continue
            stored = self.world.truth.since(fid, op.seq)
            right = stored | {labels.effective(policy, value) for value in stored}
            self.judged += 1
            if label not in right:
                because = f"{op.invoke['f']} told a label of {fid} that it did not have"
                self.find("told-label", because, event, expected=" or ".join(map(str, right)), actual=label)

    def _raw(self, event: Event) -> None:
        fid = event["object"]
        if not self.world.truth.known(fid):
            self.unknown(f"{fid} is in the store of {event['target']}, and no event made it")
            return
        self.judged += 1
        label, expected = (event.get("labels") or {}).get(LABEL), self.world.truth.now(fid)
        if label != expected and self._in_doubt(event, label):
            self.unknown(f"a relabel of {fid} that did not come about is not undone yet on {event['target']}")
        elif label != expected:
            where = event.get("path") or f"its object on {event['target']}"
            because = f"the stored label of {fid} ({where}) is not the one that was acknowledged"
            self.find("raw-label", because, event, expected=expected, actual=label)

    def _in_doubt(self, event: Event, label: str | None) -> bool:
        """Whether an OST object truly has a label that its file did not get."""
        held, fid = self.world.truth.held(event["target"], event["object"]), event["object"]
        return held is not None and held.version > self.world.truth.version(fid) and held.label == label


def _reported(op: Op, ret: Any, world: World) -> Iterator[tuple[str | None, str | None]]:
    """(FID, label) of everything whose label the result of an operation tells."""
    if op.invoke["f"] in _STORED_LABEL:
        value = ret.get("value") if isinstance(ret, Mapping) else ret
        if (op.invoke.get("args") or {}).get("name") == LABEL and isinstance(value, str):
            yield op.about, value.removesuffix("\0")
        return
    entries = ret.get("entries", [ret]) if isinstance(ret, Mapping) else ret if isinstance(ret, list) else []
    for entry in entries:
        if isinstance(entry, Mapping) and (entry.get("labels") or "label" in entry):
            yield _fid(op, entry, world), _label(entry)


def _fid(op: Op, entry: Mapping[str, Any], world: World) -> str | None:
    if entry.get("fid"):
        return str(entry["fid"])
    name = entry.get("name")
    if not isinstance(name, str):
        return op.about
    return {".": op.about}.get(name) or (world.tree.child(op.about, name) if op.about else None)


def _label(entry: Mapping[str, Any]) -> str | None:
    found = entry.get("labels") or {}
    label = found.get(LABEL, found.get("selinux")) if isinstance(found, Mapping) else None
    return label if label is not None else entry.get("label")
