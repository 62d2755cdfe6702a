"""Delay, jitter, loss, bandwidth: calls are late or come through all the same, and only where they should."""

import errno
import os
import time
from pathlib import Path

import pytest

from harness.clusters import Cluster
from harness.faults import Bandwidth, Delay, Jitter, Loss, Netem


def seconds(work) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_a_delay_delays_each_call(cluster: Cluster, task, store) -> None:
    """A stat is one round trip, so it takes the delay and a little more; healed, it does not."""
    path, actor = store(), task()
    actor.stat(path)

    with Delay("client0", delay_ms=80).on(cluster):
        late_s = min(seconds(lambda: actor.stat(path)) for _ in range(3))
    healed_s = min(seconds(lambda: actor.stat(path)) for _ in range(3))

    assert late_s >= 0.08
    assert healed_s < 0.08


def test_a_delay_towards_one_peer_is_that_peers(cluster: Cluster, task, store) -> None:
    """Data of one OST is late, the metadata is not."""
    path, actor = store(), task()
    fd = actor.open(path)
    actor.pread(fd, 1, 0)

    with Delay("client0", "oss0", delay_ms=80).on(cluster):
        data_s = max(seconds(lambda stripe=stripe: actor.pread(fd, 1, 4096 * stripe)) for stripe in range(2))
        names_s = min(seconds(lambda: actor.stat(path)) for _ in range(3))

    assert names_s < 0.08 <= data_s


def test_jitter_makes_calls_uneven(cluster: Cluster, task, store) -> None:
    """They take from nothing to twice the mean, and all of them succeed."""
    path, actor = store(), task()
    actor.stat(path)

    with Jitter("client0", jitter_ms=40).on(cluster):
        took_s = [seconds(lambda: actor.stat(path)) for _ in range(12)]

    assert max(took_s) - min(took_s) > 0.02


def test_lost_packets_are_sent_again(cluster: Cluster, store) -> None:
    """TCP sees to it that calls succeed; the queue really lost some."""
    with Loss("client0", loss=0.2).on(cluster):
        retransmitted = _retransmitted(cluster)
        for _ in range(6):
            try:
                store()
            except TimeoutError:
                """Several in a row may be lost: then the deadline comes first."""
        again = _retransmitted(cluster)

    assert again > retransmitted


def test_bandwidth_is_shared_by_what_is_sent(cluster: Cluster, task) -> None:
    """At 1 Mbit/s, 64 KiB more than the bucket holds take most of half a second."""
    actor = task()
    fd = actor.open("/bandwidth", os.O_CREAT | os.O_WRONLY)
    actor.pwrite(fd, b"x", 0)
    quick_s = seconds(lambda: actor.pwrite(fd, b"x" * (64 << 10), 0))

    with Bandwidth("client0", kbit=1000).on(cluster):
        slow_s = seconds(lambda: _patient(lambda: actor.pwrite(fd, b"x" * (64 << 10), 0)))

    assert slow_s > quick_s + 0.25


def test_one_shape_a_node(cluster: Cluster) -> None:
    """A second one is refused with the remedy, on that node only."""
    cluster.faults.start(Delay("oss0", delay_ms=1))

    with pytest.raises(OSError, match=r"shaped by delay already; heal that") as refused:
        cluster.faults.start(Bandwidth("oss0", kbit=1000))

    assert refused.value.errno == errno.EOPNOTSUPP
    cluster.faults.start(Bandwidth("oss1", kbit=1000))


def test_what_netem_is_told() -> None:
    """Where the kernel has it, it does the whole: words of tc-netem(8)."""
    assert Netem("client0", delay_ms=50, jitter_ms=10, loss=0.01).netem() == [
        "delay", "50ms", "10ms", "loss", "1.000000%",
    ]  # fmt: skip
    assert Loss("client0", loss=0.5).netem() == ["loss", "50.000000%"]


def test_a_queue_without_its_program_is_no_fault(cluster: Cluster) -> None:
    """verify sees that nobody serves the queue any more."""
    fault = Delay("client0", delay_ms=1)
    cluster.faults.start(fault)
    assert fault._daemon is not None
    fault._daemon.kill()
    fault._daemon.wait()

    with pytest.raises(OSError, match=r"nobody who serves it"):
        fault.verify(cluster)


def _patient(call) -> None:
    """A call that may run into its deadline and be sent again."""
    try:
        call()
    except TimeoutError:
        """Slow enough."""


def _retransmitted(cluster: Cluster) -> int:
    """TCP segments that client0 sent again (proc_net_snmp, Tcp: RetransSegs)."""
    text = Path(f"/proc/{cluster.machine.namespace('client0')}/net/snmp").read_text()
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])
