"""The runner: what a run leaves, and what each ending means."""

import json
import os
import shlex
import signal
import textwrap
from pathlib import Path

import jsonschema
import pytest

import sepol
from harness import choices, clusters, results, runner, store, suites, workers
from harness.clusters import ClusterError
from harness.results import Exit, Test
from harness.runner import RunOptions, RunResult
from harness.store import Store

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.total = 0
        self.tests: list[Test] = []

    def begin(self, total: int) -> None:
        self.total = total

    def done(self, test: Test, number: int) -> None:
        assert number == len(self.tests) + 1
        self.tests.append(test)


class Broken:
    """A runtime whose clusters never come up."""

    name = "broken"
    started = 0

    def available(self) -> str | None:
        return None

    def start(self, spec: object, run_dir: Path) -> clusters.Cluster:
        Broken.started += 1
        raise ClusterError("node mds0 ended with status 1: Address already in use; end what listens there")


class Absent(Broken):
    """A runtime that this machine cannot run."""

    def available(self) -> str | None:
        return "no engine answers; start one"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run in a folder of its own; the compiled policies are shared, to save their compilation."""
    for name in [name for name in os.environ if name.startswith("LABELPROOF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in (("broken", Broken), ("absent", Absent)):
        monkeypatch.setitem(clusters.RUNTIMES, name, kind)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Store:
    home = Store(tmp_path / ".labelproof")
    home.cache = cache
    home.prepare()
    (home.root / "cache").symlink_to(cache)
    return home


def run(home: Store, text: str, *, listener: Heard | None = None, **options: object) -> RunResult:
    """Runs tests with this text in the simulator."""
    # Each test file has a name of its own: modules of one name are one module.
    path = home.root.parent / f"test_{home.root.parent.name}.py"
    path.write_text(textwrap.dedent(text))
    wanted = RunOptions([str(path)], **{"runtime": "sim", "seed": 7, **options})
    return runner.run(wanted, home, listener or Heard())


PASSING = f"""
    def test_mkdir(labelproof_client):
        labelproof_client.login({ADMIN!r}, uid=0, caps="all").mkdir("/d")
"""


def test_a_run_that_passes_leaves_everything(home: Store) -> None:
    """Every file of the documented folder is there, and results.json satisfies its schema."""
    heard = Heard()

    result = run(home, PASSING, listener=heard)

    data = json.loads(result.run.results.read_text())
    jsonschema.validate(data, results.json_schema())
    assert (result.exit, data["verdict"]) == (Exit.PASSED, "pass"), data["reason"]
    assert {checker["valid"] for checker in data["checkers"]} == {"valid"}
    assert data["judged"]["operations"] == 1
    assert data["judged"]["second_engine"] == data["judged"]["decisions"] > 0
    assert [test.status for test in heard.tests] == ["PASS"]
    names = {path.name for path in result.run.path.iterdir()}
    assert {"results.json", "junit.xml", "report.html", "audit.log", "history", "policy", "policy.33", "logs"} <= names
    assert (result.run.path / "policy.33").read_bytes()
    assert result.replay.endswith("--runtime sim --lsm enforcing --policy targeted --seed 7")


def test_the_replay_says_which_cluster(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many nodes, whoever said so; of a cluster that was taken over, which one."""
    monkeypatch.setenv("LABELPROOF_NODES", "oss=1")
    monkeypatch.setenv("LABELPROOF_CLUSTER", "my lab")

    result = run(home, PASSING)

    assert result.replay.partition(" --nodes ")[2].partition(" --seed")[0] == "oss=1"
    assert choices.exported("compose") == {"nodes": "oss=1", "cluster": "my lab"}


def test_the_place_is_the_users_line(home: Store) -> None:
    """Where a call of the test's own ends in an error of ours, the line is that of the call, not that of the test."""
    result = run(home, PASSING + f"        labelproof_client.login({ADMIN!r}, uid=0).rmdir('/none')\n")

    (test,) = result.results.tests
    assert test.status == "FAIL"
    assert test.place.endswith(".py:4"), test


