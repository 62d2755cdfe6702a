"""What is left when the harness dies: nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from looking import eventually

from harness import owner

PROGRAM = """
import json, sys, tempfile
from pathlib import Path
from harness.clusters import RUNTIMES
from harness.spec import ClusterSpec
tempfile.tempdir = sys.argv[1]
cluster = RUNTIMES["processes"]().start(ClusterSpec(mode="disabled", oss=1, client=1), Path(sys.argv[2]))
pids = [cluster._machine._supervisor.pid(name) for name in cluster.nodes]
print(json.dumps({"pids": pids, "data": str(cluster._data)}), flush=True)
for line in sys.stdin:
    cluster.node("mds0").pause()
    print(json.dumps("paused"), flush=True)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def booted(tmp_path: Path) -> tuple[subprocess.Popen, dict]:
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "tmp"), str(tmp_path / "run")]
    harness = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return harness, json.loads(harness.stdout.readline())


def finish(harness: subprocess.Popen) -> None:
    harness.wait()
    harness.stdin.close()
    harness.stdout.close()


def test_kill_9_of_the_harness_leaves_nothing(tmp_path: Path) -> None:
    """When the harness is killed its nodes end and remove their data by themselves."""
    harness, found = booted(tmp_path)
    assert not any(map(gone, found["pids"]))
    assert Path(found["data"]).is_dir()

    harness.kill()
    finish(harness)

    assert eventually(lambda: all(map(gone, found["pids"])))
    assert eventually(lambda: not Path(found["data"]).exists())


def test_kill_9_of_the_harness_ends_a_paused_node(tmp_path: Path) -> None:
    """It does not see that its stdin ended, so its guard ends it; what it had is for prune."""
    harness, found = booted(tmp_path)
    harness.stdin.write(b"pause\n")
    harness.stdin.flush()
    assert json.loads(harness.stdout.readline()) == "paused"

    harness.kill()
    finish(harness)

    assert eventually(lambda: all(map(gone, found["pids"])))
    owner.prune(tmp_path / "tmp")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_prune_removes_what_the_nodes_could_not(tmp_path: Path) -> None:
    """Nodes that were killed with the harness leave their data; the next start removes it."""
    harness, found = booted(tmp_path)
    for pid in (harness.pid, *found["pids"]):
        os.kill(pid, signal.SIGSTOP)
    for pid in (*found["pids"], harness.pid):
        os.kill(pid, signal.SIGKILL)
    finish(harness)
    assert eventually(lambda: all(map(gone, found["pids"])))
    assert Path(found["data"]).is_dir()

    removed = owner.prune(tmp_path / "tmp")

    assert removed == [Path(found["data"])]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_of_the_harness_leaves_nothing(tmp_path: Path) -> None:
    """An interrupt of a harness that does not even stop its cluster ends the nodes too."""
    harness, found = booted(tmp_path)

    harness.send_signal(signal.SIGINT)
    finish(harness)

    assert eventually(lambda: all(map(gone, found["pids"])))
    assert eventually(lambda: not Path(found["data"]).exists())
