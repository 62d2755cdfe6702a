"""Where a bug is planted: the bound handlers of a node, the hooks that a call asks, its seals and its door.

Only nodes inside this process can be reached. What is changed is put back as the `with` ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from harness.clusters import Cluster
from harness.clusters.machine import Inside
from host.serve import Server
from lsm import Framework, Mediator
from rpc import Call, Seal

Handler = Callable[[Call, Any], Awaitable[Message]]


def unreachable(cluster: Cluster, node: str, *, selinux: bool = True) -> str | None:
    """Why no bug can be planted in `node`, or None. `selinux`: the bug is one in what that module is asked."""
    try:
        server(cluster, node)
    except LookupError as error:
        return str(error.args[0])
    if selinux and cluster.policy is None:
        return "the cluster runs no policy, so nothing is decided by one"
    return None


def server(cluster: Cluster, node: str) -> Server:
    """The node itself. LookupError with the reason where it cannot be reached."""
    # A cluster shows its nodes from outside; bugs are the only ones who want to be in one.
    machine = cluster._machine
    if not isinstance(machine, Inside):
        raise LookupError(f"runtime {cluster.runtime} has its nodes in other processes; inprocess and sim do not")
    try:
        return machine.server(node)
    except KeyError:
        raise LookupError(f"the cluster has no running node {node}") from None


@contextmanager
def handled(server: Server, around: Callable[[Handler], Handler], *names: str) -> Iterator[None]:
    """Has `around` wrap the handlers of rpcs ("Mds/Unlink") or of whole services ("Mds")."""
    kept = [(table, dict(table.bound)) for table in server.tables]
    for table, bound in kept:
        for path, rpc in bound.items():
            if {rpc.method.name, rpc.method.service} & set(names):
                wrapped: Any = around(rpc.handler)
                table.bound[path] = replace(rpc, handler=wrapped)
    try:
        yield
    finally:
        for table, bound in kept:
            table.bound.update(bound)


@contextmanager
def mediated(server: Server, bend: Callable[[Call], Mediator], *names: str) -> Iterator[None]:
    """Has the handlers of `names` ask the mediator that `bend` gives for each call."""

    def around(handler: Handler) -> Handler:
        async def serve(call: Call, request: Any) -> Message:
            call.lsm = bend(call)
            return await handler(call, request)

        return serve

    with handled(server, around, *names):
        yield


def sealed(server: Server, seal: Seal) -> AbstractContextManager[None]:
    """Has the node check tickets and tokens by another seal; its receipts stay."""
    return swapped(server.node, "seal", seal)


@contextmanager
def swapped(owner: object, name: str, value: object) -> Iterator[None]:
    """Has the object's attribute, or its method, be `value`."""
    own = name in vars(owner)
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, kept)
        else:
            delattr(owner, name)


class Bent(Mediator):
    """A mediator in the place of a call's own: what fires and what is decided counts as the call's."""

    __slots__ = ()

    def __init__(self, own: Mediator, framework: Framework | None = None) -> None:
        super().__init__(framework or own.framework, own.subject)
        self.fired, self.decisions = own.fired, own.decisions
