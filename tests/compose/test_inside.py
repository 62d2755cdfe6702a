"""`labelproof compose`: up, a suite inside the network, its results here, down; and the same when it is interrupted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import Store

MAIN = "from harness.cli import main; main()"
FILE = Path(__file__).parents[2] / "docker-compose.yml"
# One quick test of a suite.
SOME = ["create_labels", "-k", "test_labels_in_a_listing"]


@pytest.fixture
def begun(environ, tmp_path: Path, store: Store) -> Iterator:
    """Starts the command: `begun("compose", ...)`."""
    running: list[subprocess.Popen] = []

    def begin(*words: str) -> subprocess.Popen:
        command = [sys.executable, "-P", "-c", MAIN, "--store", str(store.root), *words]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def test_a_suite_inside(begun, store, left) -> None:
    """Exit code and results are those of the run; keys are made where there are none; nothing is left on the engine."""
    process = begun("compose", "-f", str(FILE), *SOME)

    out, _ = process.communicate(timeout=110)

    run = store.find("latest")
    assert process.returncode == 0, out
    assert f"brought here: {run.path}" in out
    found = json.loads(run.results.read_text())
    assert (found["verdict"], found["runtime"]) == ("pass", "compose")
    assert found["replay"].startswith(f"labelproof compose -f {FILE} create_labels --runtime compose")
    assert not {"--cluster", "--secrets"} & set(found["replay"].split())
    assert (run.path / "report.html").exists()
    assert (run.path / "history" / "client1.jsonl").stat().st_size > 0
    assert (store.root / "secrets" / "oss.json").exists()
    assert left() == []


def test_ctrl_c(begun, store, left, there) -> None:
    """What was done so far is judged and brought here, and the project, which says whose it is, goes; exit 130."""
    process = begun("compose", "-f", str(FILE), "--nodes", "client=2", "mediation")
    for line in process.stdout:
        if line.startswith("mediation: "):
            runs = {
                one["Labels"]["labelproof.run"] for one in there.api.containers(filters={"label": "labelproof.run"})
            }
            os.kill(process.pid, signal.SIGINT)
            break

    out, _ = process.communicate(timeout=110)

    assert process.returncode == 130, out
    assert any(run.startswith("labelproof-compose.") and f".{process.pid}." in run for run in runs)
    assert json.loads(store.find("latest").results.read_text())["interrupted"] is True
    assert left() == []


def test_it_does_not_come_up(begun, tmp_path, left) -> None:
    """The tool's own words in one line, exit 4, nothing left."""
    (tmp_path / "c.yml").write_text("services: {mds: {image: $LABELPROOF_IMAGE, network_mode: nonesuch}}\n")

    process = begun("compose", "-f", "c.yml")

    out, _ = process.communicate(timeout=60)
    assert process.returncode == 4
    assert out.count("\n") == 1
    assert left() == []
