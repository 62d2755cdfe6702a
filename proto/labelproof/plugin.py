"""Labelled clusters for pytest: `labelproof_cluster` boots one, judges each test's own operations, and fails that test.

Loading this module imports none of the packages whose names may be the user's own (`client`, `harness` ...): only a
fixture does, and says so in one sentence where a package of the user's hides one of them.

    def test_label(labelproof_client):
        task = labelproof_client.login("user_u:user_r:user_t:s0")
        task.mkdir("/d")

Settings, the first that is given: option, environment (LABELPROOF_RUNTIME ...), ini key, [tool.labelproof], default.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from harness.clusters import Cluster
    from harness.nodes import ClientNode
    from harness.policy import Policy
    from harness.pool import Pool
    from harness.profile import Profile
    from harness.spec import ClusterSpec

# In config.stash: the clusters of the session, once a test has asked for one; whether they stay when it ends.
POOL: pytest.StashKey[Pool] = pytest.StashKey()
KEEP: pytest.StashKey[bool] = pytest.StashKey()

PACKAGES = ("client", "harness", "host", "ldlm", "lsm", "mds", "oss", "rpc", "sepol")
VACUOUS = (
    "labelproof: VACUOUS: the test asked for a cluster and did nothing on it that is recorded, so nothing was judged"
)
MARKER = (
    "labelproof(**fields): on a module (pytestmark), the kind of cluster that its tests want: fields of ClusterSpec,"
    " as client=3 or mode='permissive'"
)
# setting -> (what it is, default)
SETTINGS = {
    "runtime": ("how nodes run: processes, inprocess or sim", "processes"),
    "policy": ("targeted, mls, or a policy file: compiled, or CIL", "targeted"),
    "profile": ("TOML file that says who is who in the policy; targeted and mls have their own", ""),
    "lsm": ("the SELinux module on every node: enforcing, permissive or disabled", "enforcing"),
    "seed": ("seed of everything random", "0"),
}

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("labelproof", "labelproof: labelled clusters")
    for name, (text, default) in SETTINGS.items():
        group.addoption(f"--labelproof-{name}", default=None, help=f"{text} (default: {default})")
        parser.addini(f"labelproof_{name}", f"as --labelproof-{name}")
    group.addoption("--labelproof-run-dir", default=None, help="folder for history, logs and policies of the clusters")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Label tests in YAML (docs/cases.md)."""
    return _cases(file_path, parent) if file_path.name.endswith(".labels.yaml") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Brings modules that want the same kind of cluster together; everything else keeps its place."""
    places = [place for place, item in enumerate(items) if _asks(item)]
    wanted = sorted((items[place] for place in places), key=_flavour)
    for place, item in zip(places, wanted, strict=True):
        items[place] = item


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What follows is this test's; its operations carry its id."""
    pool = item.config.stash.get(POOL, None)
    if pool is not None:
        pool.begin(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Judges what the test did, at the moment it is done: what the checkers find is this test's failure."""
    pool = item.config.stash.get(POOL, None)
    if pool is None or not _asks(item):
        yield
        return
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        for line in _judged(pool).splitlines():
            error.add_note(line)
        raise
    if found := _judged(pool):
        pytest.fail(found, pytrace=False)
    if pool.vacuous:
        item.user_properties.append(("labelproof", "VACUOUS"))
        pytest.fail(VACUOUS, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Judges what the fixtures did after the test."""
    yield
    pool = item.config.stash.get(POOL, None)
    if pool is not None and _asks(item) and (found := _judged(pool)):
        pytest.fail(found, pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Two lines, and only where a cluster was asked for."""
    pool = config.stash.get(POOL, None)
    if pool is None:
        return
    numbers = pool.judgement.numbers or {}
    counts = ", ".join(f"{numbers.get(name, 0)} {name}" for name in ("operations", "decisions", "labels", "denials"))
    terminalreporter.write_line(f"labelproof: judged {counts} on {pool.runtime}; seed {_setting(config, 'seed')}")
    terminalreporter.write_line(f"labelproof: `labelproof check {pool.run_dir}` judges the history again")


@pytest.fixture(scope="session")
def _labelproof_pool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    if hidden := _hidden():
        pytest.fail(hidden, pytrace=False)
    from harness.pool import Pool, sentences

    config = request.config
    pool = _or_fail(lambda: Pool(_setting(config, "runtime"), _run_dir(config, tmp_path_factory)))
    pool.begin(os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0])
    config.stash[POOL] = pool
    yield pool
    if late := sentences(pool.close(keep=config.stash.get(KEEP, False)).late):
        pytest.fail(late, pytrace=False)


def profile(config: pytest.Config) -> Profile:
    """Who is who in the policy asked for, for a suite that has a test for each. Raises pytest.UsageError."""
    from harness import choices
    from harness.profile import of

    policy = _setting(config, "policy")
    try:
        return choices.profile(_setting(config, "profile"), policy) or of(policy)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"labelproof: {error}") from error


