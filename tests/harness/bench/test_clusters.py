"""Benchmarks of clusters that boot, are cleaned, and share the suites."""

import pytest

from harness.bench import boot, clean, workers
from harness.bench.bench import Bench
from harness.bench.clusters import Clusters
from harness.bench.measure import QUICK
from harness.clusters import RUNTIMES


class Absent:
    """A runtime that this machine cannot run."""

    def available(self) -> str | None:
        return "no engine answers; start one"


@pytest.mark.parametrize("benchmark", [boot, clean, workers])
def test_a_tier_that_lacks_is_skipped_with_the_reason(benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row, and nothing is started."""
    monkeypatch.setitem(RUNTIMES, "docker", Absent)
    monkeypatch.setitem(RUNTIMES, "netns", Absent)
    told: list[str] = []

    with Clusters() as clusters:
        effort = QUICK if benchmark is not workers else type(QUICK)(3, 0.05, full=True)
        rows = list(benchmark.run(Bench(clusters, effort, told.append)))

    assert rows == []
    assert sorted(told) == [f"runtime {name}: no engine answers; start one" for name in ("docker", "netns")]


def test_minutes_are_for_who_wants_them() -> None:
    """All suites, by one worker and by two, only with --full."""
    told: list[str] = []

    with Clusters() as clusters:
        assert list(workers.run(Bench(clusters, QUICK, told.append))) == []

    assert told == ["all suites, by one worker and by two: with --full"]


def test_how_much_longer() -> None:
    """The median of the rounds, and their middle half, beside what is hoped for."""
    assert boot.longer([0.5, 0.7, 0.6], 1.0) == "0.60 s longer (0.50-0.70; aim: 1)"


def test_namespaces_beside_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round really boots both; the cluster that is cleaned is clean, whoever was killed."""
    if reason := RUNTIMES["netns"]().available():
        pytest.skip(reason)
    monkeypatch.setitem(RUNTIMES, "docker", Absent)
    effort = type(QUICK)(1, 0.05, quick=True)

    with Clusters() as clusters:
        (booted,) = boot.run(Bench(clusters, effort))
        used, killed = clean.run(Bench(clusters, effort))

    assert booted.ratios.keys() == {"processes"}
    assert killed.ratios.keys() == {"used"}
    assert used.seconds.median < killed.seconds.median
