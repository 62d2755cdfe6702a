"""What is named on the command line, a run or a baseline, as a Baseline; two long runs are read by two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness import owner
from harness.compare import baseline, normal
from harness.compare.baseline import Baseline
from harness.store import Run, Store

_LONG_BYTES = 32 << 20  # below, a second interpreter takes longer to start than to read


def one(name: str, home: Store) -> Baseline:
    """The baseline in the file of that name, or what the run of that name did.

    Raises LookupError for neither, OSError and ValueError for what cannot be read.
    """
    return baseline.read(Path(name)) if Path(name).is_file() else Baseline(normal.of_run(home.find(name)))


def two(before: str, after: str, home: Store) -> tuple[Baseline, Baseline]:
    """Both, as `one`."""
    if Path(before).is_file() or Path(after).is_file():
        return one(before, home), one(after, home)
    first, second = home.find(before), home.find(after)
    if min(_bytes(first), _bytes(second)) < _LONG_BYTES:
        return Baseline(normal.of_run(first)), Baseline(normal.of_run(second))
    return _at_once(first, second)


def _at_once(first: Run, second: Run) -> tuple[Baseline, Baseline]:
    """The first run is read by another process, which hands it over as a baseline."""
    with owner.owned("diff") as folder:
        file = folder / "first"
        command = [sys.executable, "-P", "-m", "harness.compare", str(first.path.resolve()), str(file)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                behaviour = normal.of_run(second)
            except BaseException:
                child.kill()
                raise
        if child.returncode:  # read here, it says why
            return Baseline(normal.of_run(first)), Baseline(behaviour)
        return baseline.read(file), Baseline(behaviour)


def _bytes(run: Run) -> int:
    return sum(path.stat().st_size for path in run.path.glob("**/history/*.jsonl"))
