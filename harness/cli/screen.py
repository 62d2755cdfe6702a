"""What a run shows: progress while it goes on; at the end a table, numbers, the verdict, and what to type next."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from harness import report, results
from harness.results import Results, Status, Test
from harness.runner import RunResult

_LINE_S = 2.0  # where nobody sees a bar move, a line this often
_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_CHECKERS = {"valid": "green", "invalid": "red", "unknown": "yellow"}
_STATUSES: tuple[Status, ...] = ("PASS", "FAIL", "ERROR", "TIMEOUT", "VACUOUS", "XPASS", "KNOWN", "SKIP")
_SHOWN_MAX = 10


class Screen:
    """A collector.Listener. On a terminal a bar; elsewhere a line now and then; with `quiet` nothing but the end."""

    def __init__(self, console: Console, *, quiet: bool = False, verbose: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._verbose = verbose
        self._total = 0
        self._said_s = 0.0
        self._suite = ""
        self._progress = _bar(console) if console.is_terminal and not quiet else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
            self._task = self._progress.add_task("starting the cluster", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, total: int) -> None:
        self._total, self._said_s = total, time.monotonic()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total)
        elif total and not self._quiet:
            self.say(f"{total} tests; starting the cluster")

    def done(self, test: Test, number: int) -> None:
        if self._quiet:
            return
        if self._verbose or test.status in results.FAILED:
            self.say(f"{test.status:8}{test.id}{f'  {test.reason}' if test.reason else ''}")
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=number, description=test.suite)
        elif test.suite != self._suite or time.monotonic() - self._said_s > _LINE_S or number == self._total:
            self._suite, self._said_s = test.suite, time.monotonic()
            self.say(f"{test.suite}: {number}/{self._total}")

    def say(self, line: str) -> None:
        """One line, as it is."""
        self._console.print(line, markup=False)

    def conclude(self, result: RunResult) -> None:
        """The end of a run."""
        found = result.results
        if not self._quiet:
            self._console.print(_suites(found), _checkers(found))
            self.say(_judged(found))
            self.say(_times(found))
        colour, title = _COLOURS[found.verdict], found.verdict.upper()
        self._console.print(f"[bold {colour}]{title}[/]: {escape(found.reason)}")
        if not self._quiet:
            self.say(f"run     {result.run.path}")
            self.say(f"report  {result.run.path / 'report.html'}")
            self.say(f"again   {result.replay}")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console,
        transient=True, redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip


def _suites(found: Results) -> Table:
    used = [status for status in _STATUSES if any(test.status == status for test in found.tests)]
    table = Table("suite", box=None, pad_edge=False)
    for title in ("tests", *used, "seconds"):
        table.add_column(title, justify="right")
    for row in report.by_suite(found.tests):
        counts = [str(row["counts"].get(status, 0)) for status in used]
        table.add_row(escape(row["name"]), str(row["total"]), *counts, f"{row['duration_s']:.1f}")
    return table


def _checkers(found: Results) -> Table:
    table = Table("checker", "verdict", "because", box=None, pad_edge=False)
    for checker in found.checkers:
        table.add_row(checker.name, f"[{_CHECKERS[checker.valid]}]{checker.valid}[/]", escape(checker.because))
    return table


def _judged(found: Results) -> str:
    numbers = found.judged
    return (
        f"judged  {numbers.operations} operations, {numbers.rpcs} rpcs, {numbers.labels} labels,"
        f" {numbers.decisions} decisions ({numbers.distinct_decisions} distinct, {numbers.second_engine} confirmed by"
        f" libsepol), {numbers.denials} denials ({numbers.denials_with_control} with their control)"
    )


def _times(found: Results) -> str:
    ready = "" if found.ready_s is None else f", cluster ready in {found.ready_s:.2f} s"
    policy = found.policy["name"] if found.policy else "none"
    return f"took    {found.wall_s:.1f} s{ready}; runtime {found.runtime}, policy {policy}, seed {found.seed}"