@pytest.fixture(scope="session")
def labelproof_policy(request: pytest.FixtureRequest, _labelproof_pool: Pool) -> Policy | None:
    """The policy that clusters boot with, with its profile's grants; None where SELinux is disabled.

    Override it to test another.
    """
    from harness import choices, settings
    from harness.store import Store

    config = request.config
    if _setting(config, "lsm") == "disabled":
        return None
    store = Store(settings.load(Path.cwd()).store)
    store.prepare()
    return _or_fail(lambda: choices.booted(_setting(config, "policy"), _setting(config, "profile"), store.cache)[0])


@pytest.fixture(scope="session")
def labelproof_profile(request: pytest.FixtureRequest) -> Profile:
    """Who is who in the policy asked for: contexts to log in with, labels of directories, names."""
    return profile(request.config)


@pytest.fixture(scope="module")
def labelproof_spec(request: pytest.FixtureRequest, labelproof_policy: Policy | None) -> ClusterSpec:
    """What cluster the module's tests get: the marker's fields over the defaults. Override it for anything else."""
    from harness import choices

    config = request.config
    mode, seed, file = (_setting(config, name) for name in ("lsm", "seed", "profile"))
    spec = _or_fail(
        lambda: choices.spec(labelproof_policy, mode, int(seed), choices.profile(file, "") if file else None)
    )
    marker = request.node.get_closest_marker("labelproof")
    return _or_fail(lambda: replace(spec, **marker.kwargs)) if marker else spec


@pytest.fixture(scope="module")
def labelproof_cluster(labelproof_spec: ClusterSpec, _labelproof_pool: Pool) -> Cluster:
    """A running cluster; modules that want the same kind share it. Its `test` is the id of the test under way."""
    return _or_fail(lambda: _labelproof_pool.get(labelproof_spec).cluster)


@pytest.fixture(scope="module")
def labelproof_client(labelproof_cluster: Cluster) -> ClientNode:
    """The first client node: `login(context)` gives a task with system calls as methods."""
    return labelproof_cluster.client()


@pytest.fixture
def labelproof_history(labelproof_cluster: Cluster, _labelproof_pool: Pool) -> Callable[..., list[dict[str, Any]]]:
    """A function that gives the test's own events so far: `labelproof_history("avc", allowed=False)`."""
    from harness.history import History

    def select(e: str | None = None, **fields: object) -> list[dict[str, Any]]:
        return History(tuple(_labelproof_pool.events())).select(e, **fields)

    return select


def _cases(path: Path, parent: pytest.Collector) -> pytest.Module:
    if hidden := _hidden():
        raise parent.CollectError(hidden)
    from harness.cases.item import CaseFile

    found: pytest.Module = CaseFile.from_parent(parent, path=path)
    return found


def _asks(item: pytest.Item) -> bool:
    return "labelproof_cluster" in getattr(item, "fixturenames", ())


def _flavour(item: pytest.Item) -> str:
    marker = item.get_closest_marker("labelproof")
    return repr(sorted(marker.kwargs.items())) if marker else ""


def _judged(pool: Pool) -> str:
    from harness.pool import sentences

    return sentences(pool.judge())


def _setting(config: pytest.Config, name: str) -> str:
    """Option, environment, ini key, the project's settings, default: the first that is given."""
    from harness import settings

    given: Sequence[Any] = (
        config.getoption(f"--labelproof-{name}"),
        os.environ.get(f"LABELPROOF_{name.upper()}"),
        config.getini(f"labelproof_{name}"),
        settings.load(Path.cwd()).values.get(name),
    )
    return str(next((value for value in given if value not in {None, ""}), SETTINGS[name][1]))


def _run_dir(config: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder asked for, with one in it for each worker of pytest-xdist; else a temporary one that pytest keeps."""
    wanted = config.getoption("--labelproof-run-dir")
    if wanted is None:
        return tmp_path_factory.mktemp("labelproof", numbered=True)
    return Path(wanted).absolute() / os.environ.get("PYTEST_XDIST_WORKER", "")


def _or_fail(make: Callable[[], T]) -> T:
    """What `make` gives; an error of the user's or the machine's is one line, not a traceback of ours."""
    try:
        return make()
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        pytest.fail(f"labelproof: {error}", pytrace=False)


def _hidden() -> str | None:
    """The sentence about the first package of ours that another one hides, or None."""
    here = Path(__file__).resolve().parent.parent
    roots = {here, here.parent} if here.name == "proto" else {here}
    for name in PACKAGES:
        origin = _origin(name)
        if origin is None or origin.parent.parent not in roots:
            found = f"comes from {origin}" if origin else "is not found"
            return (
                f"labelproof: the package {name!r} {found}, not from labelproof; run these tests with"
                f" `labelproof run PATH`, or rename that package"
            )
    return None


def _origin(name: str) -> Path | None:
    """The __init__.py that `import name` would load."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # imported already, and without a spec
        return None
    return Path(spec.origin).resolve() if spec and spec.origin else None
