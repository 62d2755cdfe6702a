"""A cluster made clean between two tests: what is put right, what stays, and what cannot be cleaned."""

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import profile
from harness.clusters import RUNTIMES, Cluster, clean, inforce
from harness.policy import Policy
from harness.spec import ClusterSpec
from harness.suites import partners
from harness.tasks import Task
from labelproof.v1 import admin_pb2 as pb

WHO = profile.of("targeted")
Start = Callable[..., Cluster]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy.own("targeted", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def start(tmp_path: Path, policy: Policy) -> Iterator[Start]:
    """Starts a cluster on a runtime, stopped when the test is over."""
    running: list[Cluster] = []

    def start(runtime: str = "sim") -> Cluster:
        spec = ClusterSpec(policy=policy, root_context=WHO.root, oss=1)
        running.append(RUNTIMES[runtime]().start(spec, tmp_path))
        return running[-1]

    yield start
    for cluster in running:
        cluster.stop()


def login(cluster: Cluster, client: str = "client0", **more: object) -> Task:
    return cluster.client(client).login(WHO.admin, uid=0, gid=0, caps="all", **more)


def told(cluster: Cluster, node: str, name: str) -> int:
    return int(cluster.node(node).admin.stats(pb.StatsRequest()).counters[name])


def test_tasks_files_and_locks_are_gone(start: Start) -> None:
    """Every node says so itself; what was made stays."""
    cluster = start()
    found = clean.standing(cluster)
    first, second = login(cluster), login(cluster, "client1")
    fd = first.open("/f", os.O_CREAT | os.O_RDWR)
    first.lockf(fd, 1)
    second.open("/f")

    clean.clean(cluster, found)

    assert [told(cluster, client, "tasks") for client in ("client0", "client1")] == [0, 0]
    assert (told(cluster, "mds0", "open_files"), told(cluster, "mds0", "locks")) == (0, 0)
    with pytest.raises(ProcessLookupError):
        first.stat("/f")
    assert login(cluster).stat("/f").size == 0


@pytest.mark.parametrize("runtime", ["sim", "processes"])
def test_who_waits_in_the_open_of_a_fifo_is_logged_out(
    start: Start, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EINTR, and nobody has to be restarted: its handle is given back, and no end is left for a partner to find."""
    cluster = start(runtime)
    found = clean.standing(cluster)
    waits = waiting(cluster)
    held = told(cluster, "mds0", "open_files")
    monkeypatch.setattr(cluster, "restart", None)

    clean.clean(cluster, found)

    assert (held, told(cluster, "mds0", "open_files")) == (1, 0)
    assert cluster.run(ended(waits)) == errno.EINTR
    with pytest.raises(OSError) as nobody:
        login(cluster).open("/p", os.O_WRONLY | os.O_NONBLOCK)
    assert nobody.value.errno == errno.ENXIO


@pytest.mark.parametrize("runtime", ["sim", "processes"])
def test_who_waits_in_the_open_of_a_fifo_hears_that_the_node_stops(start: Start, runtime: str) -> None:
    """EINTR while it still answers, before calls under way are cut off."""
    cluster = start(runtime)
    waits = waiting(cluster)

    cluster.node("client0").stop()

    assert cluster.run(ended(waits)) == errno.EINTR


def waiting(cluster: Cluster) -> "asyncio.Task[int]":
    """An open that waits by now, of a fifo /p on client0."""
    task = login(cluster)
    task.mknod("/p", stat.S_IFIFO | 0o600)
    begun: asyncio.Task[int] = cluster.run(partners.begun(cluster, partners.Open(task, "/p", os.O_RDONLY)))
    return begun


async def ended(waits: "asyncio.Task[int]") -> int:
    """How it failed."""
    with pytest.raises(OSError) as failed:
        await waits
    return int(failed.value.errno or 0)


def test_what_is_to_last_stays(start: Start) -> None:
    """Tasks of before, and those that say so, keep what they have open."""
    cluster = start()
    before = login(cluster)
    found = clean.standing(cluster, frozenset({before.id}))
    fd = before.open("/f", os.O_CREAT | os.O_RDWR)
    lasting, other = login(cluster, lasting=True), login(cluster)

    clean.clean(cluster, found)

    before.write(fd, b"1")
    assert lasting.stat("/f").size == 1
    with pytest.raises(ProcessLookupError):
        other.stat("/f")


def test_rules_are_in_force_again(start: Start) -> None:
    """Policy, booleans and mode, whatever of them was changed, as whoever changed them last."""
    cluster = start()
    found, rules = clean.standing(cluster), cluster.rules
    admin = login(cluster)
    cluster.set_booleans({"user_write_shared": True}, admin)
    cluster.set_enforce(False, admin)
    changed = told(cluster, "mds0", "policy")

    clean.clean(cluster, found)

    assert changed != told(cluster, "mds0", "policy")
    assert cluster.rules == rules
    assert {told(cluster, node, "policy") for node in cluster.nodes} == {found.in_force["mds0"][0]}


def test_nodemaps_are_the_specs_again(start: Start) -> None:
    """On the node where they were replaced."""
    cluster = start()
    found = clean.standing(cluster)
    maps = pb.SetNodemapsRequest(nodemaps=[pb.Nodemap(name="default", trusted=True, read_only=True)])
    cluster.node("mds0").admin.set_nodemaps(maps)

    clean.clean(cluster, found)

    assert told(cluster, "mds0", "nodemaps") == found.in_force["mds0"][1]
    login(cluster).mkdir("/d")


def test_rules_that_nobody_may_restore_are_dirt(start: Start) -> None:
    """Changed past the cluster by somebody whom it does not know: it says so, naming the nodes."""
    cluster = start()
    found = clean.standing(cluster)
    admin = inforce.caller(WHO.admin, "harness")
    cluster.node("oss0").admin.set_enforce(pb.SetEnforceRequest(enforcing=False), admin)

    with pytest.raises(clean.Dirty, match="the subject has no label"):
        clean.clean(cluster, found)


def test_nodes_are_brought_back(start: Start) -> None:
    """Killed and paused ones run again; what a killed client held, the server has taken from it."""
    cluster = start("processes")
    found = clean.standing(cluster)
    task = login(cluster)
    task.open("/f", os.O_CREAT | os.O_RDWR)
    task.flock(task.open("/f"), 1)
    held = told(cluster, "mds0", "open_files")
    cluster.kill("client0")
    cluster.kill("oss0")
    cluster.pause("client1")

    clean.clean(cluster, found)

    assert held == 2
    assert (told(cluster, "mds0", "open_files"), told(cluster, "mds0", "locks")) == (0, 0)
    assert login(cluster, "client1").stat("/f").size == 0


def test_a_node_that_fell_by_itself_is_brought_back(start: Start) -> None:
    """Nobody of the harness has killed it."""
    cluster = start("processes")
    found = clean.standing(cluster)
    os.kill(cluster.machine._supervisor.pid("oss0"), 9)
    cluster.machine._supervisor._nodes["oss0"].process.wait()

    clean.clean(cluster, found)

    assert login(cluster).statfs()["files"] > 0


def test_a_client_that_took_lasting_tasks_along_is_dirt(start: Start) -> None:
    """Who holds them would find them gone."""
    cluster = start("processes")
    login(cluster, lasting=True)
    found = clean.standing(cluster)
    cluster.kill("client0")

    with pytest.raises(clean.Dirty, match="client0 took tasks along"):
        clean.clean(cluster, found)
