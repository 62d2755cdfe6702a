"""The pytest plugin in a project of a user's: harmless when unused, one judge for each test when used."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
USES = f"""\
import pytest

@pytest.fixture
def task(labelproof_client):
    return labelproof_client.login({ADMIN!r}, uid=0, caps="all")
"""
Pytest = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Pytest:
    """Runs pytest as a user would, in the simulator and with warnings as errors: exit code and what it printed."""

    def run(text: str, *options: str) -> tuple[int, str]:
        (tmp_path / "test_user.py").write_text(text)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "LABELPROOF_"))}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--strict-markers",
            "-W",
            "error",
            *options,
        ]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_unused_it_says_nothing_and_imports_nothing_of_ours(run: Pytest) -> None:
    """A test run that asks for no cluster does not load the packages with ordinary names."""
    code, out = run(
        "import sys\ndef test_it():\n    assert not {'harness', 'client', 'rpc', 'grpc'} & set(sys.modules)\n"
    )

    assert code == 0, out
    assert "labelproof:" not in out


def test_a_test_gets_a_cluster_and_its_own_history(run: Pytest) -> None:
    """Client, policy and history belong together; the summary says what was judged and how to judge it again."""
    code, out = run(
        USES
        + """
def test_first(task, labelproof_history, labelproof_policy, labelproof_cluster):
    task.mkdir("/a")
    assert labelproof_cluster.policy is labelproof_policy
    assert [event["args"]["path"] for event in labelproof_history("op", phase="invoke")] == ["/a"]

def test_second(task, labelproof_history):
    task.mkdir("/b")
    assert [event["args"]["path"] for event in labelproof_history("op", phase="invoke")] == ["/b"]
    assert all(event["test"].endswith("test_second") for event in labelproof_history("op"))
""",
        "--labelproof-runtime=sim",
    )

    assert code == 0, out
    assert "labelproof: judged 2 operations" in out
    assert "denials" not in out
    assert "labelproof check" in out


PLANTED = """
def test_clean(task):
    task.mkdir("/a")

def test_planted(task, labelproof_cluster):
    made = task.mkdir("/b")
    labelproof_cluster.record("raw", target="mds0-mdt", object=made.fid, path="/b", mode=0o40755, stripe=0, version=1,
                              labels={"security.selinux": "user_u:object_r:secret_t:s0"})

def test_clean_again(task):
    task.mkdir("/c")
"""


def test_what_the_judges_find_fails_that_very_test(run: Pytest) -> None:
    """A label that is not the one given fails the test that left it, with the checker's sentence, and no other."""
    code, out = run(USES + PLANTED, "--labelproof-runtime=sim", "-rA")

    assert code == 1, out
    assert "FAILED test_user.py::test_planted" in out
    assert "PASSED test_user.py::test_clean\n" in out
    assert "PASSED test_user.py::test_clean_again" in out
    assert "labelproof: propagation raw-label:" in out
    assert "secret_t" in out


def test_a_test_that_judged_nothing_fails(run: Pytest) -> None:
    """Asking for a cluster and doing nothing with it is VACUOUS, also right after the boot."""
    code, out = run("def test_it(labelproof_cluster): pass\n", "--labelproof-runtime=sim")

    assert code == 1
    assert "labelproof: VACUOUS" in out
    assert "1 failed" in out


FLAVOURS = """
@pytest.mark.labelproof(nodes="client=3")
def test_function(task, labelproof_cluster):
    task.mkdir("/a")
    assert len(labelproof_cluster.nodes) == 6

@pytest.mark.labelproof(mode="permissive", client=1)
class TestClass:
    def test_class(self, task, labelproof_cluster):
        task.mkdir("/a")
        assert (labelproof_cluster.spec.mode, len(labelproof_cluster.nodes)) == ("permissive", 4)

    @pytest.mark.labelproof(nodes={"client": 2}, policy="mls")
    def test_both(self, task, labelproof_cluster, labelproof_policy, labelproof_profile):
        task.mkdir("/a")
        assert (labelproof_cluster.spec.mode, len(labelproof_cluster.nodes)) == ("permissive", 5)
        assert labelproof_cluster.policy is labelproof_policy and labelproof_policy.name == "mls"

def test_default(task, labelproof_cluster):
    task.mkdir("/a")
    assert (labelproof_cluster.spec.mode, len(labelproof_cluster.nodes)) == ("enforcing", 5)

@pytest.mark.labelproof(lsm="disabled")
def test_unlabelled(labelproof_client, labelproof_cluster, labelproof_policy):
    labelproof_client.login(None, uid=0, caps="all").mkdir("/a")
    assert labelproof_policy is None and labelproof_cluster.spec.stack == ("capability",)

@pytest.mark.labelproof(lsm=("capability",))
def test_modules(labelproof_client, labelproof_cluster, labelproof_dir):
    labelproof_client.login(None, uid=0, caps="all").mkdir(f"{labelproof_dir}/a")
    assert (labelproof_cluster.policy, labelproof_cluster.spec.lsm) == (None, ("capability",))
"""


