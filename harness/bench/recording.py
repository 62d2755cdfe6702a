"""What the history costs: the same cluster with recording on and off."""

from __future__ import annotations

from collections.abc import Iterator

from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.operations import driven

# At most a tenth of the throughput.
AIM = 0.9
CASES = (("stat", 1), ("stat", 16), ("create", 1), ("read 1 MiB", 1))


def run(bench: Bench) -> Iterator[Row]:
    """One row for each operation and number of tasks."""
    for operation, tasks in CASES[: 1 if bench.effort.quick else None]:
        systems = {
            "on": driven(bench, "enforcing", operation, tasks, recording=True),
            "off": driven(bench, "enforcing", operation, tasks),
        }
        case = f"{operation}, {tasks} tasks" if tasks > 1 else operation
        yield row(case, "on", measure.turns(systems, bench.effort), aim={"off": AIM})
