"""What the history costs: the same cluster with recording on and off."""

from __future__ import annotations

from collections.abc import Iterator

from harness.bench import measure, work
from harness.bench.bench import Bench, Row, row
from harness.bench.operations import driven

# At most a tenth of the throughput.
AIM = 0.9
# Each operation by one task, and by many those that commit and those that do not.
CASES = (*((operation, 1) for operation in work.OPERATIONS), ("stat", 16), ("create", 16))
QUICK = (("stat", 1),)


def run(bench: Bench) -> Iterator[Row]:
    """One row for each operation and number of tasks."""
    for operation, tasks in QUICK if bench.effort.quick else CASES:
        systems = {
            "on": driven(bench, "enforcing", operation, tasks, recording=True),
            "off": driven(bench, "enforcing", operation, tasks),
        }
        case = f"{operation}, {tasks} tasks" if tasks > 1 else operation
        yield row(case, "on", measure.turns(systems, bench.effort), aim={"off": AIM})