def test_a_test_says_what_kind_of_cluster(run: Pytest) -> None:
    """Markers on functions, classes and modules add up, show in no test's name, and go back where there is none."""
    code, out = run(USES + FLAVOURS, "--labelproof-runtime=sim", "-rA")

    assert code == 0, out
    for name in (
        "test_function",
        "TestClass::test_class",
        "TestClass::test_both",
        "test_default",
        "test_unlabelled",
        "test_modules",
    ):
        assert f"PASSED test_user.py::{name}\n" in out


def test_a_module_says_what_kind_of_cluster(run: Pytest, tmp_path: Path) -> None:
    """The marker's fields make the spec; a module without it has the default."""
    (tmp_path / "test_three.py").write_text(
        f"{USES}\npytestmark = pytest.mark.labelproof(client=3, mode='permissive')\n"
        "def test_it(task, labelproof_cluster):\n"
        "    task.mkdir('/a')\n    assert len(labelproof_cluster.nodes) == 6\n"
    )
    default = (
        USES
        + "def test_it(task, labelproof_cluster):\n"
        + "    task.mkdir('/a')\n    assert len(labelproof_cluster.nodes) == 5\n"
    )

    code, out = run(default, "--labelproof-runtime=sim")

    assert code == 0, out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nonesuch=3", "labelproof: marker: 'nonesuch' is not a field; there are runtime, nodes, lsm, mode, policy"),
        ("nodes='oss3'", "labelproof: marker: nodes is 'oss3'; give counts by role, as 'mds=1,oss=3,client=2'"),
        ("nodes={'nas': 1}", "labelproof: marker: nodes: 'nas' is no role; there are mds, oss, client"),
        ("mode='maybe'", "labelproof: marker: mode is 'maybe'; give one of enforcing, permissive, disabled"),
        ("'oss=3'", "labelproof: marker: 'oss=3' has no name; give fields, as client=3"),
    ],
)
def test_a_wrong_marker_is_an_error_at_collection(run: Pytest, given: str, sentence: str) -> None:
    """It names the field and the remedy, whether or not the test has a cluster."""
    code, out = run(f"import pytest\n@pytest.mark.labelproof({given})\ndef test_it(): pass\n")

    assert code == pytest.ExitCode.INTERRUPTED
    assert sentence in out
    assert "1 error during collection" in out


def test_a_field_out_of_range_is_the_tests_own_error(run: Pytest) -> None:
    """What ClusterSpec refuses is one sentence, and the next test has its cluster all the same."""
    code, out = run(
        USES
        + "@pytest.mark.labelproof(stripe_size=7)\ndef test_many(task): pass\n\n"
        + "def test_next(task): task.mkdir('/a')\n",
        "--labelproof-runtime=sim",
    )

    assert code == 1
    assert "labelproof: cluster spec: stripe_size is 7; give a multiple of 4096 bytes" in out
    assert "1 passed, 1 error" in out


def test_a_runtime_that_this_machine_lacks_skips_the_test(run: Pytest, tmp_path: Path) -> None:
    """With the reason, where the test asks for it itself; a runtime that there is not is an error."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(scope='session', autouse=True)\ndef lacking():\n"
        "    from harness.clusters import RUNTIMES\n"
        "    RUNTIMES['sim'].available = lambda self: 'no simulator; install one'\n"
    )
    code, out = run(
        "import pytest\n@pytest.mark.labelproof(runtime='sim')\ndef test_it(labelproof_cluster): pass\n"
        "@pytest.mark.labelproof(runtime='warp')\ndef test_no(labelproof_cluster): pass\n",
        "-rs",
    )

    assert code == 1
    assert "labelproof: runtime sim: no simulator; install one" in out
    assert "labelproof: no runtime 'warp'" in out
    assert "1 skipped, 1 error" in out


CLEAN = """
import os, pathlib

