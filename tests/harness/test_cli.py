"""The command: what it prints, its exit codes, and one clear line for each kind of bad input."""

import json
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import choices, owner, suites
from harness.cli import command, errors
from harness.clusters import RUNTIMES, ClusterError, debris
from harness.results import Exit
from harness.store import Store

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without settings, no variables of ours, and no colour."""
    for name in [name for name in os.environ if name.startswith("LABELPROOF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def labelproof(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = command.run(list(arguments))
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run: a directory made in the simulator."""
    home = Store(tmp_path_factory.mktemp("store"))
    run = home.create()
    cluster = RUNTIMES["sim"]().start(choices.spec(choices.policy("targeted", home.cache), "enforcing", 1), run.path)
    cluster.client().login(ADMIN, uid=0, caps="all").mkdir("/d")
    cluster.collect()
    cluster.stop()
    return home.root


@pytest.fixture
def stored(recorded: Path, tmp_path: Path) -> Path:
    """A copy of that store, to be damaged."""
    return Path(shutil.copytree(recorded, tmp_path / "copy", symlinks=True))


def test_version(labelproof: Command) -> None:
    """Name and version, nothing else."""
    assert labelproof("--version") == (0, "labelproof 0.1.0\n", "")


def test_help_teaches(labelproof: Command) -> None:
    """Purpose, examples, exit codes and every command."""
    code, out, _ = labelproof("--help")

    assert code == 0
    assert "Prove that security labels survive" in out
    for word in ("labelproof run --policy mls", "130", "inconclusive", *(name for name, _, _ in command.COMMANDS)):
        assert word in out


@pytest.mark.parametrize("words", [["run"], ["check"], ["cluster"], ["cluster", "exec"], ["prune"], ["doctor"]])
def test_each_command_explains_itself(labelproof: Command, words: list[str]) -> None:
    """`--help` works everywhere and says what the command does."""
    code, out, _ = labelproof(*words, "--help")

    assert code == 0
    assert out.startswith(f"Usage: labelproof {' '.join(words)}")


@pytest.mark.parametrize("words", [["run"], ["cluster", "up"]])
def test_help_names_every_runtime(labelproof: Command, words: list[str]) -> None:
    """Whatever a cluster may be made of."""
    help_of_runtime = labelproof(*words, "--help")[1].partition("--runtime R")[2].partition("[default")[0]

    assert set(RUNTIMES) <= set(re.findall(r"\w+", help_of_runtime))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cases", "gone"], "Path 'gone' does not exist; see `labelproof cases --help`"),
        (["why", "denied"], "Missing argument 'EVENT'; see `labelproof why denied --help`"),
        (["run", "--runtim"], "No such option '--runtim'. Did you mean '--runtime'?"),
        (["policy", "test"], "give one test file or more; --help shows what is in one"),
    ],
)
def test_what_click_refuses_has_a_remedy(labelproof: Command, words: list[str], told: str) -> None:
    """Its own, or the command's help; once."""
    code, _, err = labelproof(*words)

    assert (code, err.endswith(f"{told}\n")) == (Exit.USAGE, True), err


def test_list(labelproof: Command, recorded: Path) -> None:
    """Everything there is, for programs and for people."""
    code, out, _ = labelproof("--store", str(recorded), "list", "--json")
    found = json.loads(out)
    people = labelproof("--store", str(recorded), "list", "runs", "suites")[1]

    assert code == 0
    assert {row["name"] for row in found["runtimes"]} == set(RUNTIMES)
    assert [row["name"] for row in found["suites"]] == list(suites.SUITES)
    assert {row["name"] for row in found["checkers"]} >= {"propagation", "mediation", "identity", "audit"}
    assert found["runs"][0]["id"] in people


def test_check_judges_again(labelproof: Command, stored: Path) -> None:
    """A valid history is 0, and each checker is named; twice the same, the run unchanged."""
    before = {path: path.read_bytes() for path in sorted(stored.rglob("history/*"))}

    first = labelproof("--store", str(stored), "check")
    data = json.loads(labelproof("--store", str(stored), "check", "latest", "--json")[1])

    assert (first[0], first[2]) == (Exit.PASSED, "")
    assert data["verdict"] == "valid"
    assert data["judged"]["operations"] == 1
    assert all(checker["checker"] in first[1] for checker in data["checkers"])
    assert {path: path.read_bytes() for path in sorted(stored.rglob("history/*"))} == before


