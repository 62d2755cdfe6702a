"""Filesystem operations by 1 and by 16 clients: SELinux enforcing against capability only, and against a bare echo.

The echo carries messages of the sizes of the operation's own rpcs, as many of them and as many at once, over the same
TLS and the same options, from the same client processes to one server process. None of the three keeps a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from harness.bench import measure, work
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import CLIENTS, Driven, Spent
from harness.bench.measure import Run

AIMS = {"create": 0.5, "stat": 0.7, "read 1 MiB": 0.9, "write 1 MiB": 0.9}
AIM_CAPABILITY = 0.95
LONGER = 4
# So many calls are asked for their page faults, and fewer than so many in each are not worth a word.
FAULTS_OVER = 20


def run(bench: Bench) -> Iterator[Row]:
    """One row for each operation and number of clients."""
    for operation in work.OPERATIONS:
        for clients in (1,) if bench.effort.quick else (1, CLIENTS):
            yield _row(bench, operation, clients)


def _row(bench: Bench, operation: str, clients: int) -> Row:
    enforcing, echo = bench.clusters.driven("enforcing"), bench.clusters.echo
    rpcs = enforcing.rpcs(operation)
    systems: dict[str, Run] = {
        "enforcing": driven(bench, "enforcing", operation, clients),
        "capability": driven(bench, "disabled", operation, clients),
        "echo": _shared(clients, lambda count: enforcing.echo(echo, rpcs, clients, count)),
    }
    aim = {"capability": AIM_CAPABILITY}
    if operation in AIMS:
        aim["echo"] = AIMS[operation]
    note = f"{len(rpcs)} rpcs" if len(rpcs) > 1 else "1 rpc"
    # Sixteen processes on a few cores begin and end unevenly: in a longer turn that counts for less.
    turn_s = bench.effort.turn_s * (LONGER if clients > 1 else 1)
    samples = measure.turns(systems, replace(bench.effort, turn_s=turn_s))
    return row(
        case(operation, clients), "enforcing", samples, aim=aim, note=f"{note}{_faults(enforcing, operation, clients)}"
    )


def case(operation: str, clients: int) -> str:
    """What a row is called."""
    return f"{operation}, {clients} clients" if clients > 1 else operation


def driven(bench: Bench, mode: str, operation: str, clients: int, *, recording: bool = False) -> Run:
    """What runs operations on the cluster of that mode."""
    cluster = bench.clusters.driven(mode, recording=recording)
    # What the first of them makes for itself is no part of what is timed.
    cluster.rpcs(operation, clients)
    return _shared(clients, lambda count: cluster.bench(operation, clients, count))


def _shared(clients: int, run: Callable[[int], Spent]) -> Run:
    """Shares `count` repetitions between clients, each doing at least one: the seconds for so many in all."""

    def once(count: int) -> float:
        each = max(1, round(count / clients))
        return run(each).seconds * count / (each * clients)

    return once


def _faults(cluster: Driven, operation: str, clients: int) -> str:
    """The clients' page faults for each operation, if there are many: then malloc gives back what is freed."""
    each = cluster.bench(operation, clients, FAULTS_OVER).faults // (FAULTS_OVER * clients)
    return f", {each} page faults each" if each >= FAULTS_OVER else ""
