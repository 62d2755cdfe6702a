"""A folder of cases with what a Linux 6.1 did, and the command on it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import command

CASES = Path(__file__).parent / "cases"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings, no variables of ours, no colour."""
    for name in [name for name in os.environ if name.startswith("LABELPROOF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose cache holds the policy after the first use."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def oracle(store: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `labelproof oracle` in this process: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = command.run(["--store", str(store), "oracle", *map(str, arguments)])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def cases() -> Path:
    """The folder as it is."""
    return CASES


@pytest.fixture
def one(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the folder with one case, which `change(case, result)` may alter."""

    def make(name: str, change: Callable[[dict[str, Any], dict[str, Any]], object] = lambda case, result: None) -> Path:
        folder = Path(shutil.copytree(CASES, tmp_path / "one"))
        (case,) = (item for item in json.loads((folder / "cases.json").read_text()) if item["id"] == name)
        kernel = json.loads((folder / "ext4-enforcing.json").read_text())
        (result,) = (item for item in kernel["results"] if item["id"] == name)
        change(case, result)
        (folder / "cases.json").write_text(json.dumps([case]))
        (folder / "ext4-enforcing.json").write_text(json.dumps(kernel))
        return folder

    return make
