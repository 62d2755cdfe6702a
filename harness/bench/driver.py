"""A client node that drives load itself: its process is a client's, and its agent also takes the call `bench`.

So an operation is measured from inside the client, by the client's own clock: the way from the harness to the agent,
which no filesystem has, is not in it. `bench` runs a number of operations of one kind, one after the other, and
answers how long they took; `rpcs` tells which rpcs one operation is made of; `echo` sends bare messages of such sizes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from harness import values
from harness.bench import echoing, work
from harness.bench.tracing import Tracing
from harness.bench.work import Ground, System
from harness.clusters import apps
from host import main as process
from host.app import App
from host.node import Node
from labelproof.v1 import admin_pb2
from labelproof.v1 import client_pb2 as pb
from lsm.framework import Mediator
from lsm.objects import Fid
from rpc import Call, ReplyCache


class DriverApp:
    """The client's app, with a Driver in the place of its agent."""

    def __init__(self, node: Node) -> None:
        node.env = self._tracing = Tracing(node.env)
        self._app: App = apps.of("client")(node)
        ((self._service, agent),) = self._app.services()
        self._driver = Driver(node, agent, self._tracing)

    @property
    def last_committed(self) -> int:
        return self._app.last_committed

    @property
    def replies(self) -> ReplyCache:
        return self._app.replies

    def services(self) -> Sequence[tuple[ServiceDescriptor, object]]:
        return [(self._service, self._driver)]

    async def start(self) -> None:
        await self._app.start()

    async def joined(self) -> None:
        await self._app.joined()

    async def policy_loaded(self) -> None:
        await self._app.policy_loaded()

    async def stop(self) -> None:
        await self._app.stop()

    def counters(self) -> Mapping[str, int]:
        return self._app.counters()

    def collect(self, only: Collection[Fid] = ()) -> Iterable[admin_pb2.RawObject]:
        return self._app.collect(only)


class Driver:
    """The agent's handlers; a syscall with a name of ours is run here."""

    def __init__(self, node: Node, agent: Any, tracing: Tracing) -> None:
        self._node = node
        self._agent = agent
        self._tracing = tracing
        self._grounds: dict[str, Ground] = {}
        self._numbers = 0
        self._echo = echoing.Echo()
        self._own: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "bench": self._bench,
            "rpcs": self._rpcs,
            "echo": self._echo.run,
        }

    async def login(self, call: Call, req: pb.LoginRequest) -> pb.LoginReply:
        reply: pb.LoginReply = await self._agent.login(call, req)
        return reply

    async def logout(self, call: Call, req: pb.LogoutRequest) -> pb.LogoutReply:
        reply: pb.LogoutReply = await self._agent.logout(call, req)
        return reply

    async def mount(self, call: Call, req: pb.MountRequest) -> pb.MountReply:
        reply: pb.MountReply = await self._agent.mount(call, req)
        return reply

    async def syscall(self, call: Call, req: pb.SyscallRequest) -> pb.SyscallReply:
        own = self._own.get(req.name)
        if own is None:
            reply: pb.SyscallReply = await self._agent.syscall(call, req)
            return reply
        call.takes("file")
        args = {name: values.plain(value) for name, value in req.args.items.items()}
        answer = await own(call=call, **args)
        told = pb.Fields(items={name: values.fields({"": value}).items[""] for name, value in answer.items()})
        return pb.SyscallReply(definite=True, value=pb.Value(map=told))

    async def _bench(self, call: Call, operation: str, task: str, count: int, start_ns: int) -> dict[str, int]:
        """`count` operations of a task, one after the other: from when to when, in ns of the machine's monotonic clock.

        `faults` are the pages that the process had to be given: where malloc returns what is freed to the kernel, large
        buffers cost more for that than for the copying (getrusage(2), ru_minflt).
        """
        kind, system, ground = await self._ready(call, operation, task)
        first, self._numbers = self._numbers, self._numbers + count
        made = []
        async with echoing.Stopwatch(start_ns) as watch:
            for number in range(first, first + count):
                result = await kind.once(system, ground, number)
                # What nobody asks for later is given back at once: a megabyte, it may be.
                if kind.after is not None:
                    made.append((number, result))
        if kind.after is not None:
            for number, result in made:
                await kind.after(system, ground, number, result)
        return watch.told()

    async def _rpcs(self, call: Call, operation: str, task: str) -> dict[str, str]:
        """The rpcs of one operation, as tracing.Waves writes them."""
        kind, system, ground = await self._ready(call, operation, task)
        self._numbers += 1
        with self._tracing.waves() as waves:
            made = await kind.once(system, ground, self._numbers)
        if kind.after is not None:
            await kind.after(system, ground, self._numbers, made)
        return {"waves": waves.text()}

    async def _ready(self, call: Call, operation: str, task: str) -> tuple[work.Operation, System, Ground]:
        system = self._system(call, task)
        if task not in self._grounds:
            self._grounds[task] = await work.prepare(system, task)
        return work.OPERATIONS[operation], system, self._grounds[task]

    def _system(self, call: Call, task: str) -> System:
        """The system calls of a task, one after the other, each as if it were a call of its own at the agent."""
        own = replace(call)

        async def run(name: str, **args: Any) -> Any:
            own.lsm, own.batch = Mediator(call.framework, call.subject), self._node.recorder.batch()
            return await self._agent.act(own, task, "/", name, args)

        return run


if __name__ == "__main__":
    process.main(DriverApp)
