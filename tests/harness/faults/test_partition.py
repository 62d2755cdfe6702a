"""Partitions and links: what is cut is silent, what is not goes on, and errors are honest on both sides."""

import errno
import time
from collections.abc import Callable

import pytest

from harness.clusters import Cluster
from harness.faults import LinkDown, Partition
from rpc import definite

# Three tries of 0.4 s, and what a busy machine adds.
DEADLINE_S = 5.0


@pytest.mark.parametrize("direction", ["both", "out", "in"])
def test_a_partition_cuts_one_peer_off(cluster: Cluster, task, store, works, direction) -> None:
    """The client hears nothing of that server within its deadline, whichever way is cut; the other client does."""
    path, actor, other = store(), task(), task("client1")
    began = time.monotonic()

    with Partition("client0", "mds0", direction=direction).on(cluster):
        with pytest.raises(TimeoutError, match=r"mds0: .*no reply to .* in 0.4 s") as lost:
            actor.stat(path)
        took_s = time.monotonic() - began
        seen = other.stat(path).size

    assert took_s < DEADLINE_S
    assert not definite(lost.value)
    assert seen == 4 * 4096
    assert works()


def test_a_direction_is_a_direction(cluster: Cluster, task) -> None:
    """With only the answers lost the server does what it is asked; with the requests lost it hears of nothing."""
    actor, other = task(), task("client1")
    actor.stat("/")
    for direction, name in (("in", "answer-lost"), ("out", "request-lost")):
        with Partition("client0", "mds0", direction=direction).on(cluster):
            with pytest.raises(TimeoutError):
                actor.mkdir(f"/{name}")
            seen = {entry.name for entry in other.readdir("/")}

        assert (name in seen) == (direction == "in")


def test_a_node_alone_hears_nobody(cluster: Cluster, task, store, works) -> None:
    """No peers named: every other node is cut off."""
    path = store()
    actors = [task("client0"), task("client1")]

    with Partition("mds0").on(cluster):
        for actor in actors:
            with pytest.raises(TimeoutError):
                actor.stat(path)

    assert works()


def test_the_harness_is_not_cut_off(cluster: Cluster) -> None:
    """It reaches a node that nobody else does."""
    with Partition("oss0").on(cluster), LinkDown("oss0").on(cluster):
        found = {item["target"] for item in cluster.collect()}

    assert found == {"mds0", "oss0", "oss1"}


def test_a_truncate_that_reaches_one_server_only_is_not_sure(cluster: Cluster, task, store) -> None:
    """An OST that the MDS cannot reach: the file may be cut in part, and nobody claims that nothing happened."""
    path, actor = store(), task()

    with Partition("mds0", "oss0").on(cluster), pytest.raises(OSError) as lost:
        actor.truncate(path, 0)

    assert lost.value.errno in {errno.EIO, errno.ETIMEDOUT}
    assert not definite(lost.value)


def test_a_relabel_that_an_ost_misses_is_taken_back(cluster: Cluster, task, store, works) -> None:
    """All servers tell one label in the end, whichever it is."""
    path, actor = store(), task()
    fid = actor.stat(path).fid

    with Partition("mds0", "oss0").on(cluster), pytest.raises(OSError):
        actor.setxattr(path, "security.selinux", b"user_u:object_r:project_dir_t:s0")
    assert works()

    # What the client gave up may still be done after it did.
    assert _within(20, lambda: len({item["labels"]["security.selinux"] for item in cluster.collect(fid)}) == 1)


def test_a_pulled_cable_is_silence_for_the_others(cluster: Cluster, task, store, works) -> None:
    """The client's calls end with their deadline; plugged in, it goes on."""
    path, actor = store(), task()

    with LinkDown("mds0").on(cluster), pytest.raises(TimeoutError):
        actor.stat(path)

    assert works()


def test_two_equal_partitions_heal_one_by_one(cluster: Cluster, task, store, look, works) -> None:
    """Each takes its own rules away: the link is back when both are healed."""
    first, second = Partition("client0", "mds0"), Partition("client0", "mds0")
    cluster.faults.start(first)
    cluster.faults.start(second)
    rules = len(look())

    cluster.faults.heal(first)

    assert len(look()) == rules // 2 > 0
    cluster.faults.heal(second)
    assert works()


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it comes to hold some time soon: who was cut off is told what it missed."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        """A round of rpcs is pause enough."""
    return condition()
