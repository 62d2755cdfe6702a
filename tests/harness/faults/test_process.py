"""kill, pause, stop, restart: a node is gone or still, says so by its silence, and comes back with its data."""

import errno

import pytest

from harness.clusters import Cluster
from harness.faults import Kill, Pause, Restart, Stop
from labelproof.v1 import admin_pb2 as pb
from rpc import definite


def test_a_killed_server_is_missed(cluster: Cluster, task, store, works, missed) -> None:
    """Where a call is refused, it surely did not happen. Healed, what was acknowledged is there."""
    path = store()

    with Kill("mds0").on(cluster), pytest.raises(OSError) as lost:
        task().stat(path)

    assert missed[lost.value.errno] == definite(lost.value)
    assert "mds0" in str(lost.value)
    assert task().stat(path).size == 4 * 4096
    assert works()


def test_a_paused_server_is_waited_for(cluster: Cluster, task, store, works) -> None:
    """Its connections are open, so a call ends with its deadline, and may have happened."""
    path, actor = store(), task()

    with Pause("mds0").on(cluster), pytest.raises(TimeoutError) as lost:
        actor.stat(path)

    assert not definite(lost.value)
    assert "mds0: " in str(lost.value)
    assert actor.stat(path).size == 4 * 4096
    assert works()


def test_a_stopped_server_comes_back_with_its_data(cluster: Cluster, task, store, works, missed) -> None:
    """An OST in good order down: what lies on it cannot be read meanwhile, and can be read afterwards."""
    path, actor = store(), task()
    fd = actor.open(path)

    with Stop("oss0").on(cluster), pytest.raises(OSError) as lost:
        actor.pread(fd, 4096 * 4, 0)

    assert lost.value.errno in missed
    assert actor.pread(actor.open(path), 4096 * 4, 0) == b"x" * 4096 * 4
    assert works()


def test_a_restarted_server_has_its_data(cluster: Cluster, task, store) -> None:
    """And nothing of what it only had in memory: nobody has a file open."""
    path, actor = store(), task()
    actor.open(path)
    before = _open_files(cluster, "mds0")

    cluster.faults.start(Restart("mds0"))

    assert _open_files(cluster, "mds0") == 0 < before
    assert task().stat(path).size == 4 * 4096


def test_faults_on_several_nodes_heal_in_any_order(cluster: Cluster, works) -> None:
    """Servers dead and paused at once, a client restarted meanwhile: whoever comes back first waits for the others."""
    faults = [Kill("oss0"), Pause("oss1"), Kill("mds0"), Kill("client1")]
    for fault in faults:
        cluster.faults.start(fault)

    for fault in faults:
        cluster.faults.heal(fault)

    assert works()


def test_what_is_down_cannot_be_struck_down(cluster: Cluster) -> None:
    """A node that was ended cannot be killed, stopped or paused; the error says what to do."""
    cluster.faults.start(Kill("oss1"))

    for fault in (Kill("oss1"), Stop("oss1"), Pause("oss1")):
        with pytest.raises(OSError, match=r"oss1 does not run; heal") as refused:
            cluster.faults.start(fault)
        assert refused.value.errno == errno.EOPNOTSUPP


def _open_files(cluster: Cluster, node: str) -> int:
    """As the node itself counts them."""
    reply = cluster.node(node).admin.stats(pb.StatsRequest())
    return int(reply.counters["open_files"])
