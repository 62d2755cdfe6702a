"""A run's history as a Behaviour.

Order that two runs need not share is made one, or left out (races): an operation's decisions stand by node, each node's
in its own order (the nodes' files are read one after the other). What happens outside of the operations (boot, admin
logins) is a set of decisions a node and subject, since how often a connection is made or a login is needed is no matter
of labels.
"""

from __future__ import annotations

import errno
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from harness.bulk import no_collector
from harness.compare import races
from harness.compare.behaviour import OUTSIDE, RACE, Behaviour, Operation, line
from harness.compare.names import Names
from harness.compare.recorded import Recorded, read
from harness.compare.repeated import Avc, Reply
from harness.history import Event
from harness.store import Run


def of_run(run: Run) -> Behaviour:
    """What a stored run did, in all its clusters.

    Raises FileNotFoundError where there is no history, history.Corrupt for a damaged one.
    """
    parts = run.parts()
    if not parts:
        raise FileNotFoundError(2, "no history here; give the folder of a run", str(run.path))
    tests: dict[str, list[Operation]] = defaultdict(list)
    about: dict[str, Any] = {}
    with no_collector():
        for part in parts:
            recorded = read(part / "history")
            about = about or _about(run, recorded)
            for test, operation in _Part(recorded).operations():
                tests[test].append(operation)
        return Behaviour({test: tuple(operations) for test, operations in tests.items()}, about)


def _about(run: Run, recorded: Recorded) -> dict[str, Any]:
    header = recorded.header
    spec = header.get("spec") or {}
    policy = spec.get("policy") or {}
    return {
        "run": run.id,
        "runtime": header.get("runtime"),
        "policy": policy.get("name"),
        "digest": policy.get("digest"),
        "mode": spec.get("mode"),
        "labelproof": (header.get("versions") or {}).get("labelproof"),
    }


