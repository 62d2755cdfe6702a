"""One call on its way: decode -> admit -> resend? -> handler -> verify -> receipt -> record -> reply."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.message import Message

from labelproof.v1 import context_pb2
from lsm.framework import Mediator
from lsm.objects import Decision, Subject
from rpc import admission as doors
from rpc import context, status
from rpc.admission import Admission
from rpc.call import BehalfMediator, Call, Peer
from rpc.mediation import Mediation, MediationError
from rpc.methods import Method
from rpc.record import Batch, Recorder, members, nothing
from rpc.replies import ReplyCache, Row
from rpc.seal import Seal

Metadata = Iterable[tuple[str, bytes | str]]
Handler = Callable[[Call, Any], Awaitable[Message]]

log = logging.getLogger(__name__)


class Answer(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class Site:
    """What the calls of one table share: the node's door and history, and its store's part in receipts."""

    admission: Admission
    recorder: Recorder
    seal: Seal
    target: str
    last_committed: Callable[[], int]
    replies: ReplyCache
    audited: Callable[[Decision, Subject], None] = lambda decision, subject: None

    def settle(self, call: Call, reply: Message) -> Row:
        """Fills the receipt (where the change stands, and the proof of what was allowed); the reply as a row."""
        if call.transno:
            receipt: context_pb2.Receipt = reply.receipt  # type: ignore[attr-defined]
            receipt.transno = call.transno
            receipt.last_committed = self.last_committed()
            receipt.seal = self.seal.receipt(call, self.target)
        data = reply.SerializeToString()
        return Row(call.peer.node, call.xid, call.request_digest, call.subject.digest, data)

    def resent(self, call: Call, reply: Message) -> bytes:
        """The kept reply, marked as such, with where the target stands now."""
        receipt: context_pb2.Receipt = reply.receipt  # type: ignore[attr-defined]
        receipt.resent = True
        receipt.last_committed = self.last_committed()
        call.transno = receipt.transno
        return reply.SerializeToString()


class Served:
    """One call on its way through a table, with what the history needs to know of it."""

    def __init__(self, site: Site, bound: Bound, peer: Peer) -> None:
        self.site = site
        self.bound = bound
        self.method = bound.method
        self.peer = peer
        self.batch: Batch = site.recorder.batch()
        self.entry = context_pb2.CallContext()
        self.call: Call | None = None
        self.resent = False
        # A refusal is recorded whatever was asked for.
        self.recorded = site.recorder.on and bound.method.recorded
        # How many decisions stand in the batch already.
        self.told = 0
        self.place: Any = None
        # What the call's two `rpc` events share, once the first is recorded.
        self.common = b""

    async def answered(self, body: bytes, metadata: Metadata) -> Answer:
        """Runs the call; whatever comes of it is recorded and answered."""
        try:
            reply = await self._run(body, metadata)
        except OSError as error:
            return self._answer(b"", self._lawful(error))
        except Exception as error:
            log.exception("%s of %s ended in an error that is none of its own", self.method.name, self.peer.node)
            return self._answer(b"", self._broken(error))
        return self._answer(reply, None)

    async def _run(self, body: bytes, metadata: Metadata) -> bytes:
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
        door, entry = self.site.admission, doors.call_entry(found)
        self.entry = entry
        door.check_peer(self.peer, self.method.name)
        nodemap = door.nodemap(self.peer)
        data = found.get(context.SUBJECT_KEY)
        if self.peer.role == "harness":
            subject = door.host(self.peer, data, self.method.name, not self.bound.mediation.none)
        else:
            door.check_policy(self.peer, entry.sepol, nodemap.sepol)
            subject = door.subject(self.peer, data)
        behalf = door.behalf(self.peer, entry.on_behalf_of) if entry.on_behalf_of else None
        request = context.parsed(self.method.request, body, f"request of {self.method.name}")
        self.place = self.method.place(request) if self.site.recorder.on else None
        door.check_changes(self.peer, self.method.name, request, self.method.mutating)
        own = Mediator(door.framework, subject)
        call = Call(
            method=self.method.name, peer=self.peer, nodemap=nodemap, subject=subject, lsm=own,
            declared=self.bound.mediation, batch=self.batch, clock=self.site.recorder.clock, behalf=behalf,
            lsm_behalf=BehalfMediator(own, behalf) if behalf else None, rpc=entry.rpc, op=entry.op, test=entry.test,
            xid=entry.xid, acked_xid=entry.acked_xid, ticket=entry.ticket, sepol=entry.sepol, receipt=entry.receipt,
            vantage="agent" if self.method.service == "Agent" else "server",
            settle=self.site.settle if self.method.receipt else None,
        )  # fmt: skip
        self.call = call
        self.batch.tell = self._tell_decisions
        return request, call

    async def _once(self, call: Call, request: Message, body: bytes) -> bytes:
        """The handler's reply, or the kept one if this is a resend."""
        digest = hashlib.sha256(self.method.path.encode() + b"\0")
        digest.update(body)
        call.request_digest = digest.digest()
        replies, client, xid = self.site.replies, call.peer.node, call.xid
        replies.acknowledge(client, call.acked_xid)
        row = await replies.find(client, xid, call.request_digest, call.subject.digest)
        if row is not None:
            self.resent = True
            return self.site.resent(call, self.method.reply.FromString(row.reply))
        replies.begin(client, xid)
        try:
            reply = await self._handle(call, request)
            row = self.site.settle(call, reply)
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

    def _lawful(self, error: OSError) -> OSError:
        """The error as it may travel: one with no lawful errno is a bug here, and may have happened."""
        if status.lawful(error.errno):
            return error
        log.error("%s raised an unlawful errno: %r", self.method.name, error)
        return self._broken(error)

    def _broken(self, error: BaseException) -> OSError:
        """EIO, indefinite, with a note in the history."""
        self.batch.event("note", level="error", text=f"{self.method.name}: {type(error).__name__}: {error}")
        return status.failure(
            errno.EIO, f"{self.method.name} failed in {self.site.recorder.node}; see its log", sure=False
        )

    def _answer(self, body: bytes, error: OSError | None) -> Answer:
        """Records the call, and what goes back. An error of the history itself turns the answer into EIO."""
        clock = self.site.recorder.tick()
        try:
            self._record(body, error)
        except OSError as unwritten:
            log.exception("the history of %s cannot be written", self.site.recorder.node)
            error = status.failure(errno.EIO, f"history: {unwritten}", sure=False)
        # Else call and batch would hold one another until the collector comes by: every call in memory that is cold.
        self.batch.tell = nothing
        trailing = [(context.CLOCK_KEY, clock.to_bytes(8, "big"))]
        if error is not None:
            trailing += status.trailing(error)
        return Answer(b"" if error else body, error, tuple(trailing))

    def _refused(self, refusal: OSError) -> None:
        self.recorded = self.site.recorder.on
        self._received(None, None)
        self.batch.event(
            "session", phase="refuse", peer=self.peer.node, role=self.peer.role,
            nodemap=self.site.admission.nodemap(self.peer).name, sepol=self.entry.sepol, errno=refusal.errno,
        )  # fmt: skip

    def _received(self, subject: Subject | None, behalf: Subject | None) -> None:
        self.site.recorder.tick(self.entry.clock)
        if self.recorded:
            self.batch.event("rpc", self._common(subject, behalf), phase="recv", place=self.place)

    def _common(self, subject: Subject | None, behalf: Subject | None) -> bytes:
        self.common = self.common or members({
            "rpc": self.entry.rpc, "op": self.entry.op or None, "from": self.peer.node,
            "to": self.site.recorder.node, "method": self.method.name,
            "subject": self.batch.subject(subject) if subject else None,
            "behalf": self.batch.subject(behalf) if behalf else None,
        })  # fmt: skip
        return self.common

    def _record(self, body: bytes, error: OSError | None) -> None:
        call = self.call
        if not self.recorded:
            if call is not None:
                self._audit(call)
            return
        sure = error is None or status.definite(error)
        if call is not None:
            self._record_mediation(call, error)
        self.batch.event(
            "rpc", self._common(call.subject if call else None, call.behalf if call else None), phase="reply",
            status=error.errno if error else 0, definite=sure, bytes=len(body), case=call.case if call else None,
            fired=_fired(call) if call else [], resent=self.resent, transno=call.transno if call else 0,
            finding=call.finding if call else None,
        )  # fmt: skip
        self.batch.flush()

    def _record_mediation(self, call: Call, error: OSError | None) -> None:
        if error is not None and status.definite(error) and not call.transno:
            # The step was rolled back, so the labels that it wrote of are not there.
            self.batch.drop("label")
        self._tell_decisions()
        self._audit(call)

    def _tell_decisions(self) -> None:
        """Records what was decided since the last time: in front of a label, where it was decided before."""
        call = self.call
        if call is None:
            return
        marks = call.lsm_behalf.marks if call.lsm_behalf else ()
        made = call.lsm.decisions
        self.batch.decisions(
            made, rpc=call.rpc, op=call.op or None, vantage=call.vantage, behalf=marks, first=self.told,
            rechecked=call.rechecked,
        )  # fmt: skip
        self.told = len(made)

    def _audit(self, call: Call) -> None:
        marks = call.lsm_behalf.marks if call.lsm_behalf else ()
        for position, decision in enumerate(call.lsm.decisions):
            if decision.audited:
                subject = call.behalf if position in marks and call.behalf else call.lsm.subject
                self.site.audited(decision, subject)


def _fired(call: Call) -> list[list[Any]]:
    return [[hook, role, str(fid) if fid else None, n] for (hook, role, fid), n in call.lsm.fired.items()]