def test_check_finds_a_changed_label(labelproof: Command, stored: Path) -> None:
    """A stored label that is not the one given makes the history invalid: exit code 1."""
    path = next(stored.rglob("history/harness.jsonl"))
    raw = '"security.selinux":"system_u:object_r:'
    text = path.read_text()
    assert raw in text
    path.write_text(text.replace(raw, '"security.selinux":"user_u:object_r:'))

    code, out, _ = labelproof("--store", str(stored), "check")

    assert code == Exit.FAILED
    assert "invalid" in out


def test_check_of_a_torn_history_says_so(labelproof: Command, stored: Path) -> None:
    """A torn last line is left out and named; it is no damage."""
    path = next(stored.rglob("history/oss0.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"e":"rp')

    code, out, _ = labelproof("--store", str(stored), "check")

    assert code == Exit.PASSED
    assert "history/oss0.jsonl ends in a torn line" in out


def test_a_corrupt_history_is_one_line(labelproof: Command, stored: Path) -> None:
    """File, line, remedy; exit code 2."""
    path = next(stored.rglob("history/mds0.jsonl"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:20], *lines[2:], ""]))

    code, out, err = labelproof("--store", str(stored), "check")

    assert (code, out) == (Exit.USAGE, "")
    assert err.count("\n") == 1
    assert f"{path.name}, line 2 is not JSON" in err
    assert "restore the file from a copy" in err


def test_a_damaged_policy_of_a_run_is_one_line(labelproof: Command, stored: Path) -> None:
    """The checkers' engine refuses it, and says which."""
    path = next(stored.rglob("policy/*.bin"))
    path.write_bytes(path.read_bytes()[:3000])

    code, _, err = labelproof("--store", str(stored), "check")

    assert code == Exit.USAGE
    assert path.name in err
    assert err.count("\n") == 1


