"""What is wrong in a run: one thing after the other, each with its test, its place and what led there."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from harness import report
from harness.cases.nodes import SUFFIX
from harness.outputs import way
from harness.outputs.way import Stop
from harness.report.failures import Failure
from harness.results import FAILED, Checker, Results, Test
from harness.store import Run


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `test` None: it belongs to no test. `rule` is checker/kind, or test/STATUS."""

    test: Test | None
    rule: str
    sentence: str
    object: str = ""
    step: str = ""
    expected: str = ""
    actual: str = ""
    events: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()

    @property
    def path(self) -> str:
        """Of the file that it is about, as recorded; empty where that is not known."""
        return self.test.place.rpartition(":")[0] if self.test else ""

    @property
    def line(self) -> int:
        """From 1."""
        number = self.test.place.rpartition(":")[2] if self.test else ""
        return max(1, int(number)) if number.isdecimal() else 1

    @property
    def whole(self) -> str:
        """The sentence with what was expected and found."""
        if not (self.expected or self.actual):
            return self.sentence
        return f"{self.sentence} (expected {self.expected or 'nothing'}, found {self.actual or 'nothing'})"


class Told:
    """A recorded run; its history is read once, when somebody asks what is wrong."""

    def __init__(self, run: Run, found: Results) -> None:
        self.run = run
        self.found = found

    @property
    def damage(self) -> list[str]:
        """What of the history could not be read."""
        return self.gathered[3]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Those of tests first, in the order of the failing tests."""
        return self._problems

    def of(self, test: Test) -> list[Problem]:
        """What is wrong in one test."""
        return [problem for problem in self.problems if problem.test == test]

    def again(self, test: Test | None) -> str:
        """The command that does a test again, or the whole run; empty where none is recorded."""
        replay = self.found.replay
        if test is None or not replay:
            return replay
        if test.suite.endswith(SUFFIX) and replay.startswith("labelproof run "):
            # Its name is no expression for -k, and the file is the test.
            return f"labelproof run {shlex.quote(test.suite)} --runtime{replay.partition(' --runtime')[2]}"
        return report.again(test, replay)

    @cached_property
    def gathered(self) -> report.Gathered:
        """What the page is made of."""
        return report.gather(self.found, self.run)

    @cached_property
    def _problems(self) -> tuple[Problem, ...]:
        if self.found.verdict != "fail":
            return ()
        cases, _, loose, _ = self.gathered
        failing = [case for case in cases if case.test.status in FAILED]
        problems = [_problem(case.test, failure) for case in failing for failure in case.failures]
        problems += [_problem(None, failure) for failure in loose]
        return (*problems, *_unseen(self.found.checkers, problems))


def _problem(test: Test | None, failure: Failure) -> Problem:
    return Problem(
        test, "/".join(failure.rule.split()), failure.sentence, failure.object, failure.step, failure.expected,
        failure.actual, failure.events, way.of(failure.steps),
    )  # fmt: skip


def _unseen(checkers: Iterable[Checker], problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first finding of a checker of which nothing else tells: the history is gone, or is not read any more."""
    seen = {problem.rule.partition("/")[0] for problem in problems}
    for item in checkers:
        if item.valid == "invalid" and item.name not in seen:
            yield Problem(None, item.name, item.because, expected=item.expected, actual=item.actual)
