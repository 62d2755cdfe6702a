"""The client's end of the seam: a Channel calls, a Stub gives it one coroutine an rpc.

The WireChannel adds what every call carries (xid, Lamport clock, rpc id) and records `send` and `done`; a Wire below
it moves bytes.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from labelproof.v1 import context_pb2
from lsm.objects import Subject
from rpc import context, status
from rpc.call import Peer
from rpc.methods import Method, methods
from rpc.methods import method as _method
from rpc.record import Batch, Recorder

TIMEOUT_S = 10.0

Metadata = tuple[tuple[str, bytes], ...]


class Caller(NamedTuple):
    """Who calls and what for: the subject's bytes, built once, and what changes from call to call."""

    context: bytes
    subject: Subject | None = None
    op: str = ""
    test: str = ""
    ticket: bytes = b""
    behalf: bytes = b""
    behalf_subject: Subject | None = None
    sepol: str = ""
    receipt: bytes = b""

    @classmethod
    def of(cls, subject: Subject, *, behalf: Subject | None = None, **rest: Any) -> Caller:
        """The caller for a subject (its `nid` the calling node's), acting for `behalf` if that is given."""
        data = context.encode(subject)
        named = replace(subject, digest=hashlib.sha256(data).digest())
        acted = context.encode(behalf) if behalf else b""
        return cls(data, named, behalf=acted, behalf_subject=context.named(behalf) if behalf else None, **rest)

    def doing(self, **changes: Any) -> Caller:
        """The same subject with another op, test, sepol or receipt."""
        return self._replace(**changes)

    def bearing(self, ticket: bytes) -> Caller:
        """The same with a walk ticket, which most calls to the MDS have."""
        return self if ticket == self.ticket else self._replace(ticket=ticket)


class Channel(Protocol):
    """One node's way to one server. Errors are OSErrors; `rpc.definite` tells whether it surely did not happen."""

    peer: Peer

    async def call(
        self, method: str, request: Message, *, caller: Caller, timeout_s: float | None = None, xid: int = 0,
        retry: int = 0,
    ) -> Any:  # fmt: skip
        """The reply to `method` ("Mds/Open"). `retry`: how often an indefinite failure is resent, with the same xid.

        `xid` overrides the number of the call, to resend one that was given up before.
        """
        ...

    async def close(self) -> None:
        """Gives the connection up; calls under way end indefinite."""
        ...


class Wire(Protocol):
    """Moves the bytes of one call; raises OSError as rpc/status.py says."""

    async def exchange(self, path: str, body: bytes, metadata: Metadata, timeout_s: float) -> tuple[bytes, Metadata]:
        """Reply and trailing metadata. An error carries its trailing metadata as `trailing`, if there was any."""
        ...

    async def close(self) -> None: ...


class WireChannel:
    """A Channel over a Wire. One a node and server: the acknowledged xids are those of this channel.

    `timeout_s`: how long a call waits for its reply if it does not say.
    """

    def __init__(self, wire: Wire, peer: Peer, recorder: Recorder, timeout_s: float = TIMEOUT_S) -> None:
        self.peer = peer
        self._timeout_s = timeout_s
        self._wire = wire
        self._recorder = recorder
        # The xids without an answer, growing, and the last one given.
        self._open: dict[int, None] = {}
        self._last_xid = 0

    async def call(
        self, method: str, request: Message, *, caller: Caller, timeout_s: float | None = None, xid: int = 0,
        retry: int = 0,
    ) -> Any:  # fmt: skip
        number = xid or self._recorder.serial()
        self._last_xid = max(self._last_xid, number)
        self._open[number] = None
        try:
            body = request.SerializeToString()
            while True:
                try:
                    return await self._once(_method(method), body, caller, timeout_s or self._timeout_s, number)
                except OSError as error:
                    if status.definite(error) or retry == 0:
                        error.xid = number  # type: ignore[attr-defined]
                        raise
                    retry -= 1
        finally:
            del self._open[number]

    async def close(self) -> None:
        await self._wire.close()

    async def _once(self, m: Method, body: bytes, caller: Caller, timeout_s: float, xid: int) -> Message:
        recorder = self._recorder
        rpc = f"{recorder.node}:{recorder.serial()}"
        metadata = self._metadata(caller, rpc, xid, recorder.tick())
        batch = recorder.batch()
        common = self._common(batch, m, caller, rpc)
        if m.recorded:
            # Written with `done`, while the node waits for the next: each write of its own costs as much as an event.
            batch.event("rpc", **common, phase="send")
        try:
            data, trailing = await self._wire.exchange(m.path, body, metadata, timeout_s)
            reply = _reply(m, data)
        except OSError as error:
            self._seen(getattr(error, "trailing", ()))
            _record(batch, common, m, phase="done", status=error.errno, definite=status.definite(error), bytes=0)
            raise
        except BaseException:
            # Given up: `send` alone tells of it.
            batch.flush_soon()
            raise
        self._seen(trailing)
        _record(batch, common, m, phase="done", status=0, definite=True, bytes=len(data))
        return reply

    def _metadata(self, caller: Caller, rpc: str, xid: int, clock: int) -> Metadata:
        entry = context_pb2.CallContext(
            rpc=rpc, op=caller.op, test=caller.test, xid=xid, acked_xid=self._acked(), clock=clock,
            ticket=caller.ticket, on_behalf_of=caller.behalf, sepol=caller.sepol, receipt=caller.receipt,
        ).SerializeToString()  # fmt: skip
        if not caller.context:
            return ((context.CALL_KEY, entry),)
        return ((context.SUBJECT_KEY, caller.context), (context.CALL_KEY, entry))

    def _acked(self) -> int:
        """The last xid up to which every call of this channel has its answer."""
        return min(self._open) - 1 if self._open else self._last_xid

    def _seen(self, trailing: Metadata) -> None:
        clock = dict(trailing).get(context.CLOCK_KEY, b"")
        self._recorder.tick(int.from_bytes(clock, "big"))

    def _common(self, batch: Batch, m: Method, caller: Caller, rpc: str) -> dict[str, Any]:
        """What the call's two events share."""
        if not self._recorder.on:
            return {}
        return {
            "rpc": rpc, "op": caller.op or None, "from": self._recorder.node, "to": self.peer.node, "method": m.name,
            "subject": batch.subject(caller.subject) if caller.subject else None,
            "behalf": batch.subject(caller.behalf_subject) if caller.behalf_subject else None,
        }  # fmt: skip


class Stub:
    """One coroutine an rpc of the service, in snake case: `await stub.get_root(request, caller)`.

    Keyword arguments are those of Channel.call.
    """

    def __init__(self, service: ServiceDescriptor, channel: Channel) -> None:
        self.channel = channel
        self._names = {m.handler: m.name for m in methods(service)}

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(f"no rpc {name!r}; there are: {', '.join(sorted(self._names))}")
        full, channel = self._names[name], self.channel

        def call(request: Message, caller: Caller, **options: Any) -> Coroutine[Any, Any, Any]:
            return channel.call(full, request, caller=caller, **options)

        self.__dict__[name] = call
        return call


def _record(batch: Batch, common: dict[str, Any], m: Method, **fields: object) -> None:
    if m.recorded:
        batch.event("rpc", **common, **fields)
        batch.flush_soon()


def _reply(m: Method, data: bytes) -> Message:
    try:
        return m.reply.FromString(data)
    except DecodeError as error:
        raise status.failure(errno.EPROTO, f"the reply to {m.name} does not decode: {error}", sure=False) from None
