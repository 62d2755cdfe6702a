"""Filesystem operations by 1 and by 16 tasks: SELinux enforcing against capability only, and against a bare echo.

The echo carries messages of the sizes of the operation's own rpcs, as many of them and as many at once, over the same
TLS and the same options, from the same client process to one server process. None of the three keeps a history.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.bench import measure, work
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import Driven
from harness.bench.measure import Run

TASKS = (1, 16)
AIMS = {"create": 0.5, "stat": 0.7, "read 1 MiB": 0.9, "write 1 MiB": 0.9}
AIM_CAPABILITY = 0.95
# So many calls are asked for their page faults, and fewer than so many in each are not worth a word.
FAULTS_OVER = 20


def run(bench: Bench) -> Iterator[Row]:
    """One row for each operation and number of tasks."""
    for operation in work.OPERATIONS:
        for tasks in TASKS[: 1 if bench.effort.quick and operation != "stat" else None]:
            yield _row(bench, operation, tasks)


def _row(bench: Bench, operation: str, tasks: int) -> Row:
    clusters = bench.clusters
    enforcing, echo = clusters.driven("enforcing"), clusters.echo
    rpcs = enforcing.rpcs(operation)

    def echoed(count: int) -> float:
        return enforcing.echo(echo, rpcs, tasks, _each(count, tasks))["ns"] / 1e9 * _scale(count, tasks)

    systems: dict[str, Run] = {
        "enforcing": driven(bench, "enforcing", operation, tasks),
        "capability": driven(bench, "disabled", operation, tasks),
        "echo": echoed,
    }
    aim = {"capability": AIM_CAPABILITY}
    if operation in AIMS:
        aim["echo"] = AIMS[operation]
    note = f"{len(rpcs)} rpcs" if len(rpcs) > 1 else "1 rpc"
    case = f"{operation}, {tasks} tasks" if tasks > 1 else operation
    samples = measure.turns(systems, bench.effort)
    return row(case, "enforcing", samples, aim=aim, note=f"{note}{_faults(enforcing, operation, tasks)}")


def _faults(cluster: Driven, operation: str, tasks: int) -> str:
    """The client's page faults for each operation, if there are many: then its malloc gives back what is freed."""
    each = cluster.bench(operation, tasks, FAULTS_OVER)["faults"] // (FAULTS_OVER * tasks)
    return f", {each} page faults each" if each >= FAULTS_OVER else ""


def driven(bench: Bench, mode: str, operation: str, tasks: int, *, recording: bool = False) -> Run:
    """What runs operations on the cluster of that mode."""
    cluster = bench.clusters.driven(mode, recording=recording)

    def once(count: int) -> float:
        return cluster.bench(operation, tasks, _each(count, tasks))["ns"] / 1e9 * _scale(count, tasks)

    return once


def _each(count: int, tasks: int) -> int:
    """Of `count` operations in all, how many each task does: at least one."""
    return max(1, round(count / tasks))


def _scale(count: int, tasks: int) -> float:
    """From the seconds of what was done to those of what was asked for."""
    return count / (_each(count, tasks) * tasks)
