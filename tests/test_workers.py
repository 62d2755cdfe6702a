"""Tests spread over workers of pytest-xdist, each with clusters of its own: one run, whoever ran which test."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
USES = f"""\
import pytest

@pytest.fixture
def task(labelproof_client):
    return labelproof_client.login({ADMIN!r}, uid=0, caps="all")
"""
MANY = (
    USES
    + """
@pytest.mark.parametrize("n", range(8))
def test_many(task, labelproof_dir, n):
    task.mkdir(f"{labelproof_dir}/d")

@pytest.mark.labelproof(client=1)
@pytest.mark.parametrize("n", range(4))
def test_other(task, labelproof_dir, labelproof_cluster, n):
    task.mkdir(f"{labelproof_dir}/d")
    assert "client1" not in labelproof_cluster.nodes
"""
)
WRONG = (
    USES
    + """
import sys

def test_fails(task, labelproof_cluster, labelproof_dir):
    task.mkdir(f"{labelproof_dir}/d")
    (labelproof_cluster.run_dir / "logs" / "mds0.log").open("a").write("oh " + "dear\\n")
    assert 1 == 2

def test_passes(task, labelproof_dir):
    task.mkdir(f"{labelproof_dir}/d")
"""
)
Command = Callable[..., tuple[int, str]]
PROGRAMS = {"pytest": ("-m", "pytest"), "labelproof": ("-c", "from harness.cli import main; main()")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all runs go, so that policies are compiled once."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def folder(tmp_path: Path, store: Path) -> Path:
    """A project of a user's."""
    (tmp_path / "labelproof.toml").write_text(f'store = "{store}"\n')
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    """Without what this very session has told its own workers."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "LABELPROOF_"))}


@pytest.fixture
def call(folder: Path, environment: dict[str, str]) -> Command:
    """Runs a program in a folder with this test file: exit code, and what it printed."""

    def call(program: str, text: str, *arguments: str) -> tuple[int, str]:
        (folder / "test_user.py").write_text(text)
        command = [sys.executable, "-P", *PROGRAMS[program], *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return call


def spread(call: Command, text: str, *options: str) -> tuple[int, str]:
    return call("pytest", text, "-p", "no:cacheprovider", "-n", "2", "--labelproof-runtime=sim", *options)


def results(store: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((store / "runs/latest/results.json").read_text())
    return data


def test_plain_pytest_spreads_tests_and_merges_what_was_judged(call: Command, folder: Path) -> None:
    """Each worker has its own clusters of each kind, in folders of one run that `check` judges as a whole."""
    code, out = spread(call, MANY, f"--labelproof-run-dir={folder / 'run'}")

    assert code == 0, out
    assert "12 passed" in out
    assert "labelproof: judged 24 operations" in out
    parts = sorted(path.name for path in (folder / "run").iterdir())
    assert {name.partition("-")[0] for name in parts} == {"cluster"}
    assert {name.split("-")[1] for name in parts} == {"gw0", "gw1"}
    assert f"{len(parts)} clusters" in out
    code, out = call("labelproof", MANY, "check", str(folder / "run"))
    assert code == 0, out


def test_a_run_says_the_same_however_many_processes(call: Command, store: Path) -> None:
    """Statuses, verdicts, numbers and behaviour: `diff` finds no difference."""
    options = ("run", "test_user.py", "--runtime", "sim", "--seed", "7")
    assert call("labelproof", MANY, *options)[0] == 0
    alone, first = results(store), (store / "runs/latest").resolve()
    code, out = call("labelproof", MANY, *options, "-n", "2")
    shared = results(store)

    assert code == 0, out
    assert [(t["id"], t["status"]) for t in alone["tests"]] == [(t["id"], t["status"]) for t in shared["tests"]]
    assert [(c["name"], c["valid"]) for c in alone["checkers"]] == [(c["name"], c["valid"]) for c in shared["checkers"]]
    assert alone["judged"]["operations"] == shared["judged"]["operations"]
    latest = store / "runs/latest"
    assert len(ET.parse(latest / "junit.xml").findall(".//testcase")) == 12
    assert "test_other" in (latest / "report.html").read_text()
    code, out = call("labelproof", MANY, "diff", str(first), "latest")
    assert (code, "NO DIFFERENCE" in out) == (0, True), out


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_failing_test_carries_its_evidence(call: Command, folder: Path, workers: tuple[str, ...]) -> None:
    """Each node's log since the test began, the verdict, the command that runs it again; junit.xml has the facts."""
    junit = folder / "junit.xml"
    options = ("-p", "no:cacheprovider", "--labelproof-runtime=sim", "--labelproof-seed=9", f"--junit-xml={junit}")

    code, out = call("pytest", WRONG, *options, *workers)

    assert code == 1
    assert out.count("oh dear") == 1
    assert "labelproof: log of mds0" in out
    assert "verdict  valid: nothing is wrong so far" in out
    again = "again    pytest test_user.py::test_fails --labelproof-runtime=sim --labelproof-policy=targeted"
    assert again in out
    cases = {case.get("name"): case for case in ET.parse(junit).findall(".//testcase")}
    properties = [(p.get("name"), p.get("value")) for p in cases["test_fails"].findall(".//property")]
    facts = dict(properties)
    assert len(facts) == len(properties)
    assert facts.keys() == {p.get("name") for p in cases["test_passes"].findall(".//property")}
    assert (facts["labelproof.runtime"], facts["labelproof.seed"], facts["labelproof.verdict"]) == ("sim", "9", "valid")
    assert int(facts["labelproof.decisions"]) > 0
    assert len(facts["labelproof.policy"]) == 64
    assert Path(facts["labelproof.run"], "history").is_dir()


