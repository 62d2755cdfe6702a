"""mediation: every decision is right, every hook that had to fire did, in order, and before anything was done.

Rules: the table of checks (harness.model.access), security/selinux/ss/services.c by libsepol, RFC 7204 3.5.2 (a remote
request is decided as a local one would be).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.checkers import decisions, methods
from harness.checkers.about import Unknown
from harness.checkers.earned import Earned
from harness.checkers.privileges import Privileges
from harness.checkers.verdict import Checker
from harness.model import access
from harness.model.fs import Event
from harness.model.world import CREATED, LABEL, Rpc, World, is_query

_REFUSED = frozenset({1, 13})  # EPERM, EACCES


class Mediation(Checker):
    """Findings on decisions: false-scontext, false-tcontext, false-tclass, wrong-policy, unexpected-allow,
    unexpected-deny, denied-set, permissive, reason, stale. On rpcs: hook-missing, check-missing, check-extra,
    check-order, case, acted-while-denied, done-while-denied, checked-after-acting, label-removed, unprivileged,
    contract. On operations: unasked.

    `confirmed` counts the decisions that the second engine agreed with.
    """

    name = "mediation"
    needs = frozenset({"rpc", "policy"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.confirmed = 0
        self._decisions = decisions.Decisions(world)
        self._earned = Earned(world)
        self._privileges = Privileges(world)

    def ahead(self, events: Sequence[Event]) -> None:
        self._decisions.ask_ahead(events)

    def feed(self, event: Event) -> None:
        self._privileges.feed(event)
        match event["e"]:
            case "avc":
                self._after_acting(event)
                if event["module"] == "selinux":
                    self._decision(event)
                    self._earned.decided(event)
            case "op" if event["phase"] == "ok":
                self._told(event)
            case "label" if event["role"] == "mdt" and event.get("why") == "set":
                self._relabelled(event)
            case "policy":
                self._decisions.flush(event["n"])
                self._earned.changed(event["n"])
            case "rpc" if event["phase"] == "reply":
                self._reply(event)

    def _decision(self, event: Event) -> None:
        self.judged += 1
        wrong = self._decisions.judge(event)
        self._decisions.passed(event)
        self.confirmed += not wrong
        for fault in wrong:
            if isinstance(fault, Unknown):
                self.unknown(fault.because)
            else:
                self.find(fault.kind, fault.because, event, expected=fault.expected, actual=fault.actual)

    def _told(self, event: Event) -> None:
        op = self.world.ops.get(event["op"])
        lacking = self._earned.lacking(op) if op else None
        if op is not None and lacking:
            because = f"{op.invoke['f']} was told of {op.about}, which its context was not allowed to {lacking}"
            self.find("unasked", because, op.invoke, event, expected=f"a decision on {lacking}", actual="none")

    def _relabelled(self, event: Event) -> None:
        """A label that was set may follow the one before, by the policy's validatetrans rules."""
        self.judged += 1
        refused = self._decisions.refused_transition(event, event["new"])
        if refused:
            because = f"{event['n']} let {event['object']} go from {event['old']} to {event['new']}"
            self.find("unexpected-allow", f"{because}, against a validatetrans rule", event, expected="EPERM")

    def _after_acting(self, event: Event) -> None:
        """A file that was just created is opened after: file_open's denial leaves the file behind, as in the kernel."""
        rpc = self.world.rpc(event)
        if rpc is None or not rpc.labels:
            return
        made = all(label.get("why") in CREATED for label in rpc.labels)
        if not (made and event["hook"] == "file_open"):
            because = f"{rpc.recv['method']} on {event['n']} asked {event['hook']} after it had acted on {_object(rpc)}"
            self.find("checked-after-acting", because, event, rpc.labels[0], expected="check, then act")

    def _reply(self, event: Event) -> None:
        rpc = self.world.rpc(event)
        if event.get("finding"):
            self.find("contract", str(event["finding"]), event)
        if rpc is None or event.get("resent"):
            return
        self.judged += 1
        if event["status"] in _REFUSED:
            self._refused(event, rpc)
        found = self._ways(event, rpc)
        if not found:
            return
        if event["status"] == 0:
            self._complete(event, rpc, found)
        else:
            self._begun(event, rpc, found)

    def _ways(self, event: Event, rpc: Rpc) -> list[methods.Way]:
        """The ways that the rpc may have gone, under the capabilities of its node's policy."""
        found, policy = methods.ways(self.world, rpc), self.world.policy(event["n"])
        if policy is None or "open_perms" in policy.facts.policycaps:
            return found
        return [replace(way, checks=access.without_open(way.checks)) for way in found]

    def _refused(self, event: Event, rpc: Rpc) -> None:
        opened = bool(rpc.avcs) and rpc.avcs[-1]["hook"] == "file_open" and rpc.recv["method"] == "Mds/Open"
        if (rpc.labels or event.get("transno")) and not opened:
            because = f"{event['method']} on {event['n']} was refused and changed {_object(rpc)} all the same"
            actual = f"transno {event.get('transno')}, {len(rpc.labels)} labels"
            self.find("acted-while-denied", because, event, *rpc.labels, expected="nothing changed", actual=actual)

    def _complete(self, event: Event, rpc: Rpc, found: list[methods.Way]) -> None:
        """A call that succeeded went one of the ways it could go, in full."""
        op = self.world.op_of(event)
        if event["method"] == "Mds/Removexattr" and op and (op.invoke.get("args") or {}).get("name") == LABEL:
            self.find("label-removed", f"{event['n']} let {LABEL} be removed; that is always EACCES", event)
        problems = [(list(self._problems(event, rpc, way)), way) for way in found]
        wrong, way = min(problems, key=lambda problem: len(problem[0]))
        for kind, because, expected, actual in wrong:
            self.find(kind, because, event, rpc.recv, expected=expected, actual=actual)
        self._ignored(event, rpc, way)
        lacking = self._privileges.lacking(rpc) if self.world.mode(event["n"]) else None
        if lacking:
            because = f"{event['method']} on {event['n']} did to {_object(rpc)} what only {lacking} makes up for"
            self.find("unprivileged", because, event, rpc.recv, expected=f"capability {{ {lacking} }}", actual="none")
        fitting = {way.case for wrong, way in problems if not wrong} or {way.case}
        if event.get("case") not in fitting:
            because = f"{event['method']} on {event['n']} says it was the case {event.get('case')}"
            self.find("case", because, event, rpc.recv, expected=" or ".join(sorted(fitting)), actual=event.get("case"))

    def _ignored(self, event: Event, rpc: Rpc, way: methods.Way) -> None:
        """A denial ends the call, but of a capability that others make up for, and of what is asked and overruled."""
        overruled = [check for check in way.checks if check.optional]
        for avc in rpc.avcs:
            tolerated = avc["tclass"] in access.FLOATING or any(_is(avc, check) for check in overruled)
            if avc["module"] == "selinux" and not avc["allowed"] and not tolerated:
                because = f"{event['method']} on {event['n']} was denied {_text(avc)} on {_object(rpc)}, and did it"
                self.find("done-while-denied", because, event, avc, expected="refused", actual="done")

    def _problems(self, event: Event, rpc: Rpc, way: methods.Way) -> Iterator[tuple[str, str, str, str]]:
        yield from self._unfired(event, rpc, way)
        if self.world.mode(event["n"]) is None:
            return
        wanted = [check for check in way.checks if check.perms]
        where = f"{event['method']} on {event['n']}"
        for behalf in (False, True) if rpc.recv.get("behalf") else (False,):
            yield from self._out_of_order(where, rpc, wanted, _asked(rpc, behalf))
        again = _asked(rpc, behalf=False, again=True)
        if rpc.spread or again:
            yield from self._out_of_order(f"{where}, once other servers had answered,", rpc, wanted, again)

    def _out_of_order(
        self, where: str, rpc: Rpc, wanted: list[access.Check], asked: list[Event]
    ) -> Iterator[tuple[str, str, str, str]]:
        stopped, left = _matched(wanted, asked)
        if stopped is not None and not any(_is(avc, stopped) for avc in left):
            because = f"{where} did not ask {stopped} about {_object(rpc)}"
            yield "check-missing", because, _listed(wanted), _texts(asked)
        elif left:
            because = f"{where} asked {_text(left[0])}, which is not in order there"
            yield "check-extra", because, _listed(wanted), _texts(asked)

    def _unfired(self, event: Event, rpc: Rpc, way: methods.Way) -> Iterator[tuple[str, str, str, str]]:
        place = rpc.recv.get("place") or {}
        named = {"parent": place.get("parent"), "object": place.get("fid")}
        fired = event.get("fired") or ()
        for (hook, role), count in access.firings(way.checks).items():
            fid = named.get(role)
            hits = sum(n for h, r, f, n in fired if (h, r) == (hook, role) and (not fid or not f or f == fid))
            if hits < count:
                because = f"{event['method']} on {event['n']}: the hook {hook} did not fire on its {role} {fid or ''}"
                yield "hook-missing", because.rstrip(), f"{hook}({role}) x {count}", f"x {hits}"

    def _begun(self, event: Event, rpc: Rpc, found: list[methods.Way]) -> None:
        """A call that failed asked no more than the first steps of one of the ways, each in its turn."""
        asked = _asked(rpc, behalf=False)
        if self.world.mode(event["n"]) is None or not asked:
            return
        lists = [[check for check in way.checks if check.perms] for way in found]
        if all(_matched(wanted, asked)[1] for wanted in lists):
            because = f"{event['method']} on {event['n']} failed, and had asked its checks out of order"
            self.find("check-order", because, event, rpc.recv, expected=_listed(lists[0]), actual=_texts(asked))


