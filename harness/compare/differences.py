"""What is different between an operation before and the same operation after, each difference as one sentence.

A call that was refused with EACCES or EPERM and now succeeds is a new allow even where no decision changed: a check
that is gone leaves no decision behind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from typing import Literal

from harness.compare.behaviour import Decision, Label, Operation, Rpc

Kind = Literal["allow", "deny", "label", "errno", "hook", "rpc", "operation", "test"]
# Worst first: what is now open, what is now closed, then everything else.
KINDS: Mapping[Kind, str] = {
    "allow": "new allows",
    "deny": "new denies",
    "label": "changed labels",
    "errno": "changed errno",
    "hook": "moved hooks",
    "rpc": "changed rpc counts",
    "operation": "operations that only one side has",
    "test": "tests that only one side has",
}
_REFUSED = frozenset({"EACCES", "EPERM"})
_RANK = {"denied": 0, "permissive": 1, "allowed": 2}


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` changed from `before` to `after` in `operation` of `test`; `gist` is the same for those of one cause."""

    kind: Kind
    test: str
    operation: str
    what: str
    before: str
    after: str
    gist: str

    @property
    def id(self) -> str:
        """Names this difference in every run in which it shows."""
        parts = (self.kind, self.test, self.operation, self.what, self.before, self.after)
        return blake2s("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()

    @property
    def sentence(self) -> str:
        if self.kind == "test":
            return f"{self.test}: {self.before} before, {self.after} now"
        where = f"{self.operation} of {self.test}"
        if self.kind == "operation":
            return f"{where}: {self.before} before, {self.after} now"
        return f"{where}: {self.what} was {self.before} before and is {self.after} now"


def of_operation(test: str, before: Operation, after: Operation) -> Iterator[Difference]:
    """Every difference between the two, in no particular order."""
    if before == after:
        return
    differing = _Pair(test, before.name)
    yield from differing.end(before.end, after.end)
    yield from differing.decisions(before.decisions, after.decisions)
    yield from differing.labels(before.labels, after.labels)
    yield from differing.hooks(before, after)
    yield from differing.rpcs(before, after)


@dataclass(frozen=True, slots=True)
class _Pair:
    test: str
    operation: str

    def end(self, before: str, after: str) -> Iterator[Difference]:
        if before == after:
            return
        kind: Kind = "errno"
        if before in _REFUSED and after == "ok":
            kind = "allow"
        elif before == "ok" and after in _REFUSED:
            kind = "deny"
        yield self._difference(kind, "its outcome", before, after, f"{before} {after}")

    def decisions(self, before: Iterable[str], after: Iterable[str]) -> Iterator[Difference]:
        """Those made on both sides; one that is made on one side only is a hook that moved."""
        old, new = _by_query(before), _by_query(after)
        for key in old.keys() & new.keys():
            for was, now in zip(old[key], new[key], strict=False):
                yield from self._decision(key, was, now)

    def _decision(self, key: _Query, was: _Answer, now: _Answer) -> Iterator[Difference]:
        node, vantage, hook, module, role, name, tclass, permission = key
        where = node if vantage == "server" else f"{node} as {vantage}"
        query = f"{tclass} {{ {permission} }} on {name} for {hook}({role})" if role else f"{tclass} {{ {permission} }}"
        if was[0] != now[0]:
            kind: Kind = "allow" if _RANK[now[0]] > _RANK[was[0]] else "deny"
            contexts = was[1:] if was[1:] == now[1:] else now[1:]
            what = f"the decision of {where} ({module}, {hook}) on {_query(tclass, permission, name, contexts)}"
            change = f"{was[0]}{_contexts(was, now)}"
            yield self._difference(kind, what, change, now[0], f"{contexts} {tclass} {permission} {was[0]} {now[0]}")
        elif was[1:] != now[1:]:
            what = f"what {where} ({module}) decided {query} on"
            gist = f"{tclass} {was[1:]} {now[1:]}"
            yield self._difference("label", what, " -> ".join(was[1:]), " -> ".join(now[1:]), gist)

    def labels(self, before: Iterable[str], after: Iterable[str]) -> Iterator[Difference]:
        old, new = _by_place(before), _by_place(after)
        for place in old.keys() | new.keys():
            was, now = _values(old.get(place)), _values(new.get(place))
            if was != now:
                yield self._difference("label", _place(*place), was, now, f"{place[2]} {place[3]} {was} {now}")

    def hooks(self, before: Operation, after: Operation) -> Iterator[Difference]:
        """Which hooks fired, how often, and in which order."""
        old, new = _hooks(before), _hooks(after)
        counted_old, counted_new = Counter(old), Counter(new)
        for hook in sorted(counted_old.keys() | counted_new.keys()):
            was, now = counted_old[hook], counted_new[hook]
            if was != now:
                yield self._difference("hook", _hook(*hook), _times(was), _times(now), f"{hook[:3]} {was} {now}")
        if counted_old == counted_new and old != new:
            was_first, now_first = next(pair for pair in zip(old, new, strict=True) if pair[0] != pair[1])
            what = "the order of the hooks: what comes first where they part"
            yield self._difference(
                "hook", what, _hook(*was_first), _hook(*now_first), f"{was_first[:3]} {now_first[:3]}"
            )
        yield from self._asked(_asked(before), _asked(after))

    def _asked(self, before: Mapping[str, list[_Asked]], after: Mapping[str, list[_Asked]]) -> Iterator[Difference]:
        """The order in which a server asks the same things: within a hook nothing but the decisions tells of it."""
        for node in sorted(before.keys() & after.keys()):
            old, new = before[node], after[node]
            if old != new and Counter(old) == Counter(new):
                was, now = next(pair for pair in zip(old, new, strict=True) if pair[0] != pair[1])
                what = f"the order in which {node} asks: what comes first where they part"
                yield self._difference("hook", what, _question(*was), _question(*now), f"{was[:2]} {now[:2]}")

    def rpcs(self, before: Operation, after: Operation) -> Iterator[Difference]:
        were, are = (tuple(map(Rpc.parse, side.rpcs)) for side in (before, after))
        old, new = (Counter((rpc.method, rpc.node) for rpc in side) for side in (were, are))
        for method, node in sorted(old.keys() | new.keys()):
            was, now = old[method, node], new[method, node]
            if was != now:
                what = f"the count of {method} to {node}"
                yield self._difference("rpc", what, str(was), str(now), f"{method} {was} {now}")
        yield from self._cases(were, are)

    def _cases(self, before: Iterable[Rpc], after: Iterable[Rpc]) -> Iterator[Difference]:
        """The mediation case of rpcs at the same place on both sides."""
        for was, now in zip(before, after, strict=False):
            if (was.node, was.method) == (now.node, now.method) and was.case != now.case:
                what = f"the case in which {was.node} took {was.method}"
                gist = f"{was.method} {was.case} {now.case}"
                yield self._difference("hook", what, was.case or "none", now.case or "none", gist)

    def _difference(self, kind: Kind, what: str, before: str, after: str, gist: str) -> Difference:
        return Difference(kind, self.test, self.operation, what, before, after, f"{kind} {gist}")


_Asked = tuple[str, str, str, str, str]
_Query = tuple[str, str, str, str, str, str, str, str]
_Answer = tuple[str, str, str]


def _by_query(decisions: Iterable[str]) -> dict[_Query, list[_Answer]]:
    """Each single permission that was asked for, and the answers in order."""
    found: dict[_Query, list[_Answer]] = defaultdict(list)
    for d in map(Decision.parse, decisions):
        denied = d.denied.split()
        for permission in d.requested.split():
            verdict = d.verdict if permission in denied else "allowed"
            key = (d.node, d.vantage, d.hook, d.module, d.role, d.object, d.tclass, permission)
            found[key].append((verdict, d.scontext, d.tcontext))
    return found


def _query(tclass: str, permission: str, name: str, contexts: Iterable[str]) -> str:
    scontext, tcontext = contexts
    return f"{tclass} {{ {permission} }} on {name}, {scontext} -> {tcontext},"


def _contexts(was: _Answer, now: _Answer) -> str:
    return "" if was[1:] == now[1:] else f" (then {was[1]} -> {was[2]})"


def _by_place(labels: Iterable[str]) -> dict[tuple[str, str, str, str], list[Label]]:
    found: dict[tuple[str, str, str, str], list[Label]] = defaultdict(list)
    for label in map(Label.parse, labels):
        kind = label.why if label.why in ("raw", "seen") else "stored"
        found[label.place, label.object, label.name, kind].append(label)
    return found


def _values(labels: list[Label] | None) -> str:
    if not labels:
        return "not there"
    shown = [label.value or "removed" for label in labels]
    whys = [f" ({label.why})" if label.why not in ("raw", "seen") else "" for label in labels]
    return ", then ".join(value + why for value, why in zip(shown, whys, strict=True))


def _place(place: str, name: str, xattr: str, kind: str) -> str:
    match kind:
        case "seen":
            return f"{xattr} as {place} was told it"
        case "raw":
            return f"{xattr} of {name} as found on {place} at the end"
    return f"{xattr} of {name} as stored by {place}"


def _hooks(operation: Operation) -> list[tuple[str, str, str, str]]:
    """(node, hook, role, object) in order: of the rpcs what fired, of clients and agents what was decided."""
    fired = [(rpc.node, *hook) for rpc in map(Rpc.parse, operation.rpcs) for hook in rpc.fired]
    decisions = map(Decision.parse, operation.decisions)
    return fired + [(d.node, d.hook, d.role, d.object) for d in decisions if d.vantage != "server"]


def _asked(operation: Operation) -> dict[str, list[_Asked]]:
    """(hook, role, object, class, permissions) in order, by server."""
    found: dict[str, list[_Asked]] = defaultdict(list)
    for d in map(Decision.parse, operation.decisions):
        if d.vantage == "server":
            found[d.node].append((d.hook, d.role, d.object, d.tclass, d.requested))
    return found


def _question(hook: str, role: str, name: str, tclass: str, requested: str) -> str:
    return f"{tclass} {{ {requested} }} on {name or role} for {hook}({role})"


def _hook(node: str, hook: str, role: str, name: str) -> str:
    return f"{hook}({role}) on {name or 'nothing'} at {node}"


def _times(count: int) -> str:
    return {0: "not fired", 1: "fired once"}.get(count, f"fired {count} times")
