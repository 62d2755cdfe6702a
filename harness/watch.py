"""What happens around each test with a cluster: whose operations these are, the judges' word, a failure's evidence.

A plugin of pytest, registered with the first cluster: a session in which no test asks for one has none of these hooks.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from harness import autopsy, store
from harness.clusters.clean import Dirty
from harness.judgement import sentences
from harness.pool import Member, Pool

# Less room than this, and a node that says ENOSPC means the disk of the run.
ROOM_BYTES_MIN = 1 << 20
# In a report's user_properties: nothing was judged; no cluster can be had, and why.
VACUOUS = "labelproof"
FAILURE = "labelproof.failure"

_VACUOUS = (
    "labelproof: VACUOUS: the test asked for a cluster and did nothing on it that is recorded, so nothing was judged"
)
_FIXTURE = "labelproof_cluster"


class Watch:
    """`again` is the command that runs one test again, with `{}` in its place; `seed` is of everything random."""

    def __init__(self, pool: Pool, again: str, seed: str) -> None:
        self._pool = pool
        self._again = again
        self._seed = seed
        self._fixture: tuple[Any, Any] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What follows is this test's; its operations carry its id."""
        self._pool.begin(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Judges what the test did, at the moment it is done: what the checkers find is this test's failure."""
        __tracebackhide__ = True
        if not asks(item):
            yield
            return
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            for line in self._judged().splitlines():
                error.add_note(line)
            raise
        if found := self._judged():
            pytest.fail(found, pytrace=False)
        if self._pool.vacuous:
            item.user_properties.append((VACUOUS, "VACUOUS"))
            pytest.fail(_VACUOUS, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What fixtures of several tests set up on a cluster is theirs, not the first test's."""
        if fixturedef.argname == _FIXTURE:
            self._fixture = fixturedef, request
        if fixturedef.scope == "function" or fixturedef.argname.startswith("labelproof_"):
            return (yield)
        with self._pool.lasting(request.node):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, None, None]:  # fmt: skip
        """Cleans the cluster, and judges what the fixtures did after the test."""
        yield
        if not asks(item):
            return
        member = self._member(item)
        dirty = _left(member, nextitem) if member in self._pool.members else None
        found = self._judged()
        if dirty is not None:
            self._replace(member, dirty, item)
        if found:
            pytest.fail(found, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failure's evidence, and the properties that junit.xml shows of a test."""
        report = yield
        pool = self._pool
        pool.failure = pool.failure or _full_disk(call, pool.run_dir)
        if pool.failure is not None:
            report.user_properties.append((FAILURE, str(pool.failure)))
        if (member := self._member(item)) is not None:
            found = autopsy.Autopsy(member, self._seed, autopsy.again(self._again, item))
            if report.failed:
                report.sections += found.sections()
            if report.failed or report.when == "teardown":  # the ones of which junit.xml takes the properties
                report.user_properties += found.properties()
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker hands over what came of its clusters."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            self._pool.close()
            output["labelproof"] = self._pool.outcome().to_json()

    def _member(self, item: pytest.Item) -> Member | None:
        """The test's own cluster; None where its setup got not so far."""
        return self._pool.member(getattr(item, "funcargs", {}).get(_FIXTURE))

    def _replace(self, member: Member | None, reason: str, item: pytest.Item) -> None:
        """Gives a cluster up that could not be cleaned; the next test that asks for its kind has a new one."""
        if self._fixture is not None:
            fixturedef, request = self._fixture
            with suppress(Exception):  # what stands on the cluster is given up with it
                fixturedef.finish(request)
        if member is not None:
            self._pool.drop(member)
        item.warn(pytest.PytestWarning(f"labelproof: the cluster was replaced, as this test left it dirty: {reason}"))

    def _judged(self) -> str:
        return sentences(self._pool.judge())


def _left(member: Member | None, nextitem: pytest.Item | None) -> str | None:
    """What is left on a cluster that cannot be cleaned; None: it is clean."""
    try:
        if member is not None:
            member.clean(nextitem.listchain() if nextitem else ())
    except Dirty as error:
        return str(error)
    return None


def asks(item: pytest.Item) -> bool:
    """Whether the test has a cluster."""
    return _FIXTURE in getattr(item, "fixturenames", ())


def _full_disk(call: pytest.CallInfo[None], run_dir: Path) -> OSError | None:
    """The error that explains a test's ENOSPC, where it is the run's own disk that is full: no fault of a label's."""
    error = call.excinfo.value if call.excinfo else None
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    short = store.shortage(run_dir, ROOM_BYTES_MIN) or store.shortage(Path(tempfile.gettempdir()), ROOM_BYTES_MIN)
    return OSError(error.errno, f"the disk is full: {short}") if short else None