def _asked(rpc: Rpc, behalf: bool, *, again: bool = False) -> list[Event]:
    """The queries of the module selinux, in order; `again`: those of the last step, after other servers took part."""
    mine = [avc for avc in rpc.avcs if is_query(avc) and bool(avc.get("behalf")) == behalf]
    return [avc for avc in mine if (avc["vantage"] == "recheck" and avc["hook"] != "file_permission") == again]


def _matched(wanted: list[access.Check], asked: list[Event]) -> tuple[access.Check | None, list[Event]]:
    """The first check that is wanted and was not asked, and the queries that are left over; none of either: they agree.

    Queries of floating classes may stand anywhere. Where a wanted check is missing, what was asked stands as far as it
    goes: a query is left over only if it does not come next.
    """
    todo, missing = list(asked), None
    for check in wanted:
        while todo and todo[0]["tclass"] in access.FLOATING and not _is(todo[0], check):
            todo.pop(0)
        if todo and _is(todo[0], check):
            todo.pop(0)
        elif not check.optional:
            missing = check
            break
    return missing, [avc for avc in todo if avc["tclass"] not in access.FLOATING]


def _is(avc: Event, check: access.Check) -> bool:
    """A capability may be asked inside another hook, and is the same query there."""
    same = avc["hook"] == check.hook or avc["tclass"] in access.FLOATING
    return same and (avc["tclass"], frozenset(avc["requested"])) == (check.tclass, check.perms)


def _object(rpc: Rpc) -> str:
    place = rpc.recv.get("place") or {}
    name = place.get("name")
    return f"{name!r} in {place.get('parent')}" if name is not None else str(place.get("fid") or "its object")


def _text(avc: Event) -> str:
    return f"{avc['hook']} {avc['tclass']} {{ {' '.join(sorted(avc['requested']))} }}"


def _texts(avcs: list[Event]) -> str:
    return "; ".join(_text(avc) for avc in avcs) or "none"


def _listed(checks: list[access.Check]) -> str:
    return "; ".join(f"{check.hook} {check.tclass} {{ {' '.join(sorted(check.perms))} }}" for check in checks)
