"""The runner's ear in pytest: each test's status and reason, and progress while it goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness import suites, watch
from harness.judgement import Outcome
from harness.results import Status, Test
from labelproof import plugin

Report = pytest.TestReport | pytest.CollectReport


class Listener(Protocol):
    """Who shows how the run goes."""

    def begin(self, total: int) -> None:
        """So many tests will run."""

    def done(self, test: Test, number: int) -> None:
        """The `number`-th of them has ended."""


class Collector:
    """A pytest plugin; `tests` has what ended, in order. With workers it sits in their controller.

    It ends the session where no cluster can be had: every further test would only say so again.
    """

    def __init__(self, listener: Listener, *, keep: bool = False) -> None:
        self.tests: list[Test] = []
        self.order: dict[str, int] = {}
        self.interrupted = False
        self._listener = listener
        self._keep = keep
        self._config: pytest.Config | None = None
        self._session: Any = None
        self._open: dict[str, Test] = {}

    @property
    def pool(self) -> Any:
        """The clusters of this process; None: there were none, or the workers have them."""
        return self._config.stash.get(plugin.POOL, None) if self._config else None

    @property
    def outcome(self) -> Outcome:
        """What came of all clusters whose process lived to say so."""
        return plugin.outcome(self._config) if self._config else Outcome()

    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config
        config.stash[plugin.KEEP] = self._keep

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        assert self._config is not None
        self._session = self._config.pluginmanager.getplugin("dsession") or session

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Every worker collects the same."""
        if not self.order:
            self._collected(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            why, place = reason(report), self._place(report)
            self._end(Test(report.nodeid, self._suite(report), "ERROR", why, place=place))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(name == watch.FAILURE for name, _ in report.user_properties):
            self._session.shouldstop = "no cluster"
            return
        found = Test(
            report.nodeid, self._suite(report), status(report), _why(report), round(report.duration, 6),
            self._place(report),
        )  # fmt: skip
        self._open[report.nodeid] = combined(self._open.get(report.nodeid), found)
        if report.when not in ("setup", "call"):  # the last phase, or the end of the worker in which it ran
            self._end(self._open.pop(report.nodeid))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = excinfo.type is KeyboardInterrupt  # pytest's own ways to stop are subclasses

    def _collected(self, ids: Sequence[str]) -> None:
        self.order = {test: place for place, test in enumerate(ids)}
        self._listener.begin(len(ids))

    def _end(self, test: Test) -> None:
        self.tests.append(test)
        self._listener.done(test, len(self.tests))

    def _place(self, report: Report) -> str:
        """`path:line` of what failed, where that is in the test's own file, else of the test."""
        assert self._config is not None
        location: tuple[str, int | None, str] = getattr(report, "location", None) or (report.fspath, None, "")
        path = (self._config.rootpath / location[0]).resolve()
        told = re.match(rf"{re.escape(_shown(path))}:(\d+): ", _why(report) or "")
        if told:
            return f"{_shown(path)}:{told[1]}"
        lines = [number for file, number in _steps(report) if Path(file).resolve() == path]
        return f"{_shown(path)}:{lines[-1] if lines else (location[1] or 0) + 1}"

    def _suite(self, report: Report) -> str:
        assert self._config is not None
        path = self._config.rootpath / report.nodeid.partition("::")[0]
        return suites.of(path) if path.resolve().parent == suites.FOLDER else _shown(path)


def _steps(report: Report) -> Iterator[tuple[str, int]]:
    """File and line of each call on the way to what failed; what failed comes last."""
    trace = getattr(report.longrepr, "reprtraceback", None)
    crash = getattr(report.longrepr, "reprcrash", None)
    for place in (*(getattr(entry, "reprfileloc", None) for entry in getattr(trace, "reprentries", ())), crash):
        if place is not None:
            yield place.path, place.lineno


def status(report: pytest.TestReport) -> Status:
    """What one phase of a test says."""
    for applies, found in _STATUSES:
        if applies(report):
            return found
    return "PASS"


def combined(before: Test | None, phase: Test) -> Test:
    """A test after one more phase: the first phase that is not PASS decides, and durations add up."""
    if before is None:
        return phase
    decisive = before if before.status != "PASS" else phase
    return replace(decisive, duration_s=round(before.duration_s + phase.duration_s, 6))


def reason(report: Report) -> str:
    """The one line that says why: pytest's crash message, else the last line that says something."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).partition("\n")[0].removeprefix("Failed: ").removeprefix("labelproof: ")
    if isinstance(report.longrepr, tuple):  # a skip: path, line, reason
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    text = report.longrepr if isinstance(report.longrepr, str) else report.longreprtext
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    return (errors[-1:] or lines or ["no reason given"])[0]


def _why(report: Report) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    return "" if report.passed else reason(report)


def _vacuous(report: pytest.TestReport) -> bool:
    return report.failed and (watch.VACUOUS, "VACUOUS") in report.user_properties


def _shown(path: Path) -> str:
    """As the user would type it."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


# The first that applies, in this order.
_STATUSES: tuple[tuple[Callable[[pytest.TestReport], bool], Status], ...] = (
    (lambda r: r.skipped and hasattr(r, "wasxfail"), "KNOWN"),
    (lambda r: r.passed and r.when == "call" and hasattr(r, "wasxfail"), "XPASS"),
    (lambda r: r.failed and "[XPASS(strict)]" in r.longreprtext, "XPASS"),
    (lambda r: r.skipped, "SKIP"),
    (lambda r: r.failed and "Timeout (>" in r.longreprtext, "TIMEOUT"),
    (lambda r: r.failed and r.when != "call", "ERROR"),
    (_vacuous, "VACUOUS"),
    (lambda r: r.failed, "FAIL"),
)
