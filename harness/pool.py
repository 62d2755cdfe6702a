"""The clusters of one test session, by flavour, each with its judge: a test's own events are judged as it ends.

A flavour is a runtime and a ClusterSpec. A cluster lives until the session ends or room is needed for another; its
folder is the run's own for the first, `cluster-2`, `cluster-3` ... in it for the others. A worker of pytest-xdist has
a pool of its own, with folders named for it: `cluster-gw0-1`, `cluster-gw0-2` ...
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from harness import checkers, clusters
from harness.bulk import no_collector
from harness.checkers import Finding, Verdict
from harness.clusters import Cluster, ClusterError, clean, evidence
from harness.clusters.clean import Standing
from harness.history import Event
from harness.judgement import Decided, Judgement, Outcome, decisions, merged
from harness.logs import Logs
from harness.model.policy import Stored
from harness.spec import ClusterSpec
from rpc import Clock, SystemClock

ALIVE_MAX = 2  # clusters at once: two of five nodes each are what two cores carry
JUDGED = frozenset({"op", "avc", "label"})  # a test that leaves none of these has judged nothing


class Member:
    """A cluster with its judge, fed in slices."""

    def __init__(self, cluster: Cluster, policies: Stored) -> None:
        self.cluster = cluster
        self.logs = Logs(cluster.run_dir / "logs")
        self._decided: set[Decided] = set()
        self._policies = policies
        self._judge = checkers.Judge(policies)
        self._mark: dict[str, int] = {}
        self._start: dict[str, int] = {}
        self._early: list[Finding] = []
        self._found: list[Finding] = []
        # What tests find: as booted, then what each fixture wider than a test has left, with the place that it is for.
        self._standings: list[tuple[object, Standing]] = [(None, clean.standing(cluster))]
        self.judged = 0
        self.decisions = 0

    def booted(self) -> None:
        """Judges what booting left, which is no test's doing; what is found is told with the first test's."""
        self._early = self.judge()

    def begin(self, test: str) -> None:
        """A test starts: what follows in the history is its own."""
        self.cluster.test = test
        self.judged = self.decisions = 0
        self._start = self.cluster.mark()
        self.logs.mark()

    def of_test(self) -> list[Event]:
        """The events since the test began."""
        return self.cluster.events(self._start)

    def judge(self) -> list[Finding]:
        """The new findings of every checker, from the events since the last time."""
        try:
            with no_collector(freeze=False):
                events = self.cluster.events(self._mark)
                self._mark = _after(self._mark, events)
                self.judged += sum(event["e"] in JUDGED for event in events)
                self.decisions += sum(event["e"] == "avc" for event in events)
                self._decided |= set(decisions(events))
                self._judge.feed(events)
        except BaseException:
            # Ctrl-C in the midst of an event, it may be: no checker can go on from there. Next time all is judged anew.
            self._judge, self._mark = checkers.Judge(self._policies), {}
            raise
        early, self._early = self._early, []
        found = early + [finding for finding in self._judge.drain() if finding not in self._found]
        self._found += found
        return found

    @property
    def verdict(self) -> Verdict:
        """What the checkers have found so far; some say only at the end what they lack."""
        if not self._found:
            return Verdict("valid", "nothing is wrong so far")
        first, more = self._found[0], len(self._found) - 1
        because = first.because + (f" ({more} more)" if more else "")
        return Verdict("invalid", because, first.culprits, first.expected, first.actual, first.checker)

    @contextmanager
    def lasting(self, place: object) -> Iterator[None]:
        """What is set up inside stays for all tests of `place`: it is no test's to leave behind."""
        before = self.cluster.tasks
        yield
        made = frozenset(f"t{number}" for number in range(before + 1, self.cluster.tasks + 1))
        with suppress(OSError):  # a node is down: whoever did that cannot want it to stay so
            self._standings.append((place, clean.standing(self.cluster, self._standings[-1][1].tasks | made)))

    def clean(self, ahead: Collection[object]) -> None:
        """Cleans up after a test; `ahead` are the places of the next one. clean.Dirty if it cannot be done."""
        self._standings = [item for item in self._standings if item[0] is None or item[0] in ahead]
        self.cluster.test = ""
        clean.clean(self.cluster, self._standings[-1][1])

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
        return Judgement(tuple(verdicts), numbers, tuple(late), frozenset(self._decided))


