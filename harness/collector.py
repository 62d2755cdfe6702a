"""The runner's ear in pytest: each test's status and reason, and progress while it goes on."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from harness import store, suites
from harness.results import Status, Test
from labelproof import plugin

# Less room than this, and a node that says ENOSPC means the disk of the run.
ROOM_BYTES_MIN = 1 << 20

Report = pytest.TestReport | pytest.CollectReport


class Listener(Protocol):
    """Who shows how the run goes."""

    def begin(self, total: int) -> None:
        """So many tests will run."""

    def done(self, test: Test, number: int) -> None:
        """The `number`-th of them has ended."""


class Collector:
    """A pytest plugin; `tests` has what ended, in order. `stop` says whether, and why, the rest should not run."""

    def __init__(self, listener: Listener, *, keep: bool = False) -> None:
        self.tests: list[Test] = []
        self.pool: Any = None
        self.interrupted = False
        self.total = 0
        self._listener = listener
        self._keep = keep
        self._config: pytest.Config | None = None
        self._open: dict[str, Test] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config
        config.stash[plugin.KEEP] = self._keep

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.total = len(session.items)
        self._listener.begin(self.total)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._end(Test(report.nodeid, self._suite(report), "ERROR", reason(report)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Ends the session where no cluster can be had: every further test would only say so again."""
        report = yield
        self.pool = item.config.stash.get(plugin.POOL, None)
        if self.pool is None:
            return report
        self.pool.failure = self.pool.failure or _full_disk(call, self.pool.run_dir)
        if self.pool.failure is not None:
            item.session.shouldstop = "no cluster"
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.pool is not None and self.pool.failure is not None:
            return
        found = Test(report.nodeid, self._suite(report), status(report), _why(report), round(report.duration, 6))
        self._open[report.nodeid] = combined(self._open.get(report.nodeid), found)
        if report.when == "teardown":
            self._end(self._open.pop(report.nodeid))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = excinfo.type is KeyboardInterrupt  # pytest's own ways to stop are subclasses

    def _end(self, test: Test) -> None:
        self.tests.append(test)
        self._listener.done(test, len(self.tests))

    def _suite(self, report: Report) -> str:
        assert self._config is not None
        path = self._config.rootpath / report.nodeid.partition("::")[0]
        return suites.of(path) if path.resolve().parent == suites.FOLDER else _shown(path)


def _full_disk(call: pytest.CallInfo[None], run_dir: Path) -> OSError | None:
    """The error that explains a test's ENOSPC, where it is the run's own disk that is full: no fault of a label's."""
    error = call.excinfo.value if call.excinfo else None
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    short = store.shortage(run_dir, ROOM_BYTES_MIN) or store.shortage(Path(tempfile.gettempdir()), ROOM_BYTES_MIN)
    return OSError(error.errno, f"the disk is full: {short}") if short else None


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
    return Test(phase.id, phase.suite, decisive.status, decisive.reason, round(before.duration_s + phase.duration_s, 6))


def reason(report: Report) -> str:
    """The one line that says why: pytest's crash message, else the last line that says something."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).partition("\n")[0].removeprefix("Failed: ").removeprefix("labelproof: ")
    if isinstance(report.longrepr, tuple):  # a skip: path, line, reason
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    lines = [line.strip() for line in report.longreprtext.splitlines() if line.strip()]
    errors = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    return (errors[-1:] or lines or ["no reason given"])[0]


def _why(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    return "" if report.passed else reason(report)


def _vacuous(report: pytest.TestReport) -> bool:
    return report.failed and ("labelproof", "VACUOUS") in report.user_properties


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
