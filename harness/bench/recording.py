"""What the history costs: the same cluster with recording on and off."""

from __future__ import annotations

from collections.abc import Iterator

from harness.bench import measure, work
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import CLIENTS
from harness.bench.operations import case, driven

# At most a tenth of the throughput.
AIM = 0.9
# Each operation by one client, and by many those that commit and those that do not.
CASES = (*((operation, 1) for operation in work.OPERATIONS), ("stat", CLIENTS), ("create", CLIENTS))
QUICK = (("stat", 1),)


def run(bench: Bench) -> Iterator[Row]:
    """One row for each operation and number of clients."""
    for operation, clients in QUICK if bench.effort.quick else CASES:
        systems = {
            "on": driven(bench, "enforcing", operation, clients, recording=True),
            "off": driven(bench, "enforcing", operation, clients),
        }
        yield row(case(operation, clients), "on", measure.turns(systems, bench.effort), aim={"off": AIM})
