"""Labelled clusters for pytest: `labelproof_cluster` boots one, judges each test's own operations, and fails that test.

Loading this module imports none of the packages whose names may be the user's own (`client`, `harness` ...): only a
fixture does, and says so in one sentence where a package of the user's hides one of them.

    def test_label(labelproof_client):
        task = labelproof_client.login("user_u:user_r:user_t:s0")
        task.mkdir("/d")

Settings, the first that is given: option, environment (LABELPROOF_RUNTIME ...), ini key, [tool.labelproof], default.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest

from labelproof import marker, options, packages

if TYPE_CHECKING:
    from harness.asked import Asked
    from harness.clusters import Cluster
    from harness.judgement import Outcome
    from harness.nodes import ClientNode
    from harness.policy import Policy
    from harness.pool import Pool
    from harness.profile import Profile
    from harness.spec import ClusterSpec

# In config.stash: the clusters of the session, once a test has asked for one; whether they stay when it ends.
POOL: pytest.StashKey[Pool] = pytest.StashKey()
KEEP: pytest.StashKey[bool] = pytest.StashKey()
# Of pytest-xdist: what ended workers handed over; of a worker, the process that started it.
WORKERS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
PARENT: pytest.StashKey[int] = pytest.StashKey()
FEWER: pytest.StashKey[str] = pytest.StashKey()

MARKER = (
    "labelproof(**fields): on a test, a class or a module (pytestmark), the kind of cluster wanted: runtime, nodes,"
    " lsm, mode, policy, profile, and the fields of ClusterSpec, as nodes='oss=3,client=2' or mode='permissive'"
)
T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    if hasattr(config, "workerinput"):
        config.stash[PARENT] = os.getppid()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Label tests in YAML (docs/cases.md)."""
    return _cases(file_path, parent) if file_path.name.endswith(".labels.yaml") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the marker says reaches the fixtures as a parameter that no name shows; a wrong field is an error here."""
    if metafunc.definition.get_closest_marker("labelproof") is None:
        return
    try:
        fields = marker.wanted(metafunc.definition)
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)
    if "labelproof_fields" in metafunc.fixturenames:
        metafunc.parametrize("labelproof_fields", [fields], indirect=True, ids=[pytest.HIDDEN_PARAM], scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Brings tests that want the same kind of cluster together; everything else keeps its place."""
    places = [place for place, item in enumerate(items) if "labelproof_cluster" in getattr(item, "fixturenames", ())]
    wanted = sorted((items[place] for place in places), key=lambda item: marker.flavour(marker.wanted(item)))
    for place, item in zip(places, wanted, strict=True):
        items[place] = item


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """What `-n auto` is where this project's tests use clusters, for which there has to be room."""
    return _fitting(config, "auto")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """A number given with -n may be too many as well."""
    given = getattr(config.option, "numprocesses", None)
    if isinstance(given, int) and given > 0 and (number := _fitting(config, given)):
        config.option.numprocesses = number
    return (yield)


def pytest_report_header(config: pytest.Config) -> str | None:
    """A line only where there are fewer workers than `-n auto` would have had."""
    said = config.stash.get(FEWER, "")
    return f"labelproof: {said}" if said else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended and hands over what came of its clusters; one that was killed hands over nothing."""
    output = getattr(node, "workeroutput", None) or {}
    if "labelproof" in output:
        node.config.stash.setdefault(WORKERS, []).append(output["labelproof"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Two lines, and only where a cluster was asked for."""
    if POOL not in config.stash and WORKERS not in config.stash:
        return
    from harness import asked

    found = outcome(config)
    numbers = found.judgement.numbers or {}
    # Denials are counted where a control shows that nothing else was in the way: by our own suites.
    told = ("operations", "decisions", "labels", *(("denials",) if numbers.get("denials") else ()))
    counts = ", ".join(f"{numbers.get(name, 0)} {name}" for name in told)
    many = f", {len(found.folders)} clusters" if len(found.folders) > 1 else ""
    terminalreporter.write_line(
        f"labelproof: judged {counts} on {asked.setting(config, 'runtime')}{many}; seed {asked.setting(config, 'seed')}"
    )
    terminalreporter.write_line(f"labelproof: `labelproof check {found.run_dir}` judges the history again")


def outcome(config: pytest.Config) -> Outcome:
    """What came of the clusters of this session: of its own and of its workers'."""
    from harness.judgement import Outcome, together

    own = [config.stash[POOL].outcome()] if POOL in config.stash else []
    return together([*own, *map(Outcome.from_json, config.stash.get(WORKERS, ()))])


def profile(config: pytest.Config) -> Profile:
    """Who is who in the policy asked for, for a suite that has a test for each. Raises pytest.UsageError."""
    from harness.asked import Asked

    try:
        return Asked(config, {}).profile()
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"labelproof: {error}") from error


