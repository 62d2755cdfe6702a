"""Runtime compose without an engine: nodes that run already, as processes here, taken over by their addresses."""

import errno
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters import Cluster, ClusterError
from harness.clusters.compose import Compose
from harness.clusters.machine import Kill, Mirrored, Pause
from harness.clusters.places import Addresses
from harness.containers import certs
from harness.pool import Pool
from harness.spec import ClusterSpec

SPEC = ClusterSpec(mode="disabled", oss=1, client=1)
TIMEOUT_S = 20


class Nodes:
    """Processes as containers run them; `text` is where they listen."""

    def __init__(self, folder: Path, ended: ExitStack) -> None:
        self.secrets = folder / "secrets"
        self.addresses: list[str] = []
        self._folder = folder
        self._ended = ended
        certs.make(self.secrets, "lab", {"mds": 1, "oss": 2, "client": 1})

    @property
    def text(self) -> str:
        return ",".join(self.addresses)

    def start(self, role: str, listen: str = "") -> subprocess.Popen:
        with socket.create_server(("127.0.0.1", 0)) as free:
            listen = listen or f"127.0.0.1:{free.getsockname()[1]}"
        command = [sys.executable, "-P", "-m", role, "--secrets", str(self.secrets / f"{role}.json")]
        command += ["--data", str(self._folder / role), "--listen", listen]
        with (self._folder / "log").open("ab") as log:
            node = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self._ended.enter_context(node)
        self._ended.callback(node.kill)
        assert select.select([node.stdout], [], [], TIMEOUT_S)[0], "the node says nothing"
        assert node.stdout.readline(), (self._folder / "log").read_text()
        self.addresses.append(listen)
        return node


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One node of each role, for run after run."""
    with ExitStack() as ended:
        found = Nodes(tmp_path_factory.mktemp("nodes"), ended)
        for role in ("mds", "oss"):
            found.start(role)
        found.client = found.start("client")
        yield found


@pytest.fixture
def taken(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Cluster]]:
    """Takes the nodes over for a run: `taken("run1")`."""
    monkeypatch.setenv("LABELPROOF_CLUSTER", nodes.text)
    monkeypatch.setenv("LABELPROOF_SECRETS", str(nodes.secrets))
    with ExitStack() as stopped:

        def take(run: str = "run", spec: ClusterSpec = SPEC) -> Cluster:
            (tmp_path / run).mkdir(exist_ok=True)
            cluster = Compose().start(spec, tmp_path / run)
            stopped.callback(cluster.stop)
            return cluster

        yield take


def test_a_run_has_the_nodes_for_itself(nodes, taken, tmp_path) -> None:
    """What one run made the next does not see, nor who was logged in; both leave the nodes up."""
    first = taken("run1")
    first.client().login(None, uid=0, caps="all").mkdir("/d")
    first.stop()

    second = taken("run2")
    task = second.client().login(None, uid=0, caps="all")
    found = [entry.name for entry in task.readdir("/")]
    task.mkdir("/d")

    assert found == []
    assert second.spec.name == "lab"
    assert all(node.address in nodes.addresses for node in second.nodes.values())


def test_each_run_has_its_own_evidence(taken, tmp_path) -> None:
    """The histories in the run's folder are whole, begin with the run, and hold nothing of another."""
    for run in ("run1", "run2"):
        cluster = taken(run)
        cluster.client().login(None, uid=0, caps="all").mkdir(f"/{run}")
        cluster.stop()

    texts = [(tmp_path / run / "history" / "mds0.jsonl").read_text() for run in ("run1", "run2")]
    assert all(text.startswith('{"e":"run","n":"mds0","i":0,') for text in texts)
    assert ["Mds/Mkdir" in text for text in texts] == [True, True]
    assert ("run1" in texts[1], "run2" in texts[0]) == (False, False)
    assert {path.name for path in (tmp_path / "run2" / "history").iterdir()} == {
        "harness.jsonl", "mds0.jsonl", "oss0.jsonl", "client0.jsonl",
    }  # fmt: skip


def test_events_so_far(taken) -> None:
    """What a test did is there while the cluster runs, though the nodes' files are elsewhere."""
    cluster = taken()
    mark = cluster.mark()

    cluster.client().login(None, uid=0, caps="all").mkdir("/d")

    methods = {e["method"] for e in cluster.events(mark) if e["e"] == "rpc" and e["n"] == "mds0"}
    assert "Mds/Mkdir" in methods
    assert "Admin/ReadEvidence" not in methods
    assert "Standalone/Begin" not in {e.get("method") for e in cluster.events()}


def test_once_stopped_nobody_is_asked(taken, monkeypatch) -> None:
    """Whoever listens there by then may be of another cluster: events are those that were brought when it stopped."""
    cluster = taken()
    cluster.client().login(None, uid=0, caps="all").mkdir("/d")
    cluster.stop()
    asked: list[str] = []
    monkeypatch.setattr(cluster.machine, "connect", lambda address, *rest: asked.append(address))

    found = cluster.events()

    assert "Mds/Mkdir" in {event.get("method") for event in found}
    assert asked == []


