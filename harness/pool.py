"""The clusters of one test session, by flavour, each with its judge: a test's own events are judged as it ends.

A flavour is a runtime and a ClusterSpec. A cluster lives until the session ends or room is needed for another; its
folder is the run's own for the first, `cluster-2`, `cluster-3` ... in it for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import checkers, clusters
from harness.checkers import Finding, Verdict
from harness.clusters import Cluster, evidence
from harness.history import Event
from harness.model.policy import Stored
from harness.spec import ClusterSpec
from rpc import Clock, SystemClock

ALIVE_MAX = 2  # clusters at once: two of five nodes each are what two cores carry
JUDGED = frozenset({"op", "avc", "label"})  # a test that leaves none of these has judged nothing


class Member:
    """A cluster with its judge, fed in slices."""

    def __init__(self, cluster: Cluster, policies: Stored, ready_s: float) -> None:
        self.cluster = cluster
        self.ready_s = ready_s
        self.decided: set[tuple[str, str, str, bool]] = set()
        self._policies = policies
        self._judge = checkers.Judge(policies)
        self._mark: dict[str, int] = {}
        self._start: dict[str, int] = {}
        self._early: list[Finding] = []
        self.judged = 0

    def booted(self) -> None:
        """Judges what booting left, which is no test's doing; what is found is told with the first test's."""
        self._early = self.judge()

    def begin(self, test: str) -> None:
        """A test starts: what follows in the history is its own."""
        self.cluster.test = test
        self.judged = 0
        self._start = self.cluster.mark()

    def of_test(self) -> list[Event]:
        """The events since the test began."""
        return self.cluster.events(self._start)

    def judge(self) -> list[Finding]:
        """The new findings of every checker, from the events since the last time."""
        events = self.cluster.events(self._mark)
        self._mark = _after(self._mark, events)
        self.judged += sum(event["e"] in JUDGED for event in events)
        self.decided |= set(decisions(events))
        self._judge.feed(events)
        early, self._early = self._early, []
        return early + self._judge.drain()

    def finish(self, *, keep: bool = False) -> Judgement:
        """Collects the stored labels, stops the cluster unless it is kept, and gives the last word on it."""
        late: list[Finding] = []
        try:
            late += self.judge()
            self.cluster.test = ""
            self.cluster.collect()
        except OSError as error:  # a node that is gone: what was recorded is judged all the same
            self.cluster.record("note", level="warning", text=f"the stored labels were not collected: {error}")
        finally:
            if not keep:
                self.cluster.stop()
        late += self.judge()
        evidence.merge_audit(self.cluster.run_dir)
        self._judge.feed_audit(audit_lines(self.cluster.run_dir))
        late += self._judge.drain()
        verdicts, numbers = self._judge.verdicts(), self._judge.summary()
        self._policies.close()
        return Judgement(tuple(verdicts), numbers, tuple(late))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The checkers' last word on one cluster or on several; `late` was found after the last test."""

    verdicts: tuple[Verdict, ...] = ()
    numbers: Mapping[str, int] | None = None
    late: tuple[Finding, ...] = ()