BAD = [
    (["run", "nonesuch"], Exit.NOTHING, f"no suite or path 'nonesuch'; the suites are {', '.join(suites.SUITES)}"),
    (["run", "--runtime", "warp"], Exit.USAGE, "no runtime 'warp'; there are processes, "),
    (["run", "--policy", "nonesuch"], Exit.USAGE, "no policy 'nonesuch': give targeted, mls, or the path"),
    (["run", "--policy", "cut.33"], Exit.USAGE, "cut.33"),
    (["run", "--policy", "bad.cil"], Exit.USAGE, "bad.cil"),
    (["run", "--lsm", "maybe"], Exit.USAGE, "'maybe' is not one of"),
    (["run", "--seed", "-1"], Exit.USAGE, "--seed"),
    (["run", "--nonesuch"], Exit.USAGE, "--nonesuch"),
    (["nonesuch"], Exit.USAGE, "nonesuch"),
    (["check", "nonesuch"], Exit.NOTHING, "`labelproof list runs` names them"),
    (["check", "empty"], Exit.USAGE, "no history here; give the folder of a run"),
    (["cluster", "down", "nonesuch"], Exit.NOTHING, "`labelproof cluster up nonesuch` starts one"),
    (["cluster", "up", "no/name"], Exit.USAGE, "cluster name 'no/name'"),
    (["cluster", "exec", "x", "client0", "--context", "c", "--", "stat", "/"], Exit.NOTHING, "no cluster 'x' is up"),
    (["--store", "cut.33", "run"], Exit.USAGE, "cut.33"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "text"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_bad_input_is_one_line(
    labelproof: Command, tmp_path: Path, arguments: list[str], code: Exit, text: str
) -> None:
    """Object and remedy in one line on standard error, the documented exit code, no traceback."""
    (tmp_path / "cut.33").write_bytes(b"\x8c\xff\x7c\xf9\x08\x00\x00\x00SE Linux" + bytes(50))
    (tmp_path / "bad.cil").write_text("(class file (read)")
    (tmp_path / "empty").mkdir()

    found, out, err = labelproof(*arguments)

    assert (found, out) == (code, ""), err
    assert text in err
    assert err.startswith("labelproof: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["run"], ["check", "latest"], ["cluster", "up"]])
def test_without_libsepol_it_is_inconclusive(
    labelproof: Command, stored: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """The second engine is missing: exit code 3, and what to install."""
    monkeypatch.setenv("LABELPROOF_LIBSEPOL", "/nonesuch.so")
    shutil.rmtree(stored / "cache")

    code, _, err = labelproof("--store", str(stored), *command)

    assert code == Exit.INCONCLUSIVE
    assert "libsepol" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(28, "No space left on device", "history"), 4, "history: No space left on device; make room"),
        (OSError(98, "Address already in use"), 4, "Address already in use; end what listens there"),
        (PermissionError(13, "Permission denied", "x"), 2, "x: Permission denied; check who may use it"),
        (ClusterError("node mds0 ended\n with status 1"), 4, "node mds0 ended with status 1"),
    ],
)
def test_what_a_machine_lacks(error: Exception, code: int, text: str) -> None:
    """A full disk and an occupied port are the machine's, and their remedy is said."""
    explained = errors.explain(error)

    assert explained is not None
    assert explained[0] == code
    assert explained[1].startswith(text)


@pytest.mark.parametrize("error", [KeyError("x"), IndexError(), AssertionError(), TypeError("x"), RuntimeError("x")])
def test_what_is_ours_is_not_explained_away(error: Exception) -> None:
    """A bug is an internal error, whatever its class."""
    assert errors.explain(error) is None


@pytest.mark.parametrize("debug", [False, True])
def test_an_internal_error_is_one_line(labelproof: Command, monkeypatch: pytest.MonkeyPatch, debug: bool) -> None:
    """70, with the traceback in a file; on the screen only with --debug."""

    def broken(_home: Store) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr("harness.doctor.examine", broken)

    code, _, err = labelproof(*(["--debug"] if debug else []), "doctor")

    last = err.splitlines()[-1]
    log = Path(last.partition("its traceback is in ")[2].partition(";")[0])
    assert code == Exit.INTERNAL
    assert "internal error: TypeError: a bug" in last
    assert ("Traceback" in err) is debug
    assert "Traceback" in log.read_text()
    log.unlink()


def test_settings_command_line_environment_project(
    labelproof: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that is given counts, and a project's settings count in the folders below it."""
    (tmp_path / "pyproject.toml").write_text('[tool.labelproof]\nruntime = "from-project"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    project = labelproof("run")[2]
    monkeypatch.setenv("LABELPROOF_RUNTIME", "from-environment")
    environment = labelproof("run")[2]
    line = labelproof("run", "--runtime", "from-line")[2]

    assert [text.split("'")[1] for text in (project, environment, line)] == [
        "from-project", "from-environment", "from-line",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [("runtim = 'x'", "'runtim' is not a setting"), ("seed = 'x'", "seed is 'x'"), ("seed =", "does not read")],
)
def test_a_wrong_setting_names_the_file(labelproof: Command, tmp_path: Path, text: str, message: str) -> None:
    """And the key, and what is right."""
    (tmp_path / "labelproof.toml").write_text(text)

    code, _, err = labelproof("doctor")

    assert code == Exit.USAGE
    assert str(tmp_path / "labelproof.toml") in err
    assert message in err


def test_prune_says_what_went(
    labelproof: Command, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First as a plan, then in earnest: old runs, the folders of runs that were killed, what is left on the engine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # The engine is everybody's on this machine; what a sweep of it finds is tested with the docker runtime.
    monkeypatch.setattr(debris, "sweep", lambda dry_run: [f"image old-{dry_run}"])
    dead = tmp_path / f"labelproof-dead.{owner.place()}.{os.getpid()}.1.abc"
    dead.mkdir()
    (run,) = Store(stored).runs()

    plan = labelproof("--store", str(stored), "prune", "--keep", "0", "--dry-run")[1]
    done = json.loads(labelproof("--store", str(stored), "prune", "--keep", "0", "--json")[1])

    assert plan == f"would remove run {run.id}\nwould remove folder {dead}\nwould remove image old-True\n"
    assert (done["runs"], done["folders"], done["engine"]) == ([run.id], [str(dead)], ["image old-False"])
    assert Store(stored).runs() == []


def test_run_as_json(labelproof: Command, tmp_path: Path) -> None:
    """Standard output is one JSON document; people read standard error."""
    path = tmp_path / f"test_json_{tmp_path.name}.py"
    path.write_text(f"def test_d(labelproof_client):\n    labelproof_client.login({ADMIN!r}, caps='all').mkdir('/d')\n")

    code, out, _ = labelproof("run", path.name, "--runtime", "sim", "--json")

    data = json.loads(out)
    assert (code, data["verdict"]) == (Exit.PASSED, "pass"), data["reason"]
    assert Path(data["run"], "results.json").exists()


def test_run_for_people(labelproof: Command, tmp_path: Path) -> None:
    """A table by suite, the numbers, the verdict, the run's folder and the command that does it again."""
    path = tmp_path / f"test_people_{tmp_path.name}.py"
    path.write_text("def test_fails(labelproof_client):\n    assert not 'a [reason]'\n")

    code, out, _ = labelproof("run", path.name, "--runtime", "sim", "--seed", "7")

    assert code == Exit.FAILED
    assert "\x1b" not in out
    assert f"FAIL    {path.name}::test_fails" in out
    assert "judged  0 operations" in out
    assert f"FAIL: {path.name}::test_fails is FAIL" in out
    assert f"again   labelproof run {path.name} --runtime sim --lsm enforcing --policy targeted --seed 7" in out


@pytest.fixture
def program(tmp_path: Path) -> Command:
    """The command as a program of its own, so that the keeper of a cluster is nobody's child here."""

    def run(*arguments: str) -> tuple[int, str, str]:
        words = [sys.executable, "-P", "-c", "from harness.cli import main; main()", "--store", str(tmp_path / "s")]
        done = subprocess.run([*words, *arguments], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_cluster_stays_up_between_commands(program: Command, tmp_path: Path) -> None:
    """up, exec, status, down: each a process of its own; nothing is left, and what was done is judged."""
    execute = ["cluster", "exec", "demo", "client0", "--uid", "0", "--caps", "all", "--context"]
    try:
        up = program("cluster", "up", "demo", "--runtime", "inprocess", "--json")
        made = program(*execute, ADMIN, "--", "mkdir", "/x", "0o700")
        again = program(*execute, ADMIN, "--", "mkdir", "/x")
        seen = program(*execute, ADMIN, "--json", "--", "stat", "/x")
        wrong = program(*execute, "nonsense", "--", "stat", "/")
        nobody = program("cluster", "exec", "demo", "client9", "--context", ADMIN, "--", "stat", "/")
        twice = program("cluster", "up", "demo")
        status = json.loads(program("cluster", "status", "--json")[1])
    finally:
        down = program("cluster", "down", "demo")

    assert (up[0], down[0]) == (0, 0), up
    assert (made[0], "security.selinux=" in made[1]) == (0, True)
    assert again == (Exit.FAILED, "", "mkdir /x: File exists (EEXIST)\n")
    assert json.loads(seen[1])["mode"] & 0o777 == 0o700
    assert (wrong[0], "give user:role:type:level" in wrong[2]) == (Exit.USAGE, True)
    assert nobody[::2] == (
        Exit.NOTHING,
        "labelproof: no client 'client9' in this cluster; there are client0, client1\n",
    )
    assert (twice[0], "up already" in twice[2]) == (Exit.USAGE, True)
    assert status == [json.loads(up[1]) | {"faults": []}]
    assert list((tmp_path / "s" / "clusters").iterdir()) == []
    assert program("cluster", "down", "demo")[0] == Exit.NOTHING
    assert program("check")[0] == Exit.PASSED


def test_a_cluster_is_broken_and_healed(program: Command) -> None:
    """A fault is there from one command to the next, status tells of it, and it goes by its name or as one of all."""
    try:
        program("cluster", "up", "demo")
        begun = program("fault", "start", "pause", "client1")
        told = program("cluster", "status", "demo")
        as_json = json.loads(program("cluster", "status", "--json")[1])
        unknown = program("fault", "start", "flood", "client1")
        impossible = program("fault", "start", "link-down", "client0")
        healed = program("fault", "heal")
        after = program("cluster", "status", "demo")
    finally:
        program("cluster", "down", "demo")

    assert begun == (0, "pause client1: in place; `labelproof fault heal pause` heals it\n", "")
    assert "in place: pause client1" in told[1]
    assert as_json[0]["faults"] == ["pause client1"]
    assert (unknown[0], "no fault 'flood'; there are kill" in unknown[2]) == (Exit.NOTHING, True)
    assert (impossible[0] != 0, "netns" in impossible[2]) == (True, True)
    assert healed == (0, "pause client1: healed\n", "")
    assert "in place" not in after[1]


def test_a_cluster_of_another_machine(labelproof: Command, tmp_path: Path) -> None:
    """On a shared store a pid says nothing of it: it is told of, and neither pruned nor written over."""
    path = Store(tmp_path / ".labelproof").clusters / "demo.json"
    path.parent.mkdir(parents=True)
    told = {"name": "demo", "pid": 1, "start_time": 1, "socket": "s", "run_dir": "r", "runtime": "sim", "policy": None}
    path.write_text(json.dumps(told | {"nodes": {}, "place": "00000000"}))

    status = labelproof("cluster", "status")
    up = labelproof("cluster", "up", "demo")
    asked = labelproof("fault", "heal")
    pruned = json.loads(labelproof("prune", "--json")[1])

    assert "of another machine that uses this store" in " ".join(status[1].split())
    assert (up[0], "take another name" in up[2]) == (Exit.USAGE, True)
    assert (asked[0], "ask there" in asked[2]) == (Exit.NOTHING, True)
    assert pruned["clusters"] == []
    assert path.exists()


def test_the_state_of_a_cluster_is_its_owners_alone(program: Command, tmp_path: Path) -> None:
    """State file and socket are for nobody else."""
    state = json.loads(program("cluster", "up", "demo", "--runtime", "inprocess", "--json")[1])
    path = tmp_path / "s" / "clusters" / "demo.json"
    modes = [
        stat.S_IMODE(path.stat().st_mode),
        stat.S_IMODE(Path(json.loads(path.read_text())["socket"]).stat().st_mode),
    ]
    program("cluster", "down", "demo")

    assert modes == [0o600, 0o600]
    assert state["up"]


def test_a_killed_keeper_leaves_nothing_in_the_way(program: Command) -> None:
    """Its cluster is gone with it; the next command says so, and a new one of that name comes up."""
    state = json.loads(program("cluster", "up", "demo", "--runtime", "inprocess", "--json")[1])
    descriptor = os.pidfd_open(state["pid"])
    os.kill(state["pid"], signal.SIGKILL)
    select.select([descriptor], [], [], 10)
    os.close(descriptor)

    gone = program("cluster", "exec", "demo", "client0", "--context", ADMIN, "--", "stat", "/")
    up = program("cluster", "up", "demo", "--runtime", "inprocess")
    down = program("cluster", "down", "demo")

    assert (gone[0], "has ended by itself" in gone[2]) == (Exit.NOTHING, True)
    assert (up[0], down[0]) == (0, 0), up


def test_an_interrupt_of_the_command(program: Command, tmp_path: Path) -> None:
    """Ctrl-C once: 130, the cluster stopped, the run kept with what was done."""
    path = tmp_path / f"test_{tmp_path.name}.py"
    path.write_text(
        f"import os, signal\ndef test_one(labelproof_client):\n"
        f"    labelproof_client.login({ADMIN!r}, uid=0, caps='all').mkdir('/d')\n"
        f"def test_two(labelproof_client):\n    os.kill(os.getpid(), signal.SIGINT)\n"
    )

    code, out, err = program("run", str(path), "--runtime", "processes", "--json")

    data = json.loads(out)
    assert code == Exit.INTERRUPTED, err
    assert (data["interrupted"], [test["status"] for test in data["tests"]]) == (True, ["PASS"])
    nodes = [json.loads(file.read_text().splitlines()[0]) for file in Path(data["run"]).glob("history/*.jsonl")]
    assert len(nodes) == 6
    assert not list(Path(tempfile.gettempdir()).glob(f"labelproof-{Path(data['run']).name}.*"))
