"""A service's handlers, bound from its descriptor: what happens around a handler happens here, once for all rpcs.

decode -> admit -> resend? -> handler -> verify -> receipt -> record -> reply. Transports hand in bytes and metadata and
get an Answer; they know nothing else of a call.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from labelproof.v1 import context_pb2
from lsm.framework import Mediator
from lsm.objects import Subject
from rpc import admission as doors
from rpc import context, status
from rpc.admission import Admission
from rpc.call import BehalfMediator, Call, Peer
from rpc.mediation import Mediation, MediationError, declared
from rpc.methods import Method, methods
from rpc.record import Batch, Recorder
from rpc.replies import ReplyCache, Row
from rpc.seal import Seal

__all__ = ["Answer", "Table", "bind", "declared"]

Metadata = Iterable[tuple[str, bytes | str]]
Handler = Callable[[Call, Any], Awaitable[Message]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the reply's bytes or the error, and trailing metadata either way."""

    body: bytes
    error: OSError | None
    trailing: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One rpc with its handler and its declared mediation."""

    method: Method
    handler: Handler
    mediation: Mediation


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
) -> Table:
    """The table that serves `service` with the coroutine methods of `ops`, found by name (GetRoot -> get_root).

    `target` names the store in receipts. TypeError if an rpc has no handler, a public coroutine method of `ops` is
    no rpc, or a declaration of mediation is malformed.
    """
    rpcs = methods(service)
    known = {m.handler for m in rpcs}
    given = {n for n in dir(ops) if not n.startswith("_") and inspect.iscoroutinefunction(getattr(ops, n, None))}
    if known != given:
        faults = [f"no handler {n}" for n in sorted(known - given)] + [f"no rpc for {n}" for n in sorted(given - known)]
        raise TypeError(f"{service.name} cannot be bound to {type(ops).__name__}: {'; '.join(faults)}")
    bound = {m.path: Bound(m, getattr(ops, m.handler), declared(m.descriptor)) for m in rpcs}
    return Table(bound, admission, recorder, seal, target, last_committed, replies or ReplyCache())


class Table:
    """The bound rpcs of one service, by path."""

    def __init__(
        self,
        bound: Mapping[str, Bound],
        admission: Admission,
        recorder: Recorder,
        seal: Seal,
        target: str,
        last_committed: Callable[[], int],
        replies: ReplyCache,
    ) -> None:
        self.bound = dict(bound)
        self.admission = admission
        self.recorder = recorder
        self.replies = replies
        self._seal = seal
        self._target = target
        self._last_committed = last_committed
        self._running: set[asyncio.Task[Answer]] = set()

    async def serve(self, path: str, body: bytes, metadata: Metadata, peer: Peer) -> Answer:
        """Serves one call to its end, also when nobody waits for it any more: what it changed must be recorded."""
        task = asyncio.get_running_loop().create_task(self._serve(self.bound[path], body, metadata, peer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Returns when no call is running."""
        while self._running:
            await asyncio.wait(set(self._running))

    def abort(self) -> None:
        """Ends every running call where it stands, as a killed node does."""
        for task in self._running:
            task.cancel()

    async def _serve(self, bound: Bound, body: bytes, metadata: Metadata, peer: Peer) -> Answer:
        served = _Served(self, bound, peer)
        try:
            reply = await served.run(body, metadata)
        except OSError as error:
            return served.answer(b"", served.lawful(error))
        except Exception as error:
            log.exception("%s of %s ended in an error that is none of its own", bound.method.name, peer.node)
            return served.answer(b"", served.broken(error))
        return served.answer(reply, None)

    def receipt(self, call: Call, reply: Message) -> context_pb2.Receipt:
        """Where the call's change stands, and the proof of what was allowed; in the reply."""
        receipt: context_pb2.Receipt = reply.receipt  # type: ignore[attr-defined]
        receipt.transno = call.transno
        receipt.last_committed = self._last_committed()
        receipt.seal = self._seal.receipt(call, self._target)
        return receipt

    def settle(self, call: Call, reply: Message) -> Row:
        """The reply with its receipt, as a row of the reply cache."""
        if call.transno:
            self.receipt(call, reply)
        data = reply.SerializeToString()
        return Row(call.peer.node, call.xid, call.request_digest, call.subject.digest, data)

    def resent(self, call: Call, reply: Message) -> bytes:
        """The kept reply, marked as such, with where the target stands now."""
        receipt: context_pb2.Receipt = reply.receipt  # type: ignore[attr-defined]
        receipt.resent = True
        receipt.last_committed = self._last_committed()
        call.transno = receipt.transno
        return reply.SerializeToString()


