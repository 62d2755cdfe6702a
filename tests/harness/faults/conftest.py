"""A cluster on netns, then one on docker: with short deadlines, and looked over for leavings after each test."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import profile
from harness.clusters import RUNTIMES, Cluster
from harness.faults import inside
from harness.policy import Policy
from harness.spec import ClusterSpec
from harness.tasks import Task

STRIPE = 4096


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Our own policy `targeted`."""
    return Policy.own("targeted", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", params=["netns", "docker"])
def one_cluster(
    request: pytest.FixtureRequest, policy: Policy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A cluster on real networks and volumes; a client gives a server up after 3 x 0.4 s."""
    runtime = RUNTIMES[request.param]()
    if reason := runtime.available() or inside.missing(*inside.TOOLS):
        pytest.skip(reason)
    spec = ClusterSpec(policy=policy, root_context=profile.of("targeted").root, rpc_timeout_s=0.4, stripe_size=STRIPE)
    running = runtime.start(spec, tmp_path_factory.mktemp("run"))
    yield running
    running.stop()


@pytest.fixture
def cluster(one_cluster: Cluster) -> Iterator[Cluster]:
    """It, healed after each test: nothing of a fault is left, and everything works again."""
    yield one_cluster
    one_cluster.heal()
    assert leavings(one_cluster) == []
    assert serves(one_cluster)


@pytest.fixture
def missed(cluster: Cluster) -> dict[int, bool]:
    """With what errno a client misses a node that is gone, and whether that says that nothing happened.

    A container takes its address along: where nobody refuses a connection, the deadline may end before the attempt.
    """
    return {errno.ENOTCONN: True} | ({errno.ETIMEDOUT: False} if cluster.runtime == "docker" else {})


@pytest.fixture
def look(cluster: Cluster) -> Callable[[], list[str]]:
    """What of a fault is in the nodes' namespaces now."""
    return lambda: leavings(cluster)


@pytest.fixture
def task(cluster: Cluster) -> Callable[..., Task]:
    """A new administrator's task on a client."""

    def login(client: str = "client0") -> Task:
        return cluster.client(client).login(profile.of("targeted").admin, uid=0, gid=0, caps="all")

    return login


@pytest.fixture
def store(task: Callable[..., Task]) -> Callable[..., str]:
    """Makes a file of some stripes; its path."""

    def make(client: str = "client0", size: int = 4 * STRIPE) -> str:
        return stored(task(client), size)

    return make


@pytest.fixture
def works(cluster: Cluster) -> Callable[[], bool]:
    """Whether everything works."""
    return lambda: serves(cluster)


def stored(task: Task, size: int) -> str:
    """A new file of `size` bytes."""
    path = f"/{os.urandom(8).hex()}"
    fd = task.open(path, os.O_CREAT | os.O_WRONLY)
    task.pwrite(fd, b"x" * size, 0)
    task.close(fd)
    return path


def serves(cluster: Cluster) -> bool:
    """Whether both clients get files made, within a few tries: TCP finds out by itself that a link is back."""
    for client in ("client0", "client1"):
        actor = cluster.client(client).login(profile.of("targeted").admin, uid=0, gid=0, caps="all")
        for left in reversed(range(8)):
            try:
                stored(actor, 4 * STRIPE)
                break
            except TimeoutError:
                if not left:
                    raise
    return True


def leavings(cluster: Cluster) -> list[str]:
    """Rules, qdiscs, queues, downed links and ballast in the nodes' namespaces, and processes that serve queues."""
    found: list[str] = []
    for node in cluster.nodes:
        pid = str(cluster.machine.namespace(node))
        found += [line for line in _said(pid, "iptables", "-S") if not line.startswith("-P")]
        link: Any = ("dev", cluster.machine.interface(node))
        found += [line for line in _said(pid, "tc", "qdisc", "show", *link) if "noqueue" not in line]
        found += [line for line in _said(pid, "ip", "-o", "link", "show", *link) if "state UP" not in line]
        found += Path(f"/proc/{pid}/net/netfilter/nfnetlink_queue").read_text().splitlines()
        volume: Any = cluster.machine.volume(node)
        found += [str(path) for path in Path(f"/proc/{pid}/root{volume.path}").glob(".labelproof-*")]
    return found + [command for command in _commands() if "nfqueue.py" in command]


def _said(pid: str, *command: str) -> list[str]:
    done = subprocess.run(["nsenter", "-t", pid, "-n", *command], capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _commands() -> list[str]:
    """The command lines of this process's children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") for child in children]
