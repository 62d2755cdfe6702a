"""One store for runs from many processes, as from many machines with a shared folder."""

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from harness.store import Store

WRITERS, RUNS = 4, 25
MINE = """
def test_stat(labelproof_client):
    labelproof_client.login("system_u:system_r:admin_t:s0-s0:c0.c15", uid=0, caps="all").stat("/")
"""


def created(root: Path) -> list[str]:
    return [Store(root).create().id for _ in range(RUNS)]


def test_runs_begun_at_the_same_time(tmp_path: Path) -> None:
    """Every run has a folder of its own; `latest` is one of them at every moment that somebody looks."""
    home = Store(tmp_path)
    home.create()
    looks = []
    with ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool:
        begun = [pool.submit(created, tmp_path) for _ in range(WRITERS)]
        while not all(future.done() for future in begun):
            looks.append(home.find("latest").path)
        ids = [run for future in begun for run in future.result()]

    assert len(set(ids)) == WRITERS * RUNS
    assert {run.id for run in home.runs()} >= set(ids)
    assert all(path.is_dir() for path in looks)
    assert [path.name for path in home.runs_folder.iterdir() if path.name.startswith(".")] == []


def test_two_machines_with_one_pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a store writes for a moment is named by the run, not by the process, which another machine has too."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    home = Store(tmp_path)
    moved = Path.replace

    def slow(draft: Path, target: Path) -> Path:
        """Another machine points to its own run between our link and its move."""
        monkeypatch.setattr(Path, "replace", moved)
        Store(tmp_path).create()
        return moved(draft, target)

    monkeypatch.setattr(Path, "replace", slow)
    run = home.create()

    assert home.find("latest").id == run.id


def test_a_run_from_elsewhere(tmp_path: Path) -> None:
    """It moves into the store and is the latest; one that is there already is not overwritten."""
    home = Store(tmp_path / "home")
    home.create()
    away = Store(tmp_path / "away").create()
    (away.path / "results.json").write_text("{}")

    taken = home.take(away.path)

    assert taken.results.read_text() == "{}"
    assert home.find("latest").id == taken.id
    again = Store(tmp_path / "away").runs_folder / taken.id
    (again / "logs").mkdir(parents=True)
    with pytest.raises(OSError, match="File exists"):
        home.take(again)


def test_two_runs_into_one_store(tmp_path: Path) -> None:
    """Both land whole, the list has both with their verdicts, and `latest` is one of them."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LABELPROOF_")}
    store = ["--store", str(tmp_path / "shared")]
    words = [sys.executable, "-P", "-c", "from harness.cli import main; main()", *store]
    (tmp_path / "test_mine.py").write_text(MINE)
    run = [*words, "run", "test_mine.py", "--runtime", "inprocess", "-q"]

    running = [subprocess.Popen(run, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL) for _ in range(2)]
    codes = [process.wait(100) for process in running]

    listed = subprocess.run(
        [*words, "list", "runs", "--json"], cwd=tmp_path, env=environ, capture_output=True, check=True
    )
    home = Store(tmp_path / "shared")
    assert codes == [0, 0]
    assert [row["verdict"] for row in json.loads(listed.stdout)["runs"]] == ["pass", "pass"]
    assert home.find("latest").id in {run.id for run in home.runs()}
    assert all((run.path / "audit.log").exists() for run in home.runs())
