"""A server that lets a walk ticket serve whoever presents it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from labelproof.v1 import context_pb2
from lsm import Fid
from rpc import Call, Seal


@dataclass(frozen=True, slots=True)
class ForeignTicket:
    """MAC, FID and policy of a ticket are checked, its subject is not."""

    node: str = "mds0"

    name: ClassVar[str] = "foreign_ticket"
    ticket: ClassVar[str] = "LU-16494: naming a file by FID escaped the directory that its client was held to"
    rule: ClassVar[str] = "The binding of a label to its subject is protected in transit (RFC 7204, 3.2)."
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("identity", "walk ticket of another subject"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node, selinux=False)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        with seams.sealed(server, AnySubject(server.config.key)):
            yield


class AnySubject(Seal):
    """Checks a ticket as the subject's that it was made for."""

    def check_ticket(self, call: Call, fid: Fid, policy: int, ticket: bytes | None = None) -> None:
        given = call.ticket if ticket is None else ticket
        owner = self.open("ticket", given, context_pb2.Ticket).subject
        super().check_ticket(replace(call, subject=replace(call.subject, digest=owner)), fid, policy, given)
