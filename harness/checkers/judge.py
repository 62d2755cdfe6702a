"""Judging a history: events into one causal order, the world and the checkers fed in step."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from harness.checkers.audit import Audit
from harness.checkers.counts import Counts
from harness.checkers.identity import Identity
from harness.checkers.mediation import Mediation
from harness.checkers.propagation import Propagation
from harness.checkers.verdict import Checker, Finding, Verdict
from harness.model.fs import Event
from harness.model.policy import PolicySource
from harness.model.world import World

CHECKERS: list[type[Checker]] = [Propagation, Mediation, Identity, Audit]


def causal(events: Iterable[Event]) -> list[Event]:
    """By Lamport clock, then node, then place in the node's file.

    Whatever happened before something else has the smaller clock, and two events with one clock on one node stand in
    the order of its file; what is left are events that knew nothing of each other, for which any order that is the same
    every time will do. Wall clocks are not used: they belong to one machine.

    What a digest stands for comes ahead of all: of two rpcs served at once the one that its file tells of first has the
    subject's event before it, with its own clock, and the other one may have the smaller clock.
    """
    return sorted(events, key=lambda event: (event["c"] if event["e"] != "subject" else 0, event["n"], event["i"]))


class Judge:
    """The checkers over one history, which may come in slices: the state carries on from one to the next."""

    def __init__(self, policies: PolicySource, only: Collection[str] | None = None) -> None:
        """`only` names the checkers wanted. Raises ValueError for a name that no checker has."""
        known = {checker.name: checker for checker in CHECKERS}
        strange = sorted(set(only or ()) - set(known))
        if strange:
            raise ValueError(f"no checker named {', '.join(strange)}; the known ones are {', '.join(known)}")
        self.world = World(policies)
        self.checkers = [known[name](self.world) for name in known if only is None or name in only]
        self._counts = Counts()

    def feed(self, events: Iterable[Event]) -> None:
        """Takes the next slice: every event since the one before, of every node."""
        ordered = causal(events)
        for checker in self.checkers:
            checker.ahead(ordered)
        for event in ordered:
            for checker in self.checkers:
                checker.feed(event)
            self._counts.feed(event)
            self.world.feed(event)

    def feed_audit(self, lines: Iterable[str]) -> None:
        """Takes lines of the run's audit.log; at its end, before `verdicts`."""
        for checker in self.checkers:
            if isinstance(checker, Audit):
                checker.feed_audit(lines)

    def drain(self) -> list[Finding]:
        """The findings of all checkers since the last time."""
        return [finding for checker in self.checkers for finding in checker.drain()]

    def verdicts(self) -> list[Verdict]:
        """One verdict a checker, on all so far."""
        return [checker.verdict() for checker in self.checkers]

    def summary(self) -> dict[str, int]:
        """The `judged` numbers of results.json."""
        confirmed = sum(checker.confirmed for checker in self.checkers if isinstance(checker, Mediation))
        return self._counts.numbers(confirmed)


def judge(
    events: Iterable[Event],
    policies: PolicySource,
    only: Collection[str] | None = None,
    *,
    audit: Iterable[str] | None = None,
) -> list[Verdict]:
    """The verdict of each checker on a whole history. `audit` are the lines of its audit.log, if there is one."""
    whole = Judge(policies, only)
    whole.feed(events)
    if audit is not None:
        whole.feed_audit(audit)
    return whole.verdicts()


def summary(events: Iterable[Event], policies: PolicySource) -> dict[str, int]:
    """The `judged` numbers of a whole history."""
    whole = Judge(policies, {Mediation.name})
    whole.feed(events)
    return whole.summary()
