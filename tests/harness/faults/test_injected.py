"""What every fault has: verified in place, told in the history, healed whatever happens."""

import errno
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from harness.clusters import RUNTIMES, Cluster
from harness.faults import FAULTS, Delay, Fault, Partition, inside
from harness.spec import ClusterSpec


@dataclass(eq=False)
class Told(Fault):
    """A fault that is only told of."""

    name: ClassVar[str] = "told"

    log: list[str] = field(default_factory=list)
    broken: str = ""

    @property
    def nodes(self) -> tuple[str, ...]:
        return ("client0",)

    def available(self, cluster: Cluster) -> str | None:
        return None

    def start(self, cluster: Cluster) -> None:
        self._do("start")

    def verify(self, cluster: Cluster) -> None:
        self._do("verify")

    def heal(self, cluster: Cluster) -> None:
        self._do("heal")

    def verify_healed(self, cluster: Cluster) -> None:
        self._do("verify_healed")

    def _do(self, what: str) -> None:
        self.log.append(what)
        if what == self.broken:
            raise OSError(errno.EIO, f"{what} fails")


@pytest.fixture
def sim(tmp_path):
    """A cluster that boots in no time."""
    running = RUNTIMES["sim"]().start(ClusterSpec(mode="disabled", oss=1, client=1), tmp_path)
    yield running
    running.stop()


def test_a_fault_is_healed_when_its_block_fails(sim: Cluster) -> None:
    """Each step is done once, in order."""
    fault = Told()

    with pytest.raises(ZeroDivisionError):
        _fails_during(fault, sim)

    assert fault.log == ["start", "verify", "heal", "verify_healed"]
    assert len(sim.faults) == 0


def _fails_during(fault: Fault, cluster: Cluster) -> None:
    with fault.on(cluster):
        assert list(cluster.faults) == [fault]
        raise ZeroDivisionError


@pytest.mark.parametrize("broken", ["start", "verify"])
def test_a_fault_that_does_not_come_is_taken_back(sim: Cluster, broken: str) -> None:
    """The error is the first one, and nothing is active."""
    fault = Told(broken=broken)

    with pytest.raises(OSError, match=f"{broken} fails"):
        sim.faults.start(fault)

    assert fault.log[-2:] == ["heal", "verify_healed"]
    assert len(sim.faults) == 0


def test_heal_goes_on_past_a_fault_that_stays(sim: Cluster) -> None:
    """The others are healed, the last first; then the failure is raised, and that fault is still active."""
    faults = [Told(), Told(broken="verify_healed"), Told()]
    for fault in faults:
        sim.faults.start(fault)

    with pytest.raises(OSError, match="verify_healed fails"):
        sim.heal()

    assert [fault.log[-1] for fault in faults] == ["verify_healed"] * 3
    assert list(sim.faults) == [faults[1]]


def test_the_history_tells_of_a_fault(sim: Cluster) -> None:
    """When it began, when it was seen in place, when it was seen healed."""
    mark = sim.mark()

    with Told().on(sim):
        pass

    told = [event for event in sim.events(mark) if event["e"] == "fault"]
    assert [(event["name"], event["phase"], event["target"]) for event in told] == [
        ("told", phase, "client0") for phase in ("start", "verified", "heal")
    ]
    assert told[0]["parameters"]["broken"] == ""


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_runtime_that_cannot_says_which_can(sim: Cluster, name: str) -> None:
    """No fault is skipped in silence."""
    kind = FAULTS[name]
    if name in {"stop", "restart"}:
        with kind("client0").on(sim):
            pass
        return

    with pytest.raises(OSError, match=r"use (processes, )?netns") as refused:
        sim.faults.start(kind("client0"))

    assert refused.value.errno == errno.EOPNOTSUPP


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "partition",
            "partition: the network of project lab is not the harness's to break; use netns or docker",
        ),
        ("delay", "delay: the network of project lab is not"),
        ("disk-full", "disk-full: the volume of project lab is not"),
        ("read-only", "read-only: the volume of project lab is not"),
        (
            "kill",
            "kill: project lab was taken over by its addresses, and only an engine can kill a node; give --cluster",
        ),
    ],
)
def test_an_adopted_cluster_names_itself(sim: Cluster, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    """The fault, the cluster and what to do, in one sentence."""
    monkeypatch.setattr(type(sim.machine), "adopted", "project lab", raising=False)

    with pytest.raises(OSError, match=told) as refused:
        sim.faults.start(FAULTS[name]("client0"))

    assert refused.value.errno == errno.EOPNOTSUPP


def test_an_unknown_node_is_refused(sim: Cluster) -> None:
    """Before anything is done."""
    with pytest.raises(LookupError, match=r"no node mds7; there are mds0, oss0, client0"):
        sim.faults.start(Partition("client0", "mds7"))


def test_faults_left_are_healed_at_stop(tmp_path) -> None:
    """The program that serves a queue ends with its cluster."""
    runtime = RUNTIMES["netns"]()
    if reason := runtime.available() or inside.missing(*inside.TOOLS):
        pytest.skip(reason)
    running = runtime.start(ClusterSpec(mode="disabled", oss=1, client=1), tmp_path)
    fault = Delay("client0", delay_ms=1)
    running.faults.start(fault)

    running.stop()

    assert fault._daemon is not None
    assert fault._daemon.poll() is not None
