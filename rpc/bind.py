"""A service's handlers, bound from its descriptor: what happens around a handler (rpc/served.py) happens once for all.

Transports hand in bytes and metadata and get an Answer; they know nothing else of a call.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from lsm.objects import Decision, Subject
from rpc import eager
from rpc.admission import Admission
from rpc.call import Peer
from rpc.mediation import declared
from rpc.methods import methods
from rpc.record import Recorder
from rpc.replies import ReplyCache
from rpc.seal import Seal
from rpc.served import Answer, Bound, Metadata, Served, Site

__all__ = ["Answer", "Table", "bind", "declared"]


def bind(
    service: ServiceDescriptor,
    ops: object,
    admission: Admission,
    recorder: Recorder,
    *,
    seal: Seal,
    target: str,
    last_committed: Callable[[], int] = lambda: 0,
    replies: ReplyCache | None = None,
    audited: Callable[[Decision, Subject], None] = lambda decision, subject: None,
) -> Table:
    """The table that serves `service` with the coroutine methods of `ops`, found by name (GetRoot -> get_root).

    `target` names the store in receipts; `audited` is told of each decision that asks for an audit record. TypeError
    if an rpc has no handler, a public coroutine method of `ops` is no rpc, or a declaration of mediation is malformed.
    """
    rpcs = methods(service)
    known = {m.handler for m in rpcs}
    # Looked up without running properties, which may need what is there after start only.
    public = (n for n in dir(ops) if not n.startswith("_"))
    given = {n for n in public if inspect.iscoroutinefunction(inspect.getattr_static(ops, n))}
    if known != given:
        faults = [f"no handler {n}" for n in sorted(known - given)] + [f"no rpc for {n}" for n in sorted(given - known)]
        raise TypeError(f"{service.name} cannot be bound to {type(ops).__name__}: {'; '.join(faults)}")
    bound = {m.path: Bound(m, getattr(ops, m.handler), declared(m.descriptor)) for m in rpcs}
    return Table(bound, Site(admission, recorder, seal, target, last_committed, replies or ReplyCache(), audited))


class Table:
    """The bound rpcs of one service, by path."""

    def __init__(self, bound: Mapping[str, Bound], site: Site) -> None:
        self.bound = dict(bound)
        self.site = site
        # Ordered, so that the simulator repeats itself.
        self._running: dict[asyncio.Task[Answer], None] = {}

    async def serve(self, path: str, body: bytes, metadata: Metadata, peer: Peer) -> Answer:
        """Serves one call to its end, also when nobody waits for it any more: what it changed must be recorded."""
        begun = eager.begin(Served(self.site, self.bound[path], peer).answered(body, metadata))
        if isinstance(begun, Answer):
            return begun
        self._running[begun] = None
        begun.add_done_callback(self._running.pop)
        return await asyncio.shield(begun)

    async def drain(self, grace_s: float | None = None) -> None:
        """Returns when no call is running; what still runs after `grace_s` is ended."""
        if self._running:
            await asyncio.wait(list(self._running), timeout=grace_s)
        self.abort()

    def abort(self) -> None:
        """Ends every running call where it stands, as a killed node does."""
        for task in list(self._running):
            task.cancel()