def test_restart_keeps_what_the_run_stored(taken) -> None:
    """Without an engine a node is restarted by beginning it again, in the same run: its store is there."""
    cluster = taken()
    task = cluster.client().login(None, uid=0, caps="all")
    task.mkdir("/d")

    cluster.node("mds0").restart()

    assert [entry.name for entry in task.readdir("/")] == ["d"]
    machine = cluster.machine
    assert isinstance(machine, Mirrored)
    assert not isinstance(machine, Kill | Pause)
    with pytest.raises(OSError, match="cannot kill") as refused:
        cluster.node("mds0").kill()
    assert refused.value.errno == errno.EOPNOTSUPP


def test_a_node_too_many(nodes, taken, monkeypatch) -> None:
    """A cluster that is larger than the one wanted is not taken in part."""
    extra = nodes.start("oss")
    monkeypatch.setenv("LABELPROOF_CLUSTER", nodes.text)
    address = nodes.addresses.pop()

    with pytest.raises(ClusterError, match="runs oss1 besides; run as many nodes"):
        taken()
    cluster = taken(spec=replace(SPEC, oss=2))
    found = cluster.node("oss1").address
    cluster.stop()
    extra.terminate()

    assert (found, extra.wait(TIMEOUT_S)) == (address, 0)


def test_a_node_too_few(nodes, taken, monkeypatch) -> None:
    """Who is there and who is not, once the time for it is over."""
    monkeypatch.setattr("harness.clusters.takeover.READY_S_MAX", 0.5)

    with pytest.raises(ClusterError, match=r"did not come up in 0\.5 s: no client1; found ") as raised:
        taken(spec=replace(SPEC, client=2))

    assert all(f": {name}" in str(raised.value) for name in ("mds0", "oss0", "client0"))


def test_nodes_that_are_late(nodes, taken, monkeypatch) -> None:
    """It waits for a node that is not there yet."""
    address = nodes.addresses.pop()
    nodes.client.terminate()
    nodes.client.wait(TIMEOUT_S)
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(taken)
        nodes.client = nodes.start("client", address)
        cluster = begun.result(TIMEOUT_S)

    assert cluster.node("client0").address == address


def test_one_run_at_a_time(taken) -> None:
    """The second is told so at once, and does not disturb the first."""
    first = taken("run1")

    with pytest.raises(ClusterError, match="; a cluster serves one run at a time"):
        taken("run2")

    first.client().login(None, uid=0, caps="all").mkdir("/d")


def test_other_secrets(nodes, taken, tmp_path, monkeypatch) -> None:
    """Nodes of another cluster do not count, and the message says why nobody could be found."""
    certs.make(tmp_path / "others", "lab", {"mds": 1, "oss": 1, "client": 1})
    monkeypatch.setenv("LABELPROOF_SECRETS", str(tmp_path / "others"))
    monkeypatch.setattr("harness.clusters.takeover.READY_S_MAX", 0.5)

    with pytest.raises(ClusterError, match="CERTIFICATE_VERIFY_FAILED"):
        taken()


def test_no_secrets(nodes, taken, tmp_path, monkeypatch) -> None:
    """Both ways out are named: making them, and saying where they are."""
    monkeypatch.setenv("LABELPROOF_SECRETS", str(tmp_path / "none"))

    with pytest.raises(ClusterError, match="`labelproof certs` makes it; LABELPROOF_SECRETS says"):
        taken()


@pytest.mark.parametrize("text", ["mds", "mds:", ":7000", "mds:seven"])
def test_what_is_no_address(text) -> None:
    """host:port, nothing else."""
    with pytest.raises(ValueError, match="is no address; give host:port"):
        Addresses(text)


def test_a_name_of_many_and_of_none() -> None:
    """Every address of a name counts; a service that is not up yet has none, and is no error."""
    assert Addresses("localhost:7000, nonexistent.invalid:7000").candidates() == ["127.0.0.1:7000"]


def test_available_without_an_engine(monkeypatch) -> None:
    """Addresses need no engine; anything else says what is missing."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setenv("LABELPROOF_CLUSTER", "mds:7000,oss:7000")
    by_address = Compose().available()
    monkeypatch.setenv("LABELPROOF_CLUSTER", "lab")

    by_name = Compose().available()

    assert by_address is None
    assert "no container engine answers at unix:///nonexistent/docker.sock" in by_name


def test_kinds_of_clusters_one_after_the_other(nodes, tmp_path, monkeypatch) -> None:
    """A session that asks for two kinds has the nodes for one, then for the other: never for both."""
    monkeypatch.setenv("LABELPROOF_CLUSTER", nodes.text)
    monkeypatch.setenv("LABELPROOF_SECRETS", str(nodes.secrets))
    pool = Pool("compose", tmp_path)
    try:
        first = pool.get(SPEC).cluster
        again = pool.get(SPEC).cluster
        second = pool.get(replace(SPEC, stripe_size=131072)).cluster
        second.client().login(None, uid=0, caps="all").mkdir("/d")
        members = [member.cluster for member in pool.members]
    finally:
        pool.close()

    assert again is first
    assert members == [second]
