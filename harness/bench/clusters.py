"""Clusters whose clients drive load themselves, started when a benchmark first asks for them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Iterable
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
# The most that a benchmark has: each is a process.
CLIENTS = 16
# In which all of them hear what to do.
LEAD_NS = 150_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What clients did at once: how long it took in all, and what each process spent on it, summed."""

    seconds: float
    faults: int


@dataclass
class Driven:
    """A running cluster with the task that has logged in on each of its clients, once that has been asked for."""

    cluster: Cluster
    context: str | None
    _tasks: dict[str, Task] = field(default_factory=dict)

    def bench(self, operation: str, clients: int, count: int) -> Spent:
        """`count` operations by each of `clients` clients at once."""
        return self._at_once("bench", clients, count, operation=operation)

    def rpcs(self, operation: str, clients: int = 1) -> Waves:
        """The rpcs that one operation is made of. So many clients do it once, and have what they need from then on."""
        return Waves.parse(self._ask("rpcs", clients, operation=operation)[0]["waves"])

    def echo(self, echo: EchoProcess, waves: Waves, clients: int, count: int) -> Spent:
        """What bare messages of those sizes take, as `bench`."""
        return self._at_once("echo", clients, count, address=echo.address, identity=echo.identity, waves=waves.text())

    def _at_once(self, name: str, clients: int, count: int, **args: Any) -> Spent:
        """From the first one's begin to the last one's end: the monotonic clock is the machine's.

        Many begin at an appointed time, so that the first are not done before the last have heard of it.
        """
        start_ns = time.monotonic_ns() + LEAD_NS if clients > 1 else 0
        told = self._ask(name, clients, count=count, start_ns=start_ns, **args)
        took_ns = max(each["end_ns"] for each in told) - min(each["begin_ns"] for each in told)
        return Spent(took_ns / 1e9, sum(each["faults"] for each in told))

    def _ask(self, name: str, clients: int, **args: Any) -> list[Any]:
        """What that many clients answer, asked side by side."""
        asked = []
        for node, task in self._logged_in(clients).items():
            request = pb.SyscallRequest(name=name, args=values.fields({**args, "task": task}))
            asked.append(self.cluster.agent(node, "syscall", request))
        return [values.plain(reply.value) for reply in self.cluster.run(_together(asked))]

    def _logged_in(self, clients: int) -> dict[str, str]:
        """The first clients, each with its task's id."""
        for number in range(len(self._tasks), clients):
            node = f"client{number}"
            self._tasks[node] = self.cluster.client(node).login(self.context, comm="bench")
        return {node: task.id for node, task in list(self._tasks.items())[:clients]}


class Clusters:
    """What runs while benchmarks do, each cluster with that many clients; all of it ends with the block."""

    def __init__(self, clients: int = CLIENTS) -> None:
        self._ends = ExitStack()
        self._running: dict[tuple[str, bool], Driven] = {}
        self._clients = clients

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
            client=self._clients, mode=mode, policy=Policy.own(POLICY) if labelled else None,
            root_context=who.root if labelled else None, recording=recording,
        )  # fmt: skip
        cluster = Processes(DRIVER).start(spec, self.folder())
        self._ends.callback(cluster.stop)
        root = cluster.client().login(who.admin if labelled else None, uid=0, gid=0, caps="all", umask=0)
        root.chmod("/", 0o1777)
        return Driven(cluster, who.user if labelled else None)


async def _together(asked: Iterable[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*asked)
