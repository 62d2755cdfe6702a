"""Many clients in the simulator: what is measured follows from the costs and the seed, and every decision is judged."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.scale import campaign, costs, load
from harness.scale.campaign import Figures, Load

CHEAP = dict.fromkeys(("Mds/Lookup", "Mds/Open", "Mds/Getattr", "Mds/Close", "Oss/Read", "Oss/Write"), 0.001)
SMALL = Load(clients=4, each=12, pause_s=0.01, seed=3)


def _run(tmp_path: Path, name: str, wanted: Load = SMALL, each_costs: costs.Costs = CHEAP) -> Figures:
    figures = campaign.run(wanted, each_costs, tmp_path / name)
    # What this machine took is no property of the simulated cluster.
    return replace(figures, boot_s=0.0, real_s=0.0, memory_mb=0)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return _run(tmp_path_factory.mktemp("scale"), "run")


def test_every_operation_is_done_and_judged(figures: Figures) -> None:
    """Each client does its number of operations, the policy denies some, and all checkers agree."""
    assert figures.operations == 48
    assert figures.verdict == "valid"
    assert figures.decisions > figures.denied > 0


def test_the_seed_decides(figures: Figures, tmp_path: Path) -> None:
    """The same seed gives the same figures; another one gives others."""
    again = _run(tmp_path, "again")
    other = _run(tmp_path, "other", replace(SMALL, seed=4))

    assert again == figures
    assert other.latency_ms != figures.latency_ms


def test_dear_calls_make_a_queue(figures: Figures, tmp_path: Path) -> None:
    """Where calls cost the server ten times as much, it is busier, and who waits for it waits longer."""
    dear = _run(tmp_path, "dear", each_costs={method: 10 * seconds for method, seconds in CHEAP.items()})

    assert dear.busy["mds"] > figures.busy["mds"]
    assert dear.latency_ms["stat"][0] > 5 * figures.latency_ms["stat"][0]
    assert dear.per_second < figures.per_second


def test_costs_are_of_the_calls_of_the_mix(tmp_path: Path) -> None:
    """Measuring gives each call of the mix a cost of its own, and a file keeps them."""
    measured = costs.measure(tmp_path / "run", repeats=5)
    costs.save(measured, tmp_path / "costs.json")

    assert measured.keys() >= {"Mds/Lookup", "Mds/Open", "Oss/Read", "Oss/Write"}
    assert all(0 < seconds < 1 for seconds in measured.values())
    assert costs.read(tmp_path / "costs.json") == measured


def test_a_file_without_costs_is_refused_by_name(tmp_path: Path) -> None:
    """What save did not write is an error that names the file and the remedy."""
    (tmp_path / "costs.json").write_text("[1]")

    with pytest.raises(ValueError, match=r"costs\.json holds no costs .*--save-costs"):
        costs.read(tmp_path / "costs.json")


def test_the_mix_is_of_a_hundred() -> None:
    """The weights of the mix are percents."""
    assert sum(weight for _, weight, _ in load.MIX) == 100
