"""Walk tickets, data tokens and receipts: bodies with a MAC under the cluster's key.

HMAC-SHA256 cut to 16 bytes (RFC 2104, section 5), over the kind and the body, so that none passes for another.
"""

from __future__ import annotations

import errno
import hmac
from functools import lru_cache
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from labelproof.v1 import context_pb2
from lsm.objects import Fid
from rpc.call import Call
from rpc.context import fid_message, fid_of, task_digest

MAC_BYTES = 16
# About 200 bytes each.
TICKETS_KEPT = 4096
# With its labels about a kilobyte each. Whoever has a token can make larger ones of it, by fields that nobody knows.
TOKENS_KEPT, TOKEN_BYTES_KEPT = 1024, 4096
# include/uapi/linux/capability.h
CAP_DAC_READ_SEARCH = 2

M = TypeVar("M", bound=Message)


class Seal:
    """The cluster's key, and what is made and checked with it."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MAC_BYTES:
            raise ValueError(f"the cluster's key has {len(key)} bytes; {MAC_BYTES} are the least")
        self._key = key
        # A ticket says the same whenever it is made, so that one can be compared with one that is made anew.
        self.ticket = lru_cache(TICKETS_KEPT)(self._ticket)
        # A task shows the same token with each read and write: opened once, it is not to be changed.
        self._token = lru_cache(TOKENS_KEPT)(self._opened_token)

    def seal(self, kind: str, message: Message) -> bytes:
        """The serialized Sealed of `message`."""
        body = message.SerializeToString()
        return context_pb2.Sealed(body=body, mac=self._mac(kind, body)).SerializeToString()

    def open(self, kind: str, data: bytes, message_type: type[M]) -> M:
        """The body that was sealed as `kind`; EACCES if it is missing, damaged, of another kind or key."""
        if not data:
            raise OSError(errno.EACCES, f"no {kind}")
        try:
            sealed = context_pb2.Sealed.FromString(data)
            if hmac.compare_digest(sealed.mac, self._mac(kind, sealed.body)):
                return message_type.FromString(sealed.body)
        except DecodeError:
            pass
        raise OSError(errno.EACCES, f"the {kind} is not one of this cluster's")

    def _mac(self, kind: str, body: bytes) -> bytes:
        return hmac.digest(self._key, kind.encode() + b"\0" + body, "sha256")[:MAC_BYTES]

    def _ticket(self, fid: Fid, subject_digest: bytes, policy: int) -> bytes:
        """A walk ticket: this subject reached this FID under that policy (host/policy.py, stamp)."""
        return self.seal("ticket", context_pb2.Ticket(fid=fid_message(fid), subject=subject_digest, policy=policy))

    def check_ticket(self, call: Call, fid: Fid, policy: int, ticket: bytes | None = None) -> None:
        """Whether the call's subject may name `fid`: by its ticket, or by capability dac_read_search.

        `ticket`: one that rides in the request; else the call's. ESTALE for a ticket of another policy (walk
        again); EACCES for none, or one of another subject or FID.
        """
        shown = call.ticket if ticket is None else ticket
        if hmac.compare_digest(shown, self.ticket(fid, call.subject.digest, policy)):
            return
        refusal = self._ticket_refusal(call, fid, shown)
        if refusal.errno == errno.ESTALE or not call.lsm.capable(CAP_DAC_READ_SEARCH):
            raise refusal

    def _ticket_refusal(self, call: Call, fid: Fid, data: bytes) -> OSError:
        """What is wrong with a ticket that is not the one for this."""
        try:
            ticket = self.open("ticket", data, context_pb2.Ticket)
        except OSError as refusal:
            return refusal
        if fid_of(ticket.fid) != fid:
            return OSError(errno.EACCES, f"the ticket is for another file than {fid}")
        if not hmac.compare_digest(ticket.subject, call.subject.digest):
            return OSError(errno.EACCES, f"the ticket for {fid} is another subject's")
        return OSError(errno.ESTALE, f"the ticket for {fid} is of another policy than is in force")

    def token(self, token: context_pb2.Token) -> bytes:
        """A data token; `rights` are MAY_* bits of lsm/hooks.py, `expires_ns` wall time."""
        return self.seal("token", token)

    def check_token(self, call: Call, data: bytes, now_ns: int) -> context_pb2.Token:
        """The token presented; EACCES if it is no token, expired, or another task's.

        It is good for the subject that it was given to, and for the same task under another context.
        """
        token = self._token(data) if len(data) <= TOKEN_BYTES_KEPT else self._opened_token(data)
        if token.expires_ns <= now_ns:
            raise OSError(errno.EACCES, f"the token for {fid_of(token.fid)} has expired; open the file again")
        own = hmac.compare_digest(token.subject, call.subject.digest)
        if not own and not hmac.compare_digest(token.task, task_digest(call.subject)):
            raise OSError(errno.EACCES, f"the token for {fid_of(token.fid)} is another subject's")
        return token

    def _opened_token(self, data: bytes) -> context_pb2.Token:
        return self.open("token", data, context_pb2.Token)

    @staticmethod
    def opener(call: Call, token: context_pb2.Token) -> dict[str, str] | None:
        """The labels of who opened the file, if that is not just the call's subject (lsm.objects.Obj.opener)."""
        if token.subject == call.subject.digest:
            return None
        return {label.name: label.value.decode() for label in token.opener}

    def receipt(self, call: Call, target: str) -> bytes:
        """The proof of what the call changed, and for whom."""
        body = context_pb2.ReceiptBody(
            target=target, transno=call.transno, client=call.peer.node, xid=call.xid, request=call.request_digest,
            subject=call.subject.digest,
        )  # fmt: skip
        if call.fid is not None:
            body.fid.CopyFrom(fid_message(call.fid))
        return self.seal("receipt", body)
