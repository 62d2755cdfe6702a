"""How many workers of pytest-xdist this machine carries, each with its clusters; and that none outlives its controller.

Cores bound what `auto` is; memory, and how many clusters a runtime can have at once, bound also a number asked for.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from harness import clusters
from harness.pool import ALIVE_MAX

Wanted = int | Literal["auto"]

# Memory of one node, as its own share (Pss), and of a worker itself with its judge and libsepol; MiB, measured with the
# project's own policy. A container has a shim of the engine's beside it.
NODE_MIB: Mapping[str, int] = {"processes": 30, "netns": 30, "docker": 45, "compose": 45, "inprocess": 4, "sim": 4}
WORKER_MIB = 160
NODES = 5  # of the default ClusterSpec
# Runtimes whose clusters stand side by side; and how many of them are worth their start for our own suites.
SPREAD = frozenset({"processes", "netns", "docker"})
USUAL_MAX = 4

_PR_SET_PDEATHSIG = 1  # prctl(2)
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


@runtime_checkable
class Roomy(Protocol):
    """A runtime that cannot have any number of clusters on one machine."""

    def clusters_max(self) -> tuple[int, str]:
        """How many more there can be at once, and what there is no more of: `subnets of 10.123.0.0/16`."""
        ...


@runtime_checkable
class Adopting(Protocol):
    """A runtime that takes over a cluster which is there already."""

    def adopted(self) -> str:
        """What messages call that cluster; empty: it would be one of our own."""
        ...


def fitting(wanted: Wanted, runtime: str) -> tuple[int, str | None]:
    """How many workers there will be, and the line that says why these are fewer than were asked for.

    ValueError: no such runtime.
    """
    if runtime not in clusters.RUNTIMES:
        raise ValueError(f"no runtime {runtime!r}; there are {', '.join(clusters.RUNTIMES)}")
    if wanted == 0:
        return 0, None
    kind = clusters.RUNTIMES[runtime]()
    bounds = [_by_memory(runtime, _available_mib()), *_by_clusters(kind), *_by_adoption(kind)]
    cores = len(os.sched_getaffinity(0))
    asked = cores if wanted == "auto" else wanted
    number, because = min([(asked, ""), *bounds])
    number = max(number, 1)
    if number == asked:
        return asked, None
    return number, f"{number} worker{'s' if number > 1 else ''} instead of {asked}: {because}"


def usual(runtime: str) -> int:
    """How many there are where nobody says: whole suites on clusters of processes or containers gain by it.

    One more than the cores, as a test waits for disks and for nodes that start. A simulator's history has to repeat, a
    debugger sees one process, and a project that runs already is one cluster: there it is none.
    """
    cores = len(os.sched_getaffinity(0))
    if runtime not in SPREAD or cores == 1:
        return 0
    number, _ = fitting(min(cores + 1, USUAL_MAX), runtime)
    return number if number > 1 else 0


def parsed(text: str) -> Wanted:
    """`auto`, or how many; ValueError for anything else."""
    if text == "auto":
        return "auto"
    if text.isascii() and text.isdecimal():
        return int(text)
    raise ValueError(f"{text!r} is no number of workers; give one, or auto")


def die_with_parent(parent: int) -> None:
    """SIGKILL for this process when `parent` ends: a worker alone would run its test to the end (prctl(2)).

    ProcessLookupError where it has ended already.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent}, which started this one, has ended")


def _by_memory(runtime: str, available_mib: int) -> tuple[int, str]:
    each = WORKER_MIB + ALIVE_MAX * NODES * NODE_MIB.get(runtime, max(NODE_MIB.values()))
    return available_mib // each, f"{available_mib} MiB of memory are free, and one may take {each}"


def _by_clusters(runtime: clusters.Runtime) -> Iterable[tuple[int, str]]:
    if isinstance(runtime, Roomy) and runtime.available() is None:
        number, what = runtime.clusters_max()
        yield number // ALIVE_MAX, f"there are {number} {what}, and one may take {ALIVE_MAX}"


def _by_adoption(runtime: clusters.Runtime) -> Iterable[tuple[int, str]]:
    if isinstance(runtime, Adopting) and (name := runtime.adopted()):
        yield 1, f"{name} is one cluster, and a cluster serves one worker at a time; without --cluster each has its own"


def _available_mib() -> int:
    """What the kernel says is free, or what is left of the container's own limit, if that is less."""
    lines = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    free = int(lines["MemAvailable"].split()[0]) >> 10
    return min([free, *_left_of_cgroup()])


def _left_of_cgroup() -> Iterable[int]:
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if limit != "max":
        yield max(int(limit) - used, 0) >> 20
