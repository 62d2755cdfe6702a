"""How many workers fit on a machine."""

import os
from pathlib import Path

import pytest

from harness import workers
from harness.clusters import RUNTIMES


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A machine with so many cores and so much free memory, in a container or not."""

    def machine(cores: int, free_mib: int, limit_mib: int | None = None) -> None:
        (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {free_mib << 10} kB\n")
        (tmp_path / "memory.max").write_text("max\n" if limit_mib is None else f"{limit_mib << 20}\n")
        (tmp_path / "memory.current").write_text("0\n")
        monkeypatch.setattr(workers, "_MEMINFO", tmp_path / "meminfo")
        monkeypatch.setattr(workers, "_CGROUP", tmp_path)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))

    return machine


def test_auto_is_the_cores(machine) -> None:
    """Where there is memory enough, without a word; a number asked for is taken."""
    machine(cores=6, free_mib=64000)

    assert workers.fitting("auto", "processes") == (6, None)
    assert workers.fitting(9, "processes") == (9, None)
    assert workers.fitting(0, "processes") == (0, None)


@pytest.mark.parametrize("limit", [None, 1000])
def test_memory_bounds_both(machine, limit: int | None) -> None:
    """The machine's, or the container's own limit: a worker may have two clusters, and one line says so."""
    machine(cores=6, free_mib=1000 if limit is None else 64000, limit_mib=limit)

    number, said = workers.fitting("auto", "processes")

    assert number == 2
    assert said == "2 workers instead of 6: 1000 MiB of memory are free, and one may take 460"
    assert workers.fitting(4, "sim")[0] == 4


def test_one_worker_there_always_is(machine) -> None:
    """With too little memory for any, it is for the clusters to say so."""
    machine(cores=6, free_mib=10)

    assert workers.fitting("auto", "processes")[0] == 1


def test_a_runtime_may_have_room_for_few_clusters(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose networks take addresses: two a worker."""
    machine(cores=6, free_mib=64000)
    few = type("Few", (RUNTIMES["sim"],), {"clusters_max": lambda self: (6, "subnets of 10.9.0.0/24")})
    monkeypatch.setitem(RUNTIMES, "few", few)

    assert workers.fitting("auto", "few") == (
        3, "3 workers instead of 6: there are 6 subnets of 10.9.0.0/24, and one may take 2",
    )  # fmt: skip


def test_what_is_no_number_is_refused() -> None:
    """In one sentence, as a runtime that there is not."""
    assert (workers.parsed("auto"), workers.parsed("3")) == ("auto", 3)
    with pytest.raises(ValueError, match="'many' is no number of workers; give one, or auto"):
        workers.parsed("many")
    with pytest.raises(ValueError, match="no runtime 'warp'"):
        workers.fitting(1, "warp")


@pytest.mark.parametrize(
    ("runtime", "number"), [("processes", 4), ("netns", 4), ("sim", 0), ("inprocess", 0), ("compose", 0)]
)
def test_nobody_says_how_many(machine, runtime: str, number: int) -> None:
    """One more than the cores for clusters that stand side by side, and no more than are worth their start."""
    machine(cores=6, free_mib=64000)
    assert workers.usual(runtime) == number

    machine(cores=2, free_mib=64000)
    assert workers.usual(runtime) == min(number, 3)


def test_one_worker_alone_is_none(machine) -> None:
    """Sharing the tests among one process gains nothing."""
    machine(cores=1, free_mib=64000)

    assert workers.usual("processes") == 0