def test_the_command_of_a_runs_failure_runs_that_test(call: Command, store: Path) -> None:
    """It is the run's own, with that test alone."""
    assert call("labelproof", WRONG, "run", "test_user.py", "--runtime", "sim", "--seed", "9")[0] == 1
    log = (store / "runs/latest/logs/pytest.log").read_text()
    command = next(line for line in log.splitlines() if line.startswith("again")).split()[2:]

    assert command[:2] == ["run", "test_user.py::test_fails"]
    assert call("labelproof", WRONG, *command)[0] == 1
    assert [test["id"] for test in results(store)["tests"]] == ["test_user.py::test_fails"]


def test_a_worker_that_dies_is_an_error_and_its_clusters_are_judged(call: Command, store: Path) -> None:
    """The test that it ran is named; what it had done before counts."""
    text = MANY + "\ndef test_dies(task):\n    task.mkdir('/x')\n    import os; os._exit(1)\n"

    code, out = call("labelproof", text, "run", "test_user.py", "--runtime", "sim", "-n", "2")

    assert code == 1, out
    found = results(store)
    broken = [test for test in found["tests"] if test["status"] != "PASS"]
    assert [(test["id"], test["status"]) for test in broken] == [("test_user.py::test_dies", "ERROR")]
    assert "crashed while running" in broken[0]["reason"]
    assert found["judged"]["operations"] == 25


def test_no_cluster_ends_the_run_at_once(call: Command, folder: Path, store: Path) -> None:
    """Every worker would only say it again; the exit code is that of a machine that cannot."""
    (folder / "conftest.py").write_text(
        "from harness import clusters\n"
        "def start(self, spec, run_dir): raise clusters.ClusterError('no power; plug it in')\n"
        "clusters.RUNTIMES['sim'].start = start\n"
    )

    code, out = call("labelproof", MANY, "run", "test_user.py", "--runtime", "sim", "-n", "2")

    assert (code, results(store)["verdict"]) == (4, "inconclusive"), out
    assert "no power; plug it in" in out


def test_workers_end_with_their_controller(folder: Path, environment: dict[str, str]) -> None:
    """kill -9 of the controller leaves no worker and no node."""
    (folder / "test_user.py").write_text(
        USES + "import os, time\n@pytest.mark.parametrize('n', range(2))\ndef test_long(task, n):\n"
        "    task.mkdir('/x')\n    open(f'up{n}', 'w').write(str(os.getpid()))\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-P", "-m", "pytest", "-n", "2", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        [*command, "--labelproof-runtime=processes"], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as controller:  # fmt: skip
        try:
            pids = [int(wait_for(lambda n=n: text(folder / f"up{n}"))) for n in range(2)]
        finally:
            controller.send_signal(signal.SIGKILL)

    assert wait_for(lambda: not any(map(alive, pids)))
    assert wait_for(lambda: not of_folder(folder))


def test_what_workers_cannot_do_is_refused_in_one_line(call: Command) -> None:
    """Baselines are written from a whole run; clusters that stay up have nobody who keeps them."""
    for option, said in (("--save-baseline=b", "a baseline is written by one process"), ("--keep", "leave -n out")):
        code, out = call("labelproof", MANY, "run", "test_user.py", "--runtime", "sim", "-n", "2", option)

        assert code == 2
        assert said in out
        assert out.count("\n") == 1


def test_auto_is_no_more_than_there_is_room_for(call: Command, folder: Path) -> None:
    """A line says so; a project that has said nothing of clusters keeps its workers."""
    (folder / "conftest.py").write_text(
        "import os\nos.sched_getaffinity = lambda _: set(range(3))\nfrom harness.clusters import RUNTIMES\n"
        "RUNTIMES['sim'].clusters_max = lambda self: (2, 'sockets')\n"
    )
    unused, options = "def test_it(): pass\n", ("-p", "no:cacheprovider", "-n", "auto")

    said = call("pytest", unused, *options, "--labelproof-runtime=sim")[1]
    (folder / "labelproof.toml").unlink()
    silent = call("pytest", unused, *options)[1]

    assert "labelproof: 1 worker instead of 3: there are 2 sockets, and one may take 2" in said
    assert "1 worker [" in said
    assert "3 workers [" in silent
    assert "labelproof:" not in silent


def test_an_adopted_cluster_has_one_worker(
    call: Command, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for more, by a number or not, with pytest or `labelproof run`: a sentence says why."""
    environment |= {"LABELPROOF_CLUSTER": "127.0.0.1:1", "LABELPROOF_SECRETS": "nowhere"}
    said = "1 worker instead of 2: 127.0.0.1:1 is one cluster, and a cluster serves one worker at a time"

    plain = call("pytest", MANY, "-n", "2", "-p", "no:cacheprovider", "--labelproof-runtime=compose", "-k", "nothing")[
        1
    ]
    run = call("labelproof", MANY, "run", "test_user.py", "--runtime", "compose", "-n", "2")[1]

    assert f"labelproof: {said}" in plain
    assert "1 worker [" in plain
    assert said in run


def test_a_marked_test_costs_no_others_their_order(call: Command) -> None:
    """Every worker collects the same, sorted by the kind of cluster."""
    listed = call("pytest", MANY, "--collect-only", "-q", "-p", "no:cacheprovider")[1].splitlines()[:12]

    assert [line.split("::")[1].partition("[")[0] for line in listed] == ["test_other"] * 4 + ["test_many"] * 8


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def of_folder(folder: Path) -> set[int]:
    """The processes that work there."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve() and alive(int(process.name)):
                found.add(int(process.name))
        except OSError:
            continue
    return found


def wait_for(found: Callable[[], Any], timeout_s: float = 40.0) -> Any:
    """What it finds, as soon as it does."""
    deadline = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return value
