"""All suites by one worker and by two, each with clusters of its own; only with --full, since that takes minutes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import results
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.clusters import RUNTIMES
from harness.store import Store

NAMES = ("netns", "docker")
# Two workers are to be faster than one.
AIM = 1.0
ROUNDS_MAX = 3


def run(bench: Bench) -> Iterator[Row]:
    """One row for each runtime that this machine can run."""
    if not bench.effort.full:
        bench.skip("all suites, by one worker and by two: with --full")
        return
    for name in NAMES:
        if reason := RUNTIMES[name]().available():
            bench.skip(f"runtime {name}: {reason}")
            continue
        folder = bench.clusters.folder()
        systems = {f"-n {number}": partial(_took_s, folder, name, number) for number in (2, 1)}
        taken = measure.single(systems, replace(bench.effort, rounds=min(bench.effort.rounds, ROUNDS_MAX)))
        note = f"all suites, boots excluded: {taken['-n 1'].median:.0f} s by one"
        yield row(name, "-n 2", taken, aim={"-n 1": AIM}, note=note)


def _took_s(folder: Path, runtime: str, workers: int) -> float:
    """Seconds that the suites took, less what the first cluster took to be ready; RuntimeError: they failed."""
    words = ["--store", str(folder), "run", "--runtime", runtime, "-n", str(workers), "--seed", "1", "-q"]
    command = [sys.executable, "-P", "-c", "from harness.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    found = results.read(Store(folder).find("latest").results)
    return found.wall_s - (found.ready_s or 0.0)
