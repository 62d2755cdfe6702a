"""Faults by name: what the command line starts and heals."""

import pytest

from harness.clusters import RUNTIMES, Cluster
from harness.faults import FAULTS, Delay, Partition, named
from harness.spec import ClusterSpec


@pytest.fixture
def sim(tmp_path):
    """A cluster that boots in no time; of the faults it can stop and restart."""
    running = RUNTIMES["sim"]().start(ClusterSpec(mode="disabled", oss=1, client=1), tmp_path)
    yield running
    running.stop()


def test_words_become_a_fault() -> None:
    """Nodes first, then settings, numbers where they are numbers."""
    delay = named.make("delay", ["client0", "mds0"], {"delay_ms": "12.5"})
    cut = named.make("partition", ["client0"], {"direction": "in"})

    assert isinstance(delay, Delay)
    assert (delay.nodes, delay.delay_ms) == (("client0", "mds0"), 12.5)
    assert isinstance(cut, Partition)
    assert cut.direction == "in"


@pytest.mark.parametrize(
    ("name", "nodes", "settings", "told"),
    [
        ("kill", [], {}, "is started as: kill NODE"),
        ("kill", ["mds0", "oss0"], {}, "is started as: kill NODE"),
        ("delay", ["mds0"], {"seconds": "1"}, r"is started as: delay NODE \[PEER\]... delay_ms=50.0"),
        ("partition", ["mds0"], {"direction": "up"}, "give one of both, out, in"),
        ("loss", ["mds0"], {"loss": "2"}, "a loss from 0 to 1"),
        ("loss", ["mds0"], {"loss": "much"}, "is started as: loss"),
    ],
)
def test_words_that_are_no_fault(name: str, nodes: list[str], settings: dict[str, str], told: str) -> None:
    """The error says how it is done."""
    with pytest.raises(ValueError, match=told):
        named.make(name, nodes, settings)


def test_an_unknown_fault_is_told_the_known_ones() -> None:
    """By their names."""
    with pytest.raises(LookupError, match=r"no fault 'storm'; there are kill, pause"):
        named.make("storm", ["mds0"], {})


def test_faults_are_healed_by_name_and_node(sim: Cluster) -> None:
    """Those meant, the last first; where none is meant, the active ones are told."""
    for node in ("oss0", "client0"):
        sim.faults.start(named.make("stop", [node], {}))

    with pytest.raises(LookupError, match="active are: stop oss0, stop client0"):
        named.heal(sim, "kill", [])

    assert named.heal(sim, "stop", ["oss0"]) == ["stop oss0"]
    assert named.active(sim) == ["stop client0"]
    assert named.heal(sim, "", []) == ["stop client0"]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_says_how_it_is_started(name: str) -> None:
    """Its name and its nodes."""
    assert named.usage(name).startswith(f"{name} NODE")
