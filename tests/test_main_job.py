"""The main job as it is given to people: every suite against clusters of processes, under our policy and Debian's."""

import json
import subprocess
import sys
from pathlib import Path

import debian
import pytest


def labelproof(*arguments: str) -> tuple[int, str, str]:
    """The command as a program of its own: exit code, standard output, standard error."""
    words = [sys.executable, "-P", "-c", "from harness.cli import main; main()", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.timeout(600)
def test_every_suite_passes_under_our_policy(tmp_path: Path) -> None:
    """And reaches what it is to reach; its page is a file that can be sent."""
    code, out, err = labelproof("--store", str(tmp_path), "run", "--json")

    found = json.loads(out)
    judged = found["judged"]
    assert (code, found["verdict"]) == (0, "pass"), err
    assert {test["status"] for test in found["tests"]} == {"PASS"}
    assert judged["decisions"] >= 1500
    assert judged["distinct_decisions"] >= 600
    assert judged["labels"] >= 600
    assert judged["denials_with_control"] == judged["denials"] > 0
    assert judged["second_engine"] == judged["decisions"]
    assert (Path(found["run"]) / "report.html").stat().st_size < 1_000_000


@pytest.mark.timeout(900)  # a whole policy on each of five nodes a worker
@pytest.mark.parametrize("flavour", ["default", "mls"])
def test_every_suite_passes_under_debians_policies(flavour: str, tmp_path: Path) -> None:
    """With the profile that is proposed for it, as it is proposed."""
    policy, profile = str(debian.policy(flavour)), tmp_path / "site.toml"
    store = ("--store", str(tmp_path / "store"))
    profile.write_text(labelproof(*store, "policy", "profile", policy)[1])

    code, out, err = labelproof(*store, "run", "--policy", policy, "--profile", str(profile), "--json")

    found = json.loads(out)
    assert (code, found["verdict"]) == (0, "pass"), err
    assert {test["status"] for test in found["tests"]} <= {"PASS", "SKIP"}
    assert len([test for test in found["tests"] if test["status"] == "PASS"]) > 200
    assert found["judged"]["distinct_decisions"] >= 600