class Pool:
    """`failure` is the error of a cluster that did not start: it is raised again for each test that wants that kind."""

    def __init__(self, runtime: str, run_dir: Path, *, worker: str = "", clock: Clock | None = None) -> None:
        """`worker` names the process among several whose clusters share `run_dir`. LookupError: no such runtime."""
        self.runtime = _known(runtime)
        self.run_dir = run_dir
        self.failure: Exception | None = None
        self.kept: list[Cluster] = []
        self.judgement = Judgement()
        self.test = ""
        self._worker = worker
        self._clock = clock or SystemClock()
        self._alive: dict[str, Member] = {}
        self._closed: tuple[Member, ...] = ()
        self._done: list[Judgement] = []
        self._failed: dict[str, Exception] = {}
        self._folders: list[str] = []
        self._ready_s: float | None = None

    def get(self, spec: ClusterSpec, runtime: str = "") -> Member:
        """The running cluster of that flavour, started if there is none. Raises what starting it raises."""
        runtime = _known(runtime or self.runtime)
        flavour = f"{runtime} {spec.flavour()}"
        if flavour in self._failed:
            raise self._failed[flavour]
        if flavour not in self._alive:
            self._make_room(runtime)
            try:
                self._alive[flavour] = self._start(spec, runtime)
            except Exception as error:
                self.failure = self._failed[flavour] = error
                raise
        member = self._alive[flavour] = self._alive.pop(flavour)  # the last used comes last
        member.begin(self.test)
        return member

    def lacking(self, runtime: str) -> str | None:
        """Why this machine cannot run clusters so, or None. LookupError: no such runtime."""
        return clusters.RUNTIMES[_known(runtime)]().available()

    def begin(self, test: str) -> None:
        """A test starts, on whichever cluster it will ask for."""
        self.test = test
        for member in self._alive.values():
            member.begin(test)

    def judge(self) -> list[Finding]:
        """The new findings on every cluster."""
        return [finding for member in self.members for finding in member.judge()]

    def member(self, cluster: object) -> Member | None:
        """The one whose cluster that is, also once the pool is closed; None where it has none."""
        return next((member for member in (*self.members, *self._closed) if member.cluster is cluster), None)

    @contextmanager
    def lasting(self, place: object) -> Iterator[None]:
        """As Member.lasting, on every cluster."""
        with ExitStack() as stack:
            for member in self.members:
                stack.enter_context(member.lasting(place))
            yield

    def drop(self, member: Member) -> None:
        """Ends a cluster; whoever asks for its kind gets a new one."""
        for flavour in [flavour for flavour, each in self._alive.items() if each is member]:
            self._finish(flavour)

    @property
    def members(self) -> tuple[Member, ...]:
        """The clusters that are up, the last used last."""
        return tuple(self._alive.values())

    @property
    def vacuous(self) -> bool:
        """Whether the test has done nothing that a checker judges, up to the last `judge`."""
        return not any(member.judged for member in self.members)

    def events(self) -> list[Event]:
        """What the test has put into the history so far, in causal order."""
        events = [event for member in self.members for event in member.of_test()]
        return [dict(event) for event in checkers.causal(events)]

    def close(self, *, keep: bool = False) -> Judgement:
        """Ends every cluster, or leaves them in `kept`; the merged judgement. May be called again."""
        self._closed = self.members or self._closed
        for flavour in list(self._alive):
            self._finish(flavour, keep=keep)
        self.judgement = merged(self._done)
        return self.judgement

    def outcome(self) -> Outcome:
        """What came of it; complete once the pool is closed."""
        failure = None if self.failure is None else str(self.failure)
        unavailable = isinstance(self.failure, (ClusterError, OSError))
        folders = tuple(self._folders)
        return Outcome(self.judgement, str(self.run_dir), folders, self._ready_s, failure, unavailable)

    def _make_room(self, runtime: str) -> None:
        if runtime in clusters.SINGLE:
            for flavour in [flavour for flavour in self._alive if flavour.startswith(f"{runtime} ")]:
                self._finish(flavour)
        while len(self._alive) >= ALIVE_MAX:
            self._finish(next(iter(self._alive)))

    def _start(self, spec: ClusterSpec, runtime: str) -> Member:
        folder = self._folder()
        with _turn(self.run_dir, crowded=bool(self._worker) and len(spec.nodes()) > (os.cpu_count() or 1)):
            begin = self._clock.mono_ns()
            cluster = clusters.RUNTIMES[runtime]().start(spec, folder)
            if self._ready_s is None:
                self._ready_s = (self._clock.mono_ns() - begin) / 1e9
        try:
            member = Member(cluster, Stored(folder))
            member.booted()
        except BaseException:
            cluster.stop()
            raise
        return member

    def _folder(self) -> Path:
        """A new cluster's own, in the run's."""
        number = len(self._folders) + 1
        name = f"cluster-{self._worker}-{number}" if self._worker else "" if number == 1 else f"cluster-{number}"
        self._folders.append(name)
        folder = self.run_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _finish(self, flavour: str, *, keep: bool = False) -> None:
        member = self._alive.pop(flavour)
        try:
            self._done.append(member.finish(keep=keep))
        finally:
            if keep:
                self.kept.append(member.cluster)


@contextmanager
def _turn(run_dir: Path, *, crowded: bool) -> Iterator[None]:
    """Where nodes are more than cores, the workers of a run boot one after the other: the first one's tests begin
    while the others boot, instead of all waiting for all. The kernel gives the turn on if a worker dies (flock(2))."""
    folder = os.open(run_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if crowded:
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _known(runtime: str) -> str:
    if runtime not in clusters.RUNTIMES:
        raise LookupError(f"no runtime {runtime!r}; there are {', '.join(clusters.RUNTIMES)}")
    return runtime


def _after(mark: Mapping[str, int], events: Iterable[Event]) -> dict[str, int]:
    """The mark behind these events: taken from them, so that none written in between is lost."""
    return {**mark, **{event["n"]: event["i"] + 1 for event in events}}


def audit_lines(run_dir: Path) -> list[str]:
    """The records of a cluster's audit.log; bytes that are not UTF-8 as surrogates."""
    path = run_dir / "audit.log"
    if not path.exists():
        return []
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
