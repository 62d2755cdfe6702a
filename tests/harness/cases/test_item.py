"""A case as pytest has it: its place, its cluster, its judge; alone, beside other workers, and by `labelproof run`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PASSES = """\
name: "It holds: here & there"
cluster: {client: 3}
objects: [{path: d, kind: directory, label: transition}]
steps:
  - {as: user, on: client2, mkdir: {path: d/x}}
labels: {d/x: "user_u:object_r:newdir_t:s0"}
"""
FAILS = PASSES.replace("newdir_t", "newfile_t").replace("It holds", "It does not hold")
MLS = """\
name: "It holds: here & there"
policy: mls
cluster: {mode: permissive}
objects: [{path: d, kind: directory, label: transition}]
steps: [{as: user, mkdir: {path: d/x}}]
labels: {d/x: "user_u:object_r:newdir_t:s1:c2,c4"}
"""
BROKEN = PASSES.replace("mkdir", "mkdirs")
VACUOUS = "name: nothing\n"
COMMAND = ("-c", "from harness.cli import main; main()")
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command as a user would, in a folder of the user's: exit code and what it printed."""

    def run(*words: str) -> tuple[int, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "LABELPROOF_"))}
        command = [sys.executable, "-P", *words]
        done = subprocess.run(command, cwd=tmp_path, env=inherited, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_each_file_is_a_test(run: Run, tmp_path: Path) -> None:
    """Its own kind of cluster and policy, a failure with its line, an error of the file at collection, in one run."""
    texts = {"passes": PASSES, "fails": FAILS, "mls": MLS, "broken": BROKEN, "vacuous": VACUOUS}
    for name, text in texts.items():
        (tmp_path / f"{name}.labels.yaml").write_text(text)

    code, out = run("-m", "pytest", "-rA", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-W", "error",
                    "--labelproof-runtime=sim")  # fmt: skip

    assert code == 1, out
    assert "PASSED passes.labels.yaml::It holds_ here _ there" in out
    assert "PASSED mls.labels.yaml::It holds_ here _ there" in out
    assert (
        "\nfails.labels.yaml:6: the label of d/x is user_u:object_r:newdir_t:s0 on client0, client1, client2, mds0"
        in out
    )
    assert "\nlabelproof: broken.labels.yaml:5: 'mkdirs' is not known here; is it mkdir" in out
    assert "\nlabelproof: vacuous.labels.yaml:1: nothing is expected here" in out
    assert "1 failed, 2 passed, 2 errors" in out
    assert "Traceback" not in out


PROFILE = """\
admin = "system_u:system_r:admin_t:s0-s3:c0.c15"
user = "user_u:user_r:user_t:s0-s3:c0.c15"
root = "system_u:object_r:root_t:s0"
relabel = "user_u:object_r:project_t:s0"
[directories]
inherit = "user_u:object_r:home_t:s0"
transition = "user_u:object_r:project_dir_t:s0"
denied = "user_u:object_r:secret_t:s0"
workshop = "user_u:object_r:staff_dir_t:s1"
"""


def test_the_runs_profile_gives_names(run: Run, tmp_path: Path) -> None:
    """What it calls its contexts is known in the files; one that brings its own policy has that one's profile."""
    (tmp_path / "site.toml").write_text(PROFILE)
    (tmp_path / "site.labels.yaml").write_text(
        "name: n\nobjects: [{path: d, kind: directory, label: workshop}]\nlabels: {d: workshop}\n"
    )
    (tmp_path / "own.labels.yaml").write_text(f"policy: targeted\n{PASSES}")

    code, out = run(
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--labelproof-runtime=sim",
        "--labelproof-policy=mls",
        "--labelproof-profile=site.toml",
    )

    assert code == 0, out
    assert "2 passed" in out


def test_workers_share_the_files(run: Run, tmp_path: Path) -> None:
    """Under pytest-xdist each worker has its own cluster, and the cases are the same."""
    for number in range(4):
        (tmp_path / f"case{number}.labels.yaml").write_text(PASSES if number else FAILS)

    code, out = run("-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "--labelproof-runtime=sim")

    assert code == 1, out
    assert "1 failed, 3 passed" in out


def test_the_command_runs_a_folder_of_them(run: Run, tmp_path: Path) -> None:
    """The line of the failure is the reason in results.json, and without SELinux a case is skipped."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "fails.labels.yaml").write_text(FAILS)
    command = (*COMMAND, "run", "--runtime", "sim", "--json", "labels")

    code, out = run(*command)
    skipped = run(*command[:-1], "labels", "--lsm", "disabled")

    assert code == 1, out
    (test,) = json.loads(out[out.index("{") :])["tests"]
    assert test["suite"] == "labels/fails.labels.yaml"
    assert test["reason"].startswith("labels/fails.labels.yaml:6: the label of d/x is")
    assert '"status": "SKIP"' in skipped[1]


def test_files_are_checked_without_a_cluster(run: Run, tmp_path: Path) -> None:
    """`labelproof cases` tells what is wrong and where, prints the schema, and says which calls there are."""
    command = (*COMMAND, "cases")
    assert run(*command)[0] == 5

    (tmp_path / "good.labels.yaml").write_text(PASSES)
    assert run(*command) == (0, "good.labels.yaml: It holds: here & there\n")
    (tmp_path / "bad.labels.yaml").write_text(BROKEN)
    code, out = run(*command, str(tmp_path))

    assert code == 2
    assert "bad.labels.yaml:5: 'mkdirs' is not known here" in out
    assert json.loads(run(*command, "--schema")[1])["title"] == "Label tests of labelproof"
    assert "\nmkdir            path [mode]\n" in run(*command, "--operations")[1]


def test_a_package_of_the_users_in_the_way_is_one_sentence(run: Run, tmp_path: Path) -> None:
    """Where `harness` is the user's own, the file is an error that says so, and nothing of the user's is imported."""
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "case.labels.yaml").write_text(PASSES)

    code, out = run(
        "-c", "import sys, pytest; sys.path.insert(0, '.'); sys.exit(pytest.main(['-p', 'no:cacheprovider']))"
    )

    assert code == 2, out
    assert "labelproof: the package 'harness' comes from" in out
