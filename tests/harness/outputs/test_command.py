"""`labelproof report`, and what `labelproof run` writes for a CI system."""

import json
import os
from pathlib import Path

import pytest

from harness.cli.command import run
from harness.outputs.told import Told

CASE = """\
name: A case that does not hold
objects: [{path: d, kind: directory, label: denied}]
steps: [{as: user, mkdir: {path: d/x}, expect: ok}]
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of its own, in no workflow."""
    for name in [name for name in os.environ if name.startswith(("LABELPROOF_", "GITHUB_", "PYTEST_XDIST"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.labels.yaml").write_text(CASE)


@pytest.mark.parametrize(
    ("form", "begin"),
    [("sarif", "{"), ("markdown", "## "), ("github", "::error "), ("junit", "<?xml"), ("html", "<!doctype html>")],
)
def test_a_stored_run_is_told(
    told: Told, form: str, begin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each form, on standard output or into a file; the exit code does not say that the run failed."""
    store = ["--store", str(told.run.path.parent.parent), "report", "latest", "--format", form]

    assert run(store) == 0
    printed = capsys.readouterr().out
    assert run([*store, "-o", "file"]) == 0

    assert printed.lower().startswith(begin)
    assert (tmp_path / "file").read_text() == printed


def test_a_run_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run is exit code 5, a folder without results 2."""
    assert run(["report"]) == 5
    assert run(["report", str(tmp_path)]) == 2
    assert "results.json: No such file" in capsys.readouterr().err


def test_a_run_writes_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files when it has ended, and no annotations outside a workflow; a folder that is not there is told at once."""
    command = ["run", "--runtime", "sim", "-q", "case.labels.yaml", "--sarif", "s.sarif", "--markdown", "m.md"]

    assert run([*command[:-1], "no/m.md"]) == 2
    assert "no such folder to write to" in capsys.readouterr().err
    assert run(command) == 1

    (result,) = json.loads((tmp_path / "s.sarif").read_text())["runs"][0]["results"]
    assert result["message"]["text"].startswith(
        "case.labels.yaml::A case that does not hold: case.labels.yaml:3: mkdir"
    )
    assert "```mermaid\nsequenceDiagram" in (tmp_path / "m.md").read_text()
    assert "::error" not in capsys.readouterr().out


def test_in_a_workflow_the_annotations_come_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed, on standard error where standard output is JSON, with the summary of the step; --no-github: neither."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    command = ["run", "--runtime", "sim", "case.labels.yaml"]

    assert run([*command, "-q", "--no-github"]) == 1
    assert "::error" not in capsys.readouterr().out
    assert not (tmp_path / "summary.md").exists()
    assert run([*command, "--json"]) == 1

    printed = capsys.readouterr()
    assert json.loads(printed.out)["verdict"] == "fail"
    assert "\n::error file=case.labels.yaml,line=3,title=test/FAIL in case.labels.yaml" in f"\n{printed.err}"
    assert (tmp_path / "summary.md").read_text().startswith("## ❌ labelproof: fail")
