"""What a handler sees of the call that it serves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message

from lsm.framework import Framework, Mediator
from lsm.objects import Decision, Fid, Subject
from rpc.clock import Clock
from rpc.mediation import Mediation, MediationError
from rpc.nodemap import Nodemap
from rpc.record import Batch
from rpc.replies import Row

ROLES = frozenset({"harness", "mds", "oss", "client"})
_URI = re.compile(r"labelproof://([a-z0-9][a-z0-9-]{0,62})/([a-z]+)/([a-z0-9][a-z0-9-]{0,62})")


class Peer(NamedTuple):
    """Who is at the other end, as its certificate says it; on a server never what a message says."""

    cluster: str
    role: str
    node: str

    @property
    def uri(self) -> str:
        """The URI SAN of the certificate."""
        return f"labelproof://{self.cluster}/{self.role}/{self.node}"

    @property
    def host(self) -> str:
        """The DNS SAN of the certificate, by which a channel pins the server that it means."""
        return f"{self.node}.{self.role}.labelproof"

    @classmethod
    def parse(cls, uri: str) -> Peer:
        """The peer of a URI; ValueError if it is not exactly one of ours."""
        match = _URI.fullmatch(uri)
        if match is None or match[2] not in ROLES:
            raise ValueError(f"not labelproof://<cluster>/<role>/<node>: {uri!r}")
        return cls(match[1], match[2], match[3])


class BehalfMediator(Mediator):
    """Asks for the subject acted for; firings and decisions are the call's, and it marks which are its own."""

    __slots__ = ("marks",)

    def __init__(self, own: Mediator, subject: Subject) -> None:
        super().__init__(own.framework, subject)
        self.fired, self.decisions = own.fired, own.decisions
        self.marks: set[int] = set()

    def settle(self, decision: Decision) -> None:
        self.marks.add(len(self.decisions))
        super().settle(decision)


@dataclass(slots=True)
class Call:
    """One admitted call: who asks, for whom, with what, and what the handler says of it.

    The handler declares its case with `takes`, asks through `lsm`, and sets `transno` and `fid` where it changed
    something; receipt, verification and history are the binding's.
    """

    method: str
    peer: Peer
    nodemap: Nodemap
    subject: Subject
    lsm: Mediator
    declared: Mediation
    batch: Batch
    clock: Clock
    behalf: Subject | None = None
    lsm_behalf: BehalfMediator | None = None
    rpc: str = ""
    op: str = ""
    test: str = ""
    xid: int = 0
    acked_xid: int = 0
    ticket: bytes = b""
    sepol: str = ""
    receipt: bytes = b""
    request_digest: bytes = b""
    case: str | None = None
    walk: bool = False
    transno: int = 0
    fid: Fid | None = None
    vantage: str = "server"
    # From which decision on all is asked once more.
    rechecked: int | None = None
    finding: str | None = None
    # What `verify` last found in order: the case, and how much had fired.
    held: tuple[str | None, bool, int] | None = None
    # Fills the reply's receipt and makes its row for the store; set by the binding.
    settle: Callable[[Call, Message], Row] | None = None

    @property
    def framework(self) -> Framework:
        return self.lsm.framework

    def takes(self, case: str, *, walk: bool = False) -> None:
        """Says which declared case this call is; `walk`: it names its object by parent and name."""
        self.case = case
        self.walk = walk or self.walk

    def walked(self) -> None:
        """Says that the object was named by parent and name."""
        self.walk = True

    def rechecks(self) -> None:
        """Says that what is asked from now on was asked before, and other servers have taken part since then."""
        self.rechecked = len(self.lsm.decisions)

    def remember(self, reply: Message) -> Row:
        """The row by which a resend finds this reply again; a store saves it in the op's own savepoint.

        Call it last, with `transno` and `fid` set and the reply complete: it fills the receipt.
        """
        if self.settle is None:
            raise TypeError(f"{self.method} has no receipt in its reply, so there is nothing to remember")
        return self.settle(self, reply)

    def verify(self) -> None:
        """Complete mediation: holds what fired against the declared case.

        Stores call it before a step commits. Raises MediationError (EACCES, definite) with the finding, which is
        also recorded with the reply.
        """
        held = self.case, self.walk, sum(self.lsm.fired.values())
        if held == self.held:
            return
        finding = self.declared.finding(self.case, self.walk, self.lsm.fired)
        if finding is None:
            self.held = held
        else:
            self.finding = f"{self.method} {finding}"
            raise MediationError(self.finding)
