"""Clusters whose one client drives load itself, started when a benchmark first asks for them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness import owner, profile, values
from harness.bench.echo import EchoProcess
from harness.bench.tracing import Waves
from harness.clusters.cluster import Cluster
from harness.clusters.processes import Processes
from harness.policy import Policy
from harness.spec import ClusterSpec
from harness.tasks import Task
from labelproof.v1 import client_pb2 as pb

POLICY = "targeted"
DRIVER = {"client": "harness.bench.driver"}


@dataclass
class Driven:
    """A running cluster with the tasks that have logged in on its client, in the order of their logins."""

    cluster: Cluster
    context: str | None
    _tasks: list[Task] = field(default_factory=list)

    def bench(self, operation: str, tasks: int, count: int) -> Mapping[str, int]:
        """`count` operations by each of `tasks` tasks at once: {"ns", "cpu_ns", "faults"} of the client."""
        found: Mapping[str, int] = self._ask("bench", operation=operation, tasks=self._names(tasks), count=count)
        return found

    def rpcs(self, operation: str) -> Waves:
        """The rpcs that one operation is made of."""
        return Waves.parse(self._ask("rpcs", operation=operation, tasks=self._names(1))["waves"])

    def echo(self, echo: EchoProcess, waves: Waves, tasks: int, count: int) -> Mapping[str, int]:
        """What bare messages of those sizes take, as `bench`."""
        found: Mapping[str, int] = self._ask(
            "echo", address=echo.address, identity=echo.identity, waves=waves.text(), tasks=tasks, count=count
        )
        return found

    def _names(self, count: int) -> str:
        while len(self._tasks) < count:
            self._tasks.append(self.cluster.client().login(self.context, comm="bench"))
        return " ".join(task.id for task in self._tasks[:count])

    def _ask(self, name: str, **args: Any) -> Any:
        request = pb.SyscallRequest(name=name, args=values.fields(args))
        return values.plain(self.cluster.run(self.cluster.agent("client0", "syscall", request)).value)


class Clusters:
    """What runs while benchmarks do; all of it ends with the block."""

    def __init__(self) -> None:
        self._ends = ExitStack()
        self._running: dict[tuple[str, bool], Driven] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    @cached_property
    def echo(self) -> EchoProcess:
        """The bare echo."""
        return self._ends.enter_context(EchoProcess())

    def driven(self, mode: str, *, recording: bool = False) -> Driven:
        """The cluster with SELinux in that mode; without its history unless it is wanted."""
        key = mode, recording
        if key not in self._running:
            self._running[key] = self._start(mode, recording)
        return self._running[key]

    def folder(self) -> Path:
        """A folder that is removed in the end, or by the next run if this one is killed."""
        folder = owner.make("bench")
        self._ends.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _start(self, mode: str, recording: bool) -> Driven:
        labelled = mode != "disabled"
        who = profile.of(POLICY)
        spec = ClusterSpec(
            client=1, mode=mode, policy=Policy.own(POLICY) if labelled else None,
            root_context=who.root if labelled else None, recording=recording,
        )  # fmt: skip
        cluster = Processes(DRIVER).start(spec, self.folder())
        self._ends.callback(cluster.stop)
        root = cluster.client().login(who.admin if labelled else None, uid=0, gid=0, caps="all", umask=0)
        root.chmod("/", 0o1777)
        return Driven(cluster, who.user if labelled else None)
