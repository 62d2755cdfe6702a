"""Nodes in containers: what the engine is given, what machines are able to do there, and what is left at the end."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from looking import eventually

from harness.clusters import Cluster, ClusterError, debris, engine, machine
from harness.clusters.docker import Docker
from harness.clusters.engine import Engine
from harness.spec import ClusterSpec

SPEC = ClusterSpec(mode="disabled", oss=1, client=1)
PROGRAM = """
import json, sys
from pathlib import Path
from harness.clusters.docker import Docker
from harness.spec import ClusterSpec
cluster = Docker().start(ClusterSpec(mode="disabled", oss=1, client=1), Path(sys.argv[1]))
machine = cluster.machine
machine._await_keeper()
print(json.dumps({"label": "labelproof.cluster=" + machine._cluster, "reaper": machine._reaper.pid}), flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(engine.problem() is not None, reason=str(engine.problem()))


@pytest.fixture(scope="module")
def there() -> Iterator[Engine]:
    """The engine."""
    found = engine.connect()
    yield found
    found.api.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One MDS, one OSS, one client, for all tests that leave it as it was."""
    running = Docker().start(SPEC, tmp_path_factory.mktemp("run1"))
    running.machine._await_keeper()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mine(cluster: Cluster, there: Engine) -> list[dict[str, Any]]:
    """What the engine says of the cluster's containers."""
    return [there.api.inspect_container(one["Id"]) for one in of(cluster, there)]


def of(cluster: Cluster, there: Engine) -> list[dict[str, Any]]:
    label = f"labelproof.cluster={cluster.machine._cluster}"
    found: list[dict[str, Any]] = there.api.containers(all=True, filters={"label": label})
    return found


def left(there: Engine, label: str) -> list[str]:
    """Names of what carries the label."""
    only = {"label": label}
    found = [one["Names"][0] for one in there.api.containers(all=True, filters=only) if one["Names"]]
    found += [one["Name"] for one in there.api.networks(filters=only)]
    return found + [one["Name"] for one in there.api.volumes(filters=only)["Volumes"] or ()]


# --- what the engine is given -------------------------------------------------------------------------------------


def test_everything_says_whose_it_is(cluster: Cluster, there: Engine) -> None:
    """Containers, networks and volumes carry run, owner and lease, and a name of ours."""
    only = {"label": f"labelproof.run={cluster.run_dir.name}"}

    found = [*there.api.containers(filters=only), *there.api.networks(filters=only)]
    found += there.api.volumes(filters=only)["Volumes"]

    assert len(found) == 4 + 1 + 3
    assert all({"labelproof.owner", "labelproof.lease"} <= one["Labels"].keys() for one in found)
    assert all(
        name.lstrip("/").startswith("labelproof-") for name in left(there, f"{engine.RUN}={cluster.run_dir.name}")
    )


def test_nodes_have_no_right_and_no_port(mine: list[dict[str, Any]]) -> None:
    """Another user than root, no capability, nothing published on this machine."""
    for one in mine:
        status = Path(f"/proc/{one['State']['Pid']}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert not one["NetworkSettings"]["Ports"]
        assert one["Config"]["User"] in {"10001:10001", "labelproof"}


def test_the_network_is_small_and_leads_nowhere(cluster: Cluster, there: Engine) -> None:
    """Internal, with a subnet of thirty-two addresses."""
    (network,) = there.api.networks(filters={"label": f"labelproof.cluster={cluster.machine._cluster}"})

    assert network["Internal"] is True
    assert IPv4Network(network["IPAM"]["Config"][0]["Subnet"]).prefixlen == 27


def test_the_key_is_nobodys_to_see(cluster: Cluster, mine: list[dict[str, Any]]) -> None:
    """What the engine shows of a container has no word of the node's configuration; its file is the node's alone."""
    assert not any("PRIVATE KEY" in json.dumps(one) for one in mine)
    config = cluster._data / "mds0" / "node.json"
    assert config.stat().st_mode & 0o777 == 0o400


# --- what a machine is able to do ---------------------------------------------------------------------------------


def test_its_abilities(cluster: Cluster) -> None:
    """All of them, on an engine of this machine; its files are the run's own."""
    abilities = (machine.Kill, machine.Pause, machine.Network, machine.Disk)

    assert all(isinstance(cluster.machine, ability) for ability in abilities)
    assert not isinstance(cluster.machine, machine.Mirrored)


def test_the_network_of_a_node_is_the_one_told(cluster: Cluster) -> None:
    """In the namespace told, the interface told has the address told."""
    told: Any = cluster.machine
    command = ["nsenter", "-t", str(told.namespace("oss0")), "-n", "ip", "-o", "-4", "addr", "show"]

    shown = subprocess.run([*command, "dev", told.interface("oss0")], capture_output=True, text=True, check=True).stdout

    assert f" {told.ip('oss0')}/27 " in shown
    assert cluster.address("oss0") == f"{told.ip('oss0')}:7000"


def test_a_node_answers_with_its_network_down(cluster: Cluster) -> None:
    """The harness has a way of its own."""
    told: Any = cluster.machine
    link = ["nsenter", "-t", str(told.namespace("oss0")), "-n", "ip", "link", "set", told.interface("oss0")]

    subprocess.run([*link, "down"], check=True)
    try:
        found = cluster.collect()
    finally:
        subprocess.run([*link, "up"], check=True)

    assert "mds0" in {one["target"] for one in found}


def test_a_node_stands_still_and_goes_on(cluster: Cluster) -> None:
    """As the engine says."""
    told: Any = cluster.machine

    cluster.pause("client0")
    stood = told.paused("client0")
    cluster.resume("client0")

    assert (stood, told.paused("client0")) == (True, False)


def test_killed_while_it_stands_still_it_never_goes_on(cluster: Cluster) -> None:
    """Not even to serve what waits for it."""
    root = cluster.client().login(None, uid=0, gid=0, caps="all")
    cluster.pause("mds0")
    mark = cluster.mark()
    waiting = threading.Thread(target=_tried, args=(root, "/frozen"))
    waiting.start()
    assert eventually(lambda: cluster.mark()["client0"] > mark["client0"])

    cluster.kill("mds0")

    assert cluster.mark()["mds0"] == mark["mds0"]
    with pytest.raises(KeyError):
        cluster.machine.namespace("mds0")
    cluster.restart("mds0")
    waiting.join()


def _tried(task: Any, path: str) -> None:
    with contextlib.suppress(OSError):
        task.mkdir(path)


def test_a_node_comes_back_on_its_volume_at_its_address(cluster: Cluster) -> None:
    """Killed or stopped; what was acknowledged is there, and so is the address."""
    root = cluster.client().login(None, uid=0, gid=0, caps="all")
    root.mkdir("/kept")
    before = cluster.address("mds0")

    cluster.kill("mds0")
    cluster.restart("mds0")
    cluster.restart("mds0")

    assert root.stat("/kept").fid
    assert cluster.address("mds0") == before


def test_the_volume_is_small_and_outlives_its_node(cluster: Cluster) -> None:
    """Seen from the process told, also while the node is down; it holds the data, and can be full."""
    told: Any = cluster.machine
    cluster.kill("oss0")
    volume = told.volume("oss0")
    there = Path(f"/proc/{volume.pid}/root{volume.path}")

    seen, size = {path.name for path in there.iterdir()}, os.statvfs(there)
    cluster.restart("oss0")

    assert any(name.endswith((".db", ".sqlite")) or "ost" in name for name in seen), seen
    assert size.f_blocks * size.f_frsize == 128 << 20


def test_a_node_that_ended_by_itself_is_named(tmp_path: Path) -> None:
    """With its status and where its log is, which is written by then; what it recorded stays."""
    cluster = Docker().start(SPEC, tmp_path / "run1")
    try:
        pid = cluster.machine.namespace("client0")
        os.kill(pid, signal.SIGKILL)
        # The engine hears of the end a moment after the kernel does.
        assert eventually(lambda: cluster.machine.fallen() is not None)

        with pytest.raises(OSError, match=r"node client0 ended with status 137: .*see .*client0\.log"):
            cluster.client().login(None)
    finally:
        cluster.stop()

    assert '"node": "client0"' in (tmp_path / "run1" / "logs" / "client0.log").read_text()
    assert (tmp_path / "run1" / "history" / "client0.jsonl").stat().st_size > 0


# --- what is left -------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_cluster_that_does_not_come_up(
    there: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that cannot serve is told with the last line of its log, and is gone with its neighbours."""
    monkeypatch.setattr("harness.clusters.docker_near.CONFIG", Path("/run/labelproof/other.json"))

    with pytest.raises(ClusterError, match=r"node \w+ ended with status \d+: .*node\.json"):
        Docker().start(SPEC, tmp_path / "run7")

    assert left(there, "labelproof.run=run7") == []


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A harness of its own with a cluster up, to be killed: its process, the label of the cluster, its reaper."""
    harness = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "run9")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert harness.stdout is not None
    yield SimpleNamespace(process=harness, **json.loads(harness.stdout.readline()))
    harness.kill()
    harness.communicate()


def test_kill_9_of_the_harness_leaves_nothing(there: Engine, killed: SimpleNamespace) -> None:
    """The reaper removes containers, networks and volumes, and ends."""
    assert len(left(there, killed.label)) == 4 + 1 + 3

    killed.process.kill()
    killed.process.wait()

    assert eventually(lambda: left(there, killed.label) == [])
    assert eventually(lambda: not Path(f"/proc/{killed.reaper}").exists())


def test_prune_removes_what_the_reaper_could_not(there: Engine, killed: SimpleNamespace) -> None:
    """A reaper that was killed too leaves everything, which the next start, or prune, finds ownerless."""
    before = [name for name in debris.left(there) if killed.label.partition("=")[2] in name]
    os.kill(killed.reaper, signal.SIGKILL)
    killed.process.kill()
    killed.process.wait()
    stayed = left(there, killed.label)

    removed = debris.sweep()

    assert before == []
    assert len(stayed) == 4 + 1 + 3
    assert len([name for name in removed if killed.label.partition("=")[2] in name]) == 4 + 1 + 3
    assert left(there, killed.label) == []


# --- an engine elsewhere ------------------------------------------------------------------------------------------


class Relay:
    """A port through which the engine is reached as one of another machine is."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, selectors.DefaultSelector() as ready:
            far.connect("/var/run/docker.sock")
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while ready.get_map():
                for key, _ in ready.select():
                    try:
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        key.data.sendall(data) if data else key.data.shutdown(socket.SHUT_WR)
                    except OSError:
                        return
                    if not data:
                        ready.unregister(key.fileobj)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """DOCKER_HOST as of an engine on another machine."""
    relay = Relay()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{relay.port}")
    yield
    relay.close()


@pytest.mark.usefixtures("away")
def test_on_an_engine_elsewhere_nothing_of_a_killed_node_is_lost(there: Engine, tmp_path: Path) -> None:
    """Nodes are reached at published ports; their histories are copied, also of those killed, paused or restarted."""
    cluster = Docker().start(SPEC, tmp_path / "run5")
    try:
        abilities = [isinstance(cluster.machine, one) for one in (machine.Kill, machine.Mirrored, machine.Network)]
        root = cluster.client().login(None, uid=0, gid=0, caps="all")
        root.mkdir("/a")
        seen = cluster.events()
        root.mkdir("/b")
        cluster.kill("mds0")
        dead = cluster.events()
        cluster.pause("oss0")
        still = cluster.mark()["oss0"]
        cluster.resume("oss0")
        cluster.restart("mds0")
        fid = root.stat("/b").fid
        label = f"labelproof.cluster={cluster.machine._cluster}"
        bound = [port.get("IP") for one in there.api.containers(filters={"label": label}) for port in one["Ports"]]
    finally:
        cluster.stop()
    events = cluster.events()

    assert abilities == [True, True, False]
    assert bound == ["127.0.0.1"] * 3
    assert fid
    assert still > 0
    for found, made in ((seen, ["a"]), (dead, ["a", "b"]), (events, ["a", "b"])):
        recv = [e for e in found if e["n"] == "mds0" and e.get("method") == "Mds/Mkdir" and e["phase"] == "recv"]
        assert [e["place"]["name"] for e in recv] == made
    for node in cluster.nodes:
        assert [e["i"] for e in events if e["n"] == node] == list(range(sum(e["n"] == node for e in events)))
    assert left(there, label) == []
