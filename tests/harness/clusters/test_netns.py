"""Nodes as hosts of a network: each alone on its host, reached past its network, and gone with the harness."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import children, eventually, in_use, marked, mounted

from harness import owner
from harness.clusters import RUNTIMES, Cluster, ClusterError, netns
from harness.clusters.netns_lab import VOLUME_BYTES
from harness.faults import inside
from harness.spec import ClusterSpec

SPEC = ClusterSpec(mode="disabled", oss=1, client=1)
pytestmark = pytest.mark.skipif(
    RUNTIMES["netns"]().available() is not None, reason=str(RUNTIMES["netns"]().available())
)

PROGRAM = """
import json, sys, tempfile
from pathlib import Path
print("begun", flush=True)
from harness import faults
from harness.clusters import RUNTIMES
from harness.spec import ClusterSpec
tempfile.tempdir = sys.argv[1]
cluster = RUNTIMES["netns"]().start(ClusterSpec(mode="disabled", oss=1, client=1), Path(sys.argv[2]))
for fault in (
    faults.Delay("client0", delay_ms=20), faults.Partition("client0", "mds0"), faults.LinkDown("oss0"),
    faults.DiskFull("oss0"), faults.Pause("mds0"),
):
    cluster.faults.start(fault)
print(json.dumps({name: cluster.machine.namespace(name) for name in cluster.nodes}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A small cluster."""
    running = RUNTIMES["netns"]().start(SPEC, tmp_path_factory.mktemp("run"))
    yield running
    running.stop()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A harness of its own that boots a cluster and breaks it; whatever it starts bears the mark."""
    if reason := inside.missing(*inside.TOOLS):
        pytest.skip(reason)
    mark = f"LABELPROOF_TEST_MARK={uuid.uuid4()}"
    (tmp_path / "t").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "t"), str(tmp_path / "run")], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=os.environ | dict([mark.split("=")]),
    )  # fmt: skip
    yield process, mark
    process.kill()
    process.communicate()
    for pid in marked(mark):
        os.kill(pid, signal.SIGKILL)


def test_kill_9_of_the_harness_leaves_nothing(harness, tmp_path: Path) -> None:
    """With a queue, rules, a downed link, a full volume and a paused node in place: the kernel takes them all."""
    process, mark = harness
    assert process.stdout.readline() == b"begun\n"
    holders = json.loads(process.stdout.readline())
    networks = {str(Path(f"/proc/{pid}/ns/net").readlink()) for pid in holders.values()}
    assert len(networks) == 3
    assert len(marked(mark)) > 6

    process.kill()
    process.wait()

    assert eventually(lambda: not marked(mark))
    assert eventually(lambda: not networks & in_use())
    assert eventually(lambda: not mounted(tmp_path))
    owner.prune(tmp_path / "t")
    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.parametrize("after_s", [0.3, 0.5, 0.7, 0.9, 1.1, 1.4])
def test_kill_9_while_the_cluster_comes_up_leaves_nothing(harness, tmp_path: Path, after_s: float) -> None:
    """Whatever was made so far goes: holders, nodes, links in the making, faults in the making."""
    process, mark = harness
    assert process.stdout.readline() == b"begun\n"
    select.select([], [], [], after_s)

    process.kill()
    process.wait()

    assert eventually(lambda: not marked(mark))
    assert eventually(lambda: not mounted(tmp_path))
    assert not our_links()
    owner.prune(tmp_path / "t")
    assert list((tmp_path / "t").iterdir()) == []


def test_stop_leaves_nothing(tmp_path: Path) -> None:
    """No process, no mount, no folder."""
    before = {entry.name for entry in Path("/proc").iterdir()}
    running = RUNTIMES["netns"]().start(SPEC, tmp_path)
    networks = {str(Path(f"/proc/{running.machine.namespace(name)}/ns/net").readlink()) for name in running.nodes}
    data = running._data

    running.stop()

    assert eventually(lambda: not networks & in_use())
    assert not data.exists()
    assert not mounted(data)
    assert not [pid for pid in children() if str(pid) not in before]


def test_every_node_has_a_network_of_its_own(cluster: Cluster) -> None:
    """And an address in it; this process's own network has no link of theirs."""
    networks = {str(Path(f"/proc/{cluster.machine.namespace(name)}/ns/net").readlink()) for name in cluster.nodes}
    addresses = {cluster.node(name).address.rpartition(":")[0] for name in cluster.nodes}

    assert len(networks | {str(Path("/proc/self/ns/net").readlink())}) == 4
    assert addresses == {cluster.machine.ip(name) for name in cluster.nodes}
    assert not our_links()


def test_every_node_has_a_volume_of_its_own(cluster: Cluster) -> None:
    """Of limited size, and seen by its host only."""
    volume = cluster.machine.volume("mds0")

    there = os.statvfs(f"/proc/{volume.pid}/root{volume.path}")

    assert there.f_blocks * there.f_frsize == VOLUME_BYTES
    assert list(volume.path.iterdir()) == []


def test_a_restarted_node_is_on_its_host_again(cluster: Cluster) -> None:
    """Same namespaces, same address, same data."""
    before = cluster.machine.ip("mds0"), cluster.machine.namespace("mds0")
    task = cluster.client().login(None, uid=0, gid=0, caps="all")
    task.mkdir("/kept")

    cluster.node("mds0").kill()
    cluster.node("mds0").restart()

    assert (cluster.machine.ip("mds0"), cluster.machine.namespace("mds0")) == before
    assert [entry.name for entry in task.readdir("/")] == ["kept"]


def test_a_host_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with nothing left of the others."""
    monkeypatch.setattr("harness.clusters.netns_lab._SWITCH", ("unshare", "--no-such-thing"))
    before = set(children())

    with pytest.raises(ClusterError, match=r"no namespaces for switch: unshare: unrecognized option"):
        RUNTIMES["netns"]().start(SPEC, tmp_path)

    assert set(children()) <= before


def test_a_folder_however_deep_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of sockets are short (unix(7) has room for 107 characters), the folders' need not be."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))

    RUNTIMES["netns"]().start(SPEC, tmp_path / "run").stop()

    assert list(deep.iterdir()) == []


def test_what_is_lacking_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools, then rights; each with its remedy."""
    monkeypatch.setattr(netns, "_capable", lambda number: False)
    assert "run as root" in str(RUNTIMES["netns"]().available())

    monkeypatch.setenv("PATH", "/nowhere")
    assert "install util-linux" in str(RUNTIMES["netns"]().available())


def our_links() -> list[str]:
    """Links with names that we give, in this process's own network."""
    return [link.name for link in Path("/sys/class/net").iterdir() if link.name.startswith(("port", "switch"))]