@pytest.mark.parametrize("expression", ["mkdir", "test_mkdir and not (nonesuch or another)"])
def test_the_replay_can_be_pasted(home: Store, expression: str) -> None:
    """A shell reads from it the words that were given, whatever stands in them."""
    folder = home.root.parent / "it's mine"
    folder.mkdir()
    path = folder / f"test_{home.root.parent.name}.py"
    path.write_text(textwrap.dedent(PASSING))
    options = RunOptions([str(path)], "sim", seed=7, expression=expression)

    result = runner.run(options, home, Heard())

    words = shlex.split(result.replay)
    assert words[:3] == ["labelproof", "run", str(path)]
    assert words[words.index("-k") + 1] == expression
    assert "-n" not in words


def test_the_replay_of_one_process(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suites as a whole are shared by workers where nobody says otherwise: who said -n 0 gets it again."""
    monkeypatch.setattr(workers, "usual", lambda runtime: 3)
    monkeypatch.setattr(suites, "SUITES", ("lustre_selinux",))
    monkeypatch.setattr(runner, "_pytest", lambda *rest: 0)

    assert " -n 0 --seed" in runner.run(RunOptions([], "processes", seed=7), home, Heard()).replay
    assert " -n 2 --seed" in runner.run(RunOptions([], "processes", seed=7, workers=2), home, Heard()).replay
    assert " -n " not in runner.run(RunOptions([], "processes", seed=7, expression="a"), home, Heard()).replay


def test_the_replay_of_a_run_inside(home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a compose project it is what was typed outside; how the nodes are found from inside is left out."""
    monkeypatch.setenv("LABELPROOF_TYPED", "labelproof compose")
    monkeypatch.setenv("LABELPROOF_CLUSTER", "mds:7000")

    result = run(home, PASSING)

    assert result.replay.startswith("labelproof compose /")
    assert choices.exported("compose") == {}


def test_operations_carry_their_test(home: Store) -> None:
    """The id in the history is the id in results.json."""
    result = run(home, PASSING)

    lines = (result.run.path / "history" / "harness.jsonl").read_text().splitlines()
    ids = {event["test"] for event in map(json.loads, lines) if event["e"] == "op"}
    assert ids == {test.id for test in result.results.tests}


def test_statuses(home: Store) -> None:
    """One test of each kind; the reason of each is one line."""
    result = run(
        home,
        """
        import pytest

        def test_pass(): pass
        def test_fail(): assert 1 == 2, "arithmetic"
        def test_vacuous(labelproof_client): pass
        @pytest.fixture
        def broken(): raise OSError("fixture")
        def test_error(broken): pass
        @pytest.mark.skip(reason="not here")
        def test_skip(): pass
        @pytest.mark.xfail(reason="T-1")
        def test_known(): assert False
        @pytest.mark.xfail(reason="T-2")
        def test_xpass(): pass
        @pytest.mark.xfail(reason="T-3", strict=True)
        def test_strict(): pass
        @pytest.mark.timeout(0.05)
        def test_timeout():
            while True: pass
        """,
    )

    found = {test.id.partition("::test_")[2]: test for test in result.results.tests}
    assert {name: test.status for name, test in found.items()} == {
        "pass": "PASS", "fail": "FAIL", "vacuous": "VACUOUS", "error": "ERROR", "skip": "SKIP", "known": "KNOWN",
        "xpass": "XPASS", "strict": "XPASS", "timeout": "TIMEOUT",
    }  # fmt: skip
    assert found["fail"].reason.startswith("AssertionError: arithmetic")
    assert (found["skip"].reason, found["known"].reason) == ("not here", "T-1")
    assert result.exit == Exit.FAILED


def test_a_file_that_does_not_import_is_an_error(home: Store) -> None:
    """It fails the run rather than vanish from it."""
    result = run(home, "import nonesuch_at_all")

    assert [test.status for test in result.results.tests] == ["ERROR"]
    assert "nonesuch_at_all" in result.results.tests[0].reason
    assert result.exit == Exit.FAILED


def test_two_kinds_of_cluster_in_one_run(home: Store) -> None:
    """The second has its history in a folder of its own, and all are judged and counted."""
    other = home.root.parent / "test_of_permissive.py"
    other.write_text(
        f"import pytest\npytestmark = pytest.mark.labelproof(mode='permissive')\n{textwrap.dedent(PASSING)}"
    )

    result = run(home, PASSING)
    both = runner.run(RunOptions([str(home.root.parent)], runtime="sim", seed=7), home, Heard())

    assert [part.name for part in both.run.parts()] == [both.run.id, "cluster-2"]
    assert both.results.judged.operations == 2 * result.results.judged.operations
    assert both.results.judged.distinct_decisions >= result.results.judged.distinct_decisions
    assert both.exit == Exit.PASSED, both.results.reason


def test_a_cluster_that_does_not_start_ends_the_run(home: Store, runtimes: None) -> None:
    """One attempt, one sentence, the exit code for a machine that cannot."""
    Broken.started = 0

    result = run(home, PASSING + PASSING.replace("test_mkdir", "test_again"), runtime="broken")

    assert (result.exit, result.results.verdict) == (Exit.UNAVAILABLE, "inconclusive")
    assert "Address already in use; end what listens there" in result.results.reason
    assert Broken.started == 1


def test_what_cannot_be_run_is_refused_before_anything_is_made(
    home: Store, runtimes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown suite, runtime that cannot run, full disk, missing libsepol: no run is left behind."""
    with pytest.raises(LookupError, match="no suite or path 'nonesuch'; the suites are " + ", ".join(suites.SUITES)):
        runner.run(RunOptions(["nonesuch"]), home, Heard())
    with pytest.raises(runner.Unavailable, match="runtime absent: no engine answers; start one"):
        run(home, PASSING, runtime="absent")
    with pytest.raises(ValueError, match="no runtime 'warp'"):
        run(home, PASSING, runtime="warp")
    with monkeypatch.context() as patch:
        patch.setattr(store, "shortage", lambda *_: "the disk is full")
        with pytest.raises(runner.Unavailable, match="the disk is full; free some, or set --store"):
            run(home, PASSING)
        patch.setattr(store, "shortage", lambda path, _: None if path == home.root else f"{path} is full")
        with pytest.raises(runner.Unavailable, match="is full; free some, or set TMPDIR"):
            run(home, PASSING)
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", "/nonesuch.so")
    with pytest.raises(sepol.Missing):
        run(home, PASSING)

    assert home.runs() == []


def test_nothing_selected_leaves_no_run(home: Store) -> None:
    """The link still points to the run before."""
    first = run(home, PASSING)

    with pytest.raises(LookupError, match="matches -k 'nonesuch'"):
        run(home, PASSING, expression="nonesuch")

    assert [found.id for found in home.runs()] == [first.run.id]
    assert home.find("latest").id == first.run.id


def test_an_interrupt_keeps_what_was_done(home: Store) -> None:
    """The cluster is stopped, the judges give their word, and the run says that it was interrupted."""
    interrupting = (
        PASSING
        + f"""
    def test_interrupted(labelproof_client):
        import os, signal
        labelproof_client.login({ADMIN!r}, uid=0, caps="all").mkdir("/e")
        os.kill({os.getpid()}, {int(signal.SIGINT)})

    def test_never(): pass
    """
    )

    result = run(home, interrupting)

    assert (result.exit, result.results.interrupted) == (Exit.INTERRUPTED, True)
    assert [test.status for test in result.results.tests] == ["PASS"]
    assert result.results.reason == "interrupted after 1 tests, none of which failed"
    assert result.results.judged.operations == 2
    assert {checker.valid for checker in result.results.checkers} == {"valid"}


def test_a_kept_cluster_is_up_and_judged(home: Store) -> None:
    """`keep` hands the cluster over; what was done on it has its verdict already."""
    result = run(home, PASSING, keep=True)
    try:
        task = result.kept[0].client().login(ADMIN, uid=0, caps="all")
        found = task.stat("/d")
    finally:
        for kept in result.kept:
            kept.stop()

    assert found.labels["security.selinux"]
    assert result.exit == Exit.PASSED, result.results.reason