class Pool:
    """`failure` is the error of a cluster that did not start: it is raised again for each test that asks for it."""

    def __init__(self, runtime: str, run_dir: Path, *, clock: Clock | None = None) -> None:
        """Raises LookupError for an unknown runtime."""
        if runtime not in clusters.RUNTIMES:
            raise LookupError(f"no runtime {runtime!r}; there are {', '.join(clusters.RUNTIMES)}")
        self.runtime = runtime
        self.run_dir = run_dir
        self.failure: Exception | None = None
        self.kept: list[Cluster] = []
        self.judgement = Judgement()
        self.ready_s: float | None = None
        self.test = ""
        self._clock = clock or SystemClock()
        self._alive: dict[str, Member] = {}
        self._done: list[Judgement] = []
        self._decided: set[tuple[str, str, str, bool]] = set()
        self._started = 0

    def get(self, spec: ClusterSpec) -> Member:
        """The running cluster of that flavour, started if there is none. Raises what starting it raises."""
        if self.failure is not None:
            raise self.failure
        flavour = spec.flavour()
        if flavour not in self._alive:
            self._make_room()
            self._alive[flavour] = self._start(spec)
        member = self._alive[flavour] = self._alive.pop(flavour)  # the last used comes last
        member.begin(self.test)
        return member

    def begin(self, test: str) -> None:
        """A test starts, on whichever cluster it will ask for."""
        self.test = test
        for member in self._alive.values():
            member.begin(test)

    def judge(self) -> list[Finding]:
        """The new findings on every cluster."""
        return [finding for member in self._alive.values() for finding in member.judge()]

    @property
    def vacuous(self) -> bool:
        """Whether the test has done nothing that a checker judges, up to the last `judge`."""
        return not any(member.judged for member in self._alive.values())

    def events(self) -> list[Event]:
        """What the test has put into the history so far, in causal order."""
        events = [event for member in self._alive.values() for event in member.of_test()]
        return [dict(event) for event in checkers.causal(events)]

    def close(self, *, keep: bool = False) -> Judgement:
        """Ends every cluster, or leaves them in `kept`; the merged judgement. May be called again."""
        for flavour in list(self._alive):
            self._finish(flavour, keep=keep)
        self.judgement = merged(self._done, len(self._decided))
        return self.judgement

    def _make_room(self) -> None:
        while len(self._alive) >= ALIVE_MAX:
            self._finish(next(iter(self._alive)))

    def _start(self, spec: ClusterSpec) -> Member:
        self._started += 1
        folder = self.run_dir if self._started == 1 else self.run_dir / f"cluster-{self._started}"
        folder.mkdir(parents=True, exist_ok=True)
        begin = self._clock.mono_ns()
        try:
            cluster = clusters.RUNTIMES[self.runtime]().start(spec, folder)
        except Exception as error:
            self.failure = error
            raise
        ready_s = (self._clock.mono_ns() - begin) / 1e9
        self.ready_s = self.ready_s or ready_s
        member = Member(cluster, Stored(folder), ready_s)
        try:
            member.booted()
        except BaseException:
            cluster.stop()
            raise
        return member

    def _finish(self, flavour: str, *, keep: bool = False) -> None:
        member = self._alive.pop(flavour)
        try:
            self._done.append(member.finish(keep=keep))
        finally:
            self._decided |= member.decided
            if keep:
                self.kept.append(member.cluster)


def merged(parts: Iterable[Judgement], distinct: int) -> Judgement:
    """One verdict a checker and one count of each kind; `distinct` decisions are those of all clusters together."""
    parts = list(parts)
    verdicts: dict[str, list[Verdict]] = {}
    numbers: dict[str, int] = {}
    for part in parts:
        for verdict in part.verdicts:
            verdicts.setdefault(verdict.checker, []).append(verdict)
        for name, count in (part.numbers or {}).items():
            numbers[name] = numbers.get(name, 0) + count
    numbers["distinct_decisions"] = distinct
    late = tuple(finding for part in parts for finding in part.late)
    return Judgement(tuple(_one(same) for same in verdicts.values()), numbers, late)


def _one(verdicts: list[Verdict]) -> Verdict:
    """Of several valid ones, all that they say; else the worst."""
    worst = checkers.merge(verdicts)
    if worst.valid != "valid":
        return worst
    return Verdict("valid", ", ".join(verdict.because for verdict in verdicts), checker=worst.checker)


def decisions(events: Iterable[Event]) -> Iterable[tuple[str, str, str, bool]]:
    """What `distinct_decisions` counts: hook, class, single permission, granted or not."""
    for event in events:
        if event["e"] == "avc" and event["module"] == "selinux":
            denied = set(event.get("denied") or ())
            for permission in event["requested"]:
                yield event["hook"], event["tclass"], permission, permission not in denied


def _after(mark: Mapping[str, int], events: Iterable[Event]) -> dict[str, int]:
    """The mark behind these events: taken from them, so that none written in between is lost."""
    return {**mark, **{event["n"]: event["i"] + 1 for event in events}}


def audit_lines(run_dir: Path) -> list[str]:
    """The records of a cluster's audit.log; bytes that are not UTF-8 as surrogates."""
    path = run_dir / "audit.log"
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def sentences(findings: Iterable[Any]) -> str:
    """Findings as a test's failure shows them, one a line."""
    return "\n".join(f"labelproof: {item.checker} {item.kind}: {item.because}{_difference(item)}" for item in findings)


def _difference(finding: Any) -> str:
    if not (finding.expected or finding.actual):
        return ""
    return f" (expected {finding.expected or 'nothing'}, found {finding.actual or 'nothing'})"