class _Served:
    """One call on its way through the table, with what the history needs to know of it."""

    def __init__(self, table: Table, bound: Bound, peer: Peer) -> None:
        self.table = table
        self.bound = bound
        self.method = bound.method
        self.peer = peer
        self.batch: Batch = table.recorder.batch()
        self.entry = context_pb2.CallContext()
        self.call: Call | None = None
        self.resent = False
        # Position of the first event after `recv`: decisions come before what the handler wrote.
        self.mark = 0
        self.place: Any = None

    async def run(self, body: bytes, metadata: Metadata) -> bytes:
        """The reply's bytes, or the OSError that refuses the call."""
        try:
            request, call = self._admit(body, metadata)
        except OSError as refusal:
            self._refused(refusal)
            raise
        self._received(call.subject, call.behalf)
        if not self.method.mutating:
            return (await self._handle(call, request)).SerializeToString()
        return await self._once(call, request, body)

    def _admit(self, body: bytes, metadata: Metadata) -> tuple[Message, Call]:
        found = context.entries(metadata)
        door, entry = self.table.admission, doors.call_entry(found)
        self.entry = entry
        door.check_peer(self.peer, self.method.name)
        nodemap = door.nodemap(self.peer)
        data = found.get(context.SUBJECT_KEY)
        if self.peer.role == "harness":
            subject = door.host(self.peer, data)
        else:
            door.check_policy(self.peer, entry.sepol, nodemap.sepol)
            subject = door.subject(self.peer, data)
        behalf = door.behalf(self.peer, entry.on_behalf_of) if entry.on_behalf_of else None
        request = context.parsed(self.method.request, body, f"request of {self.method.name}")
        self.place = self.method.place(request)
        door.check_changes(self.peer, self.method.name, request, self.method.mutating)
        own = Mediator(door.framework, subject)
        call = Call(
            method=self.method.name, peer=self.peer, nodemap=nodemap, subject=subject, lsm=own,
            declared=self.bound.mediation, batch=self.batch, clock=self.table.recorder.clock, behalf=behalf,
            lsm_behalf=BehalfMediator(own, behalf) if behalf else None, rpc=entry.rpc, op=entry.op, test=entry.test,
            xid=entry.xid, acked_xid=entry.acked_xid, ticket=entry.ticket, sepol=entry.sepol, receipt=entry.receipt,
            vantage="agent" if self.method.service == "Agent" else "server",
            settle=self.table.settle if self.method.receipt else None,
        )  # fmt: skip
        self.call = call
        return request, call

    async def _once(self, call: Call, request: Message, body: bytes) -> bytes:
        """The handler's reply, or the kept one if this is a resend."""
        call.request_digest = hashlib.sha256(self.method.path.encode() + b"\0" + body).digest()
        replies, client, xid = self.table.replies, call.peer.node, call.xid
        replies.acknowledge(client, call.acked_xid)
        row = await replies.find(client, xid, call.request_digest, call.subject.digest)
        if row is not None:
            self.resent = True
            return self.table.resent(call, self.method.reply.FromString(row.reply))
        replies.begin(client, xid)
        try:
            reply = await self._handle(call, request)
            row = call.row or self.table.settle(call, reply)
            replies.keep(row)
            return row.reply
        finally:
            replies.end(client, xid)

    async def _handle(self, call: Call, request: Message) -> Message:
        reply = await self.bound.handler(call, request)
        if type(reply) is not self.method.reply:
            raise TypeError(f"{self.method.name} gave a {type(reply).__name__}, not a {self.method.reply.__name__}")
        try:
            call.verify()
        except MediationError as error:
            # Too late to roll back; what was changed stands.
            error.definite = call.transno == 0
            raise
        return reply

    def lawful(self, error: OSError) -> OSError:
        """The error as it may travel: one with no lawful errno is a bug here, and may have happened."""
        if status.lawful(error.errno):
            return error
        log.error("%s raised an unlawful errno: %r", self.method.name, error)
        return self.broken(error)

    def broken(self, error: BaseException) -> OSError:
        """EIO, indefinite, with a note in the history."""
        self.batch.event("note", level="error", text=f"{self.method.name}: {type(error).__name__}: {error}")
        return status.failure(
            errno.EIO, f"{self.method.name} failed in {self.table.recorder.node}; see its log", sure=False
        )

    def answer(self, body: bytes, error: OSError | None) -> Answer:
        """Records the call, and what goes back. An error of the history itself turns the answer into EIO."""
        clock = self.table.recorder.tick()
        try:
            self._record(body, error)
        except OSError as unwritten:
            log.exception("the history of %s cannot be written", self.table.recorder.node)
            error = status.failure(errno.EIO, f"history: {unwritten}", sure=False)
        trailing = [(context.CLOCK_KEY, clock.to_bytes(8, "big"))]
        if error is not None:
            trailing += status.trailing(error)
        return Answer(b"" if error else body, error, tuple(trailing))

    def _refused(self, refusal: OSError) -> None:
        self._received(None, None)
        self.batch.event(
            "session", phase="refuse", peer=self.peer.node, role=self.peer.role,
            nodemap=self.table.admission.nodemap(self.peer).name, sepol=self.entry.sepol, errno=refusal.errno,
        )  # fmt: skip

    def _received(self, subject: Subject | None, behalf: Subject | None) -> None:
        self.table.recorder.tick(self.entry.clock)
        if self.table.recorder.on:
            self.batch.event("rpc", **self._common("recv", subject, behalf), place=self.place)
        self.mark = len(self.batch)

    def _common(self, phase: str, subject: Subject | None, behalf: Subject | None) -> dict[str, Any]:
        return {
            "rpc": self.entry.rpc, "op": self.entry.op or None, "phase": phase, "from": self.peer.node,
            "to": self.table.recorder.node, "method": self.method.name,
            "subject": self.batch.subject(subject) if subject else None,
            "behalf": self.batch.subject(behalf) if behalf else None,
        }  # fmt: skip

    def _record(self, body: bytes, error: OSError | None) -> None:
        if not self.table.recorder.on:
            return
        call = self.call
        sure = error is None or status.definite(error)
        if call is not None:
            self._record_mediation(call, error)
        self.batch.event(
            "rpc", **self._common("reply", call.subject if call else None, call.behalf if call else None),
            status=error.errno if error else 0, definite=sure, bytes=len(body), case=call.case if call else None,
            fired=_fired(call) if call else [], resent=self.resent, transno=call.transno if call else 0,
            finding=call.finding if call else None,
        )  # fmt: skip
        self.batch.flush()

    def _record_mediation(self, call: Call, error: OSError | None) -> None:
        if error is not None and status.definite(error):
            # The step was rolled back, so the labels that it wrote of are not there.
            self.batch.drop("label")
        marks = call.lsm_behalf.marks if call.lsm_behalf else ()
        self.batch.decisions(
            call.lsm.decisions, rpc=call.rpc, op=call.op or None, vantage=call.vantage, behalf=marks, at=self.mark
        )


def _fired(call: Call) -> list[list[Any]]:
    return [[hook, role, str(fid) if fid else None, n] for (hook, role, fid), n in call.lsm.fired.items()]