@pytest.fixture(scope="module")
def kept(labelproof_client):
    return labelproof_client.login("system_u:system_r:admin_t:s0-s0:c0.c15", uid=0, caps="all")

def test_first(kept, task, labelproof_dir, labelproof_cluster):
    pathlib.Path(os.environ["WHERE"]).write_text(labelproof_dir)
    task.open(f"{labelproof_dir}/f", os.O_CREAT | os.O_RDWR)
    labelproof_cluster.set_booleans({"user_write_shared": True}, kept)
    labelproof_cluster.set_enforce(False, kept)
    labelproof_cluster.held = task

def test_second(kept, labelproof_dir, labelproof_cluster):
    assert labelproof_dir != pathlib.Path(os.environ["WHERE"]).read_text()
    assert kept.readdir(labelproof_dir) == []
    with pytest.raises(ProcessLookupError):
        labelproof_cluster.held.stat("/")
    assert labelproof_cluster.rules.enforcing and not labelproof_cluster.rules.booleans
"""


def test_a_test_finds_the_cluster_clean(run: Pytest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks, booleans and mode of the one before are gone; what a fixture of the module has set up is there still."""
    monkeypatch.setenv("WHERE", str(tmp_path / "where"))

    code, out = run(USES + CLEAN, "--labelproof-runtime=sim")

    assert code == 0, out


DIRTY = """
from harness.clusters import inforce
from labelproof.v1 import admin_pb2 as pb

@pytest.fixture(scope="module")
def made(labelproof_cluster):
    return [labelproof_cluster]

def test_dirty(task, made, labelproof_cluster):
    task.mkdir("/d")
    who = inforce.caller(task, "harness")
    labelproof_cluster.node("mds0").admin.set_enforce(pb.SetEnforceRequest(enforcing=False), who)

def test_next(task, made, labelproof_cluster, labelproof_dir):
    task.mkdir("/d")
    assert made == [labelproof_cluster]
"""


def test_a_cluster_that_cannot_be_cleaned_is_replaced(run: Pytest) -> None:
    """The test that left it so is told by a warning; the next has a new one, and so have its fixtures."""
    code, out = run(USES + DIRTY, "--labelproof-runtime=sim", "-W", "default")

    assert code == 0, out
    assert "labelproof: the cluster was replaced, as this test left it dirty: " in out
    assert "test_user.py::test_dirty" in out
    assert "2 clusters" in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labelproof-runtime=warp"], "labelproof: no runtime 'warp'; there are processes, "),
        (["--labelproof-policy=nonesuch"], "labelproof: no policy 'nonesuch': give targeted, mls, or the path"),
        (["--labelproof-lsm=maybe"], "labelproof: lsm is 'maybe'; give one of enforcing, permissive, disabled"),
        (["-o", "labelproof_runtime=ini"], "labelproof: no runtime 'ini'"),
        (["-o", "labelproof_runtime=ini", "--labelproof-runtime=option"], "labelproof: no runtime 'option'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(run: Pytest, options: list[str], sentence: str) -> None:
    """Whoever asks for a cluster reads it, without a traceback; an option beats the ini key."""
    code, out = run("def test_it(labelproof_cluster): pass\ndef test_other(): pass\n", *options)

    assert code == 1
    assert sentence in out
    assert "1 passed, 1 error" in out
    assert "Traceback" not in out


def test_options_and_marker_are_documented(run: Pytest) -> None:
    """`pytest --help` and `pytest --markers` say what there is."""
    options = run("", "--help")[1]
    markers = run("", "--markers")[1]

    for option in ("runtime", "policy", "lsm", "seed", "run-dir"):
        assert f"--labelproof-{option}=" in options
    assert "@pytest.mark.labelproof(**fields)" in markers


@pytest.mark.parametrize("way", [["harness/suites"], ["--pyargs", "harness.suites"]])
def test_the_suites_are_collected_by_plain_pytest(way: list[str]) -> None:
    """From their folder as from their package, though their files are not named for pytest."""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *way]

    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    for suite in ("create_labels", "mediation"):
        assert f"{suite}.py::" in done.stdout