@pytest.fixture(scope="session")
def labelproof_pool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The clusters of this process, by kind."""
    if hidden := packages.hidden():
        pytest.fail(hidden, pytrace=False)
    from harness import asked, workers
    from harness.judgement import sentences
    from harness.pool import Pool
    from harness.watch import Watch

    config = request.config
    runtime, seed = asked.setting(config, "runtime"), asked.setting(config, "seed")
    if PARENT in config.stash:
        _or_fail(lambda: workers.die_with_parent(config.stash[PARENT]))
    pool = _or_fail(lambda: Pool(runtime, _run_dir(config, tmp_path_factory), worker=_worker(config)))
    pool.begin(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])
    config.stash[POOL] = pool
    config.pluginmanager.register(Watch(pool, _again(config), seed))
    yield pool
    if late := sentences(pool.close(keep=config.stash.get(KEEP, False)).late):
        pytest.fail(late, pytrace=False)


@pytest.fixture(scope="module")
def labelproof_fields(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the test's marker asks for; nothing where it has none."""
    return dict(getattr(request, "param", {}))


@pytest.fixture(scope="module")
def labelproof_asked(request: pytest.FixtureRequest, labelproof_fields: dict[str, Any], labelproof_pool: Pool) -> Asked:
    """The marker's fields over the session's settings."""
    from harness.asked import Asked

    return Asked(request.config, labelproof_fields)


@pytest.fixture(scope="module")
def labelproof_policy(labelproof_asked: Asked) -> Policy | None:
    """The policy that the cluster boots with, with its profile's grants; None where SELinux is disabled.

    Override it to test another.
    """
    return _or_fail(labelproof_asked.policy)


@pytest.fixture(scope="module")
def labelproof_profile(labelproof_asked: Asked) -> Profile:
    """Who is who in the policy asked for: contexts to log in with, labels of directories, names."""
    return _or_fail(labelproof_asked.profile)


@pytest.fixture(scope="module")
def labelproof_spec(labelproof_asked: Asked, labelproof_policy: Policy | None) -> ClusterSpec:
    """What cluster the test gets: the marker's fields over the defaults. Override it for anything else."""
    return _or_fail(lambda: labelproof_asked.spec(labelproof_policy))


@pytest.fixture(scope="module")
def labelproof_cluster(labelproof_spec: ClusterSpec, labelproof_asked: Asked, labelproof_pool: Pool) -> Cluster:
    """A running cluster; tests that want the same kind share it. Its `test` is the id of the test under way."""
    runtime = labelproof_asked.runtime
    if labelproof_asked.own_runtime and (reason := _or_fail(lambda: labelproof_pool.lacking(runtime))):
        pytest.skip(f"labelproof: runtime {runtime}: {reason}")
    return _or_fail(lambda: labelproof_pool.get(labelproof_spec, runtime).cluster)


@pytest.fixture(scope="module")
def labelproof_client(labelproof_cluster: Cluster) -> ClientNode:
    """The first client node: `login(context)` gives a task with system calls as methods."""
    return labelproof_cluster.client()


@pytest.fixture
def labelproof_dir(labelproof_cluster: Cluster, labelproof_profile: Profile) -> str:
    """The path of a directory of the test's own, new and open to all, labelled as the profile's `inherit`."""
    from harness import subtree

    return _or_fail(lambda: subtree.fresh(labelproof_cluster, labelproof_profile))


@pytest.fixture
def labelproof_history(labelproof_cluster: Cluster, labelproof_pool: Pool) -> Callable[..., list[dict[str, Any]]]:
    """A function that gives the test's own events so far: `labelproof_history("avc", allowed=False)`."""
    from harness.history import History

    def select(e: str | None = None, **fields: object) -> list[dict[str, Any]]:
        return History(tuple(labelproof_pool.events())).select(e, **fields)

    return select


def _fitting(config: pytest.Config, asked_for: int | Literal["auto"]) -> int | None:
    """How many workers there will be; None where this project has said nothing of clusters."""
    if not options.given(config) or packages.hidden():
        return None
    from harness import asked, workers

    try:
        number, said = workers.fitting(asked_for, asked.setting(config, "runtime"))
    except ValueError as error:
        raise pytest.UsageError(f"labelproof: {error}") from error
    config.stash[FEWER] = said or ""
    return number


def _cases(path: Path, parent: pytest.Collector) -> pytest.Module:
    if hidden := packages.hidden():
        raise parent.CollectError(hidden)
    from harness.cases.item import CaseFile

    found: pytest.Module = CaseFile.from_parent(parent, path=path)
    return found


def _worker(config: pytest.Config) -> str:
    """Which worker of pytest-xdist this process is; empty: none."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


def _run_dir(config: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder asked for; else a temporary one that pytest keeps. All workers of a run have the same."""
    wanted = config.getoption("--labelproof-run-dir")
    if wanted is not None:
        return Path(wanted).absolute()
    if _worker(config):
        return tmp_path_factory.getbasetemp().parent / "labelproof"
    return tmp_path_factory.mktemp("labelproof", numbered=True)


def _again(config: pytest.Config) -> str:
    """The command that runs one test again, with {} in its place; in front of it what the environment has to say."""
    from harness import asked, choices

    given = config.getoption("--labelproof-again")
    if given:
        return str(given)
    values = {name: asked.setting(config, name) for name in options.SETTINGS}
    said = [f"LABELPROOF_{n.upper()}={shlex.quote(v)}" for n, v in choices.exported(values["runtime"]).items()]
    return " ".join([*said, "pytest {}", *(f"--labelproof-{n}={shlex.quote(v)}" for n, v in values.items() if v)])


def _or_fail(make: Callable[[], T]) -> T:
    """What `make` gives; an error of the user's or the machine's is one line, not a traceback of ours."""
    try:
        return make()
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        pytest.fail(f"labelproof: {error}", pytrace=False)
