"""`labelproof diff` and the baselines of `run`: exit codes, and one clear line for bad input."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import command
from harness.store import Run

Record = Callable[..., Run]
MAKE = "(allow user_t secret_t (file (create)))"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # of the session that these tests are run in
    monkeypatch.chdir(tmp_path)


def test_same_and_different(record: Record, plain: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """0 without a difference, 1 with one, 0 again with --exit-zero; folders that were copied will do."""
    copy = shutil.copytree(plain.path, tmp_path / "copied")
    changed = record(rules=MAKE).path

    assert command.run(["diff", str(copy), str(plain.path)]) == 0
    assert "NO DIFFERENCE: 1 test, " in capfd.readouterr().out
    assert command.run(["diff", str(copy), str(changed), "--html", "page.html"]) == 1
    out = capfd.readouterr().out
    assert out.index("new allows") < out.index("DIFFERENT")
    assert "the policies differ" in out
    assert Path("page.html").read_text().startswith("<!doctype html>")
    assert command.run(["diff", str(copy), str(changed), "--exit-zero", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["differences"][0]["kind"] == "allow"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["diff", "nonesuch", "latest"], 5, "no run 'nonesuch'"),
        (["diff", "empty", "empty"], 2, "no history here"),
        (["diff", "torn", "torn"], 2, "torn, line 1: is not JSON"),
        (["run", "--baseline", "torn"], 2, "torn, line 1: is not JSON"),
        (["run", "--baseline", "gone"], 2, "gone: No such file"),
        (["run", "--save-baseline", "no/such/folder"], 2, "no such folder"),
    ],
)
def test_bad_input(
    arguments: list[str], code: int, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No such run, no history, a damaged baseline: one line, before any cluster is started."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").write_text('{"kind": "labelproof-base')

    assert command.run(arguments) == code
    err = capfd.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_damaged_history(plain: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A history with a line missing is refused with file and line; a torn last line is left out."""
    copy = shutil.copytree(plain.path, tmp_path / "copied")
    file = copy / "history" / "mds0.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines) + b'{"e":"avc","n":"md')

    assert command.run(["diff", str(plain.path), str(copy)]) == 0
    file.write_bytes(b"".join(lines[:20] + lines[21:]))
    assert command.run(["diff", str(plain.path), str(copy)]) == 2
    assert "mds0.jsonl, line" in capfd.readouterr().err


def test_saved_and_compared(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A run writes its baseline, one of some of its tests agrees with it, and a change makes the exit code 1."""
    suite = ["run", "--runtime", "sim", "create_labels", "-q", "-k"]

    assert command.run([*suite, "test_new_object", "--save-baseline", "b"]) == 0
    assert command.run([*suite, "test_new_object and inherit", "--baseline", "b"]) == 0
    assert "NO DIFFERENCE" in capfd.readouterr().out
    text = Path("b").read_text()
    assert "user_u:object_r:home_t:s0\tinherit" in text.replace("\\t", "\t")
    Path("b").write_text(text.replace(r"home_t:s0\tinherit", r"gone_t:s0\tinherit"))
    assert command.run([*suite, "test_new_object", "--baseline", "b"]) == 1
    assert "changed labels" in capfd.readouterr().out
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    assert command.run([*suite, "inherit", "--save-baseline", "b"]) == 2