class _Part:
    """The operations of one cluster, in the order in which the harness called them."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._names = Names(recorded)
        self._decisions: list[str | None] = [None] * len(recorded.decisions)
        self._rpcs: list[str | None] = [None] * len(recorded.answers)
        self._granted = _granted(recorded)
        self._labels = self._labels_by_op()

    def operations(self) -> Iterable[tuple[str, Operation]]:
        """(test, operation) of each; those that raced are one for each name, with nothing that winning decides."""
        calls = {op: self._call(invoke) for op, invoke in self._recorded.ops.items()}
        tests = {op: self._names.test_of(op) for op in calls}
        raced = {(tests[op], calls[op]) for op in races.find(self._recorded.ops, self._recorded.ends)}
        counts: Counter[tuple[str, str]] = Counter()
        for op, call in calls.items():
            key = tests[op], call
            counts[key] += 1
            if key not in raced:
                name = call if counts[key] == 1 else f"{call}, time {counts[key]}"
                yield tests[op], self._operation(op, name)
            elif counts[key] == 1:
                yield tests[op], Operation(call, RACE)
        for operation in self._outside():
            yield OUTSIDE, operation

    def _call(self, invoke: Event) -> str:
        """The call, its subject, its client."""
        mount = "" if invoke["mount"] == "/" else f" mount {invoke['mount']}"
        return f"{self._names.call(invoke)} by {self._names.task(invoke)} on {invoke['client']}{mount}"

    def _operation(self, op: str, name: str) -> Operation:
        invoke, end = self._recorded.ops[op], self._recorded.ends.get(op, {})
        decisions = [self._decision(place) for place in self._recorded.avcs.get(op, ())]
        rpcs = [self._rpc(place) for place in self._recorded.replies.get(op, ())]
        labels = (*self._labels.get(op, ()), *self._seen(invoke, end))
        return Operation(name, _end(end), tuple(decisions), labels, tuple(rpcs))

    def _decision(self, place: int) -> str:
        found = self._decisions[place]
        if found is None:
            found = self._decisions[place] = self._as_decision(self._recorded.decisions[place])
        return found

    def _rpc(self, place: int) -> str:
        found = self._rpcs[place]
        if found is None:
            found = self._rpcs[place] = self._as_rpc(self._recorded.answers[place])
        return found

    def _as_decision(self, avc: Avc) -> str:
        node, vantage, hook, module, role, fid, name, tclass, scontext, tcontext, allowed, *_, requested, denied = avc
        if allowed and (granted := self._granted.get(_query(avc))):
            denied = " ".join(perm for perm in requested.split() if perm in granted)
        scontext, tcontext = self._names.context(scontext), self._names.context(tcontext)
        called = self._names.object(fid) or self._names.path(name or "") or role
        verdict = "denied" if not allowed else "permissive" if denied else "allowed"
        return line(node, vantage, hook, module, role, called, tclass, requested, denied, scontext, tcontext, verdict)

    def _as_rpc(self, reply: Reply) -> str:
        node, method, _, case, fired = reply
        fields = [node, method, case or ""]
        for hook, role, fid, count in fired:
            fields += hook, role, self._names.object(fid), str(count)
        return line(*fields)

    def _labels_by_op(self) -> Mapping[str | None, tuple[str, ...]]:
        """Labels by the operation that stored them; those found at the end by the one that made the object."""
        labels: dict[str | None, list[str]] = defaultdict(list)
        for event in self._recorded.labels:
            place = _place(event, mdt=event["role"] == "mdt")
            name = self._names.object(event["object"])
            stored = line(place, name, event["name"], self._text(event["new"]), event["why"])
            labels[self._recorded.op_of(event)].append(stored)
        # Whether an object without a name is still there depends on what ran after it.
        nameless = {raw["object"] for raw in self._recorded.raws if raw.get("path") == raw["object"]}
        raws = (raw for raw in self._recorded.raws if raw["object"] not in nameless)
        last = {(raw["target"], raw["object"], raw.get("stripe", 0)): raw for raw in raws}
        for _, raw in sorted(last.items()):
            place, name = _place(raw, mdt="path" in raw), self._names.object(raw["object"])
            labels[self._names.maker(raw["object"])] += [
                line(place, name, xattr, self._text(value), "raw") for xattr, value in sorted(raw["labels"].items())
            ]
        return {op: tuple(found) for op, found in labels.items()}

    def _seen(self, invoke: Event, end: Event) -> Iterable[str]:
        """Labels in the answer: what the client was told."""
        answer, client = end.get("ret"), invoke["client"]
        if invoke["f"] == "getxattr" and str(invoke["args"].get("name", "")).startswith("security."):
            yield line(client, "", invoke["args"]["name"], self._text(answer), "seen")
        labels = answer.get("labels") if isinstance(answer, dict) else None
        for name, value in sorted((labels or {}).items()):
            yield line(client, "", name, self._text(value), "seen")

    def _text(self, value: Any) -> str | None:
        """A label's value; bytes that are not UTF-8 as the history writes them."""
        return None if value is None else self._names.context(value if isinstance(value, str) else str(value))

    def _outside(self) -> Iterable[Operation]:
        decisions: dict[str, set[str]] = defaultdict(set)
        for place in self._recorded.avcs.get(None, ()):
            avc = self._recorded.decisions[place]
            decisions[f"{avc[0]} asked by {self._names.context(avc[8])}"].add(self._decision(place))
        labels: dict[str, list[str]] = defaultdict(list)
        for label in self._labels.get(None, ()):
            labels[label.partition("\t")[0].partition(" ")[0]].append(label)
        for name in sorted(decisions.keys() | labels.keys()):
            yield Operation(name, "ok", tuple(sorted(decisions[name])), tuple(labels[name]))


def _granted(recorded: Recorded) -> Mapping[tuple[Any, ...], frozenset[str]]:
    """Permissions by query that a permissive domain or mode granted although they are missing.

    The AVC keeps that grant (security/selinux/avc.c, avc_denied), so that the same query is simply allowed from then
    on: which test sees the denial depends on their order, and here all of them do.
    """
    granted: dict[tuple[Any, ...], frozenset[str]] = defaultdict(frozenset)
    for avc in recorded.decisions:
        if avc[-1] and avc[10]:
            granted[_query(avc)] |= set(avc[-1].split())
    return granted


def _query(avc: Avc) -> tuple[Any, ...]:
    """Node, policy, seqno, source, target, class."""
    return avc[0], avc[11], avc[12], avc[8], avc[9], avc[7]


def _place(event: Event, *, mdt: bool) -> str:
    return event["target"] if mdt else f"{event['target']} stripe {event.get('stripe', 0)}"


def _end(end: Event) -> str:
    """`ok`, the name of an errno, or what is not known."""
    if end.get("phase") == "ok":
        return "ok"
    if not end:
        return "no end"
    number = end.get("errno") or 0
    name = errno.errorcode.get(number, f"errno {number}")
    return name if end["phase"] == "fail" else f"{name}, and may have happened"
