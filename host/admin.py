"""The service Admin: what the harness asks of every node. Mediated like any other where it touches the policy."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

import rpc.context
from host.node import Node, PeerAddress
from labelproof.v1 import admin_pb2 as pb
from lsm.objects import Fid, Obj
from rpc.call import Call
from rpc.nodemap import Nodemap

# Of each of two files; a message holds twice as much.
EVIDENCE_BYTES_MAX = 2 << 20


class Role(Protocol):
    """What Admin needs of the node's app."""

    def collect(self, only: Collection[Fid] = ()) -> Iterable[pb.RawObject]: ...
    async def joined(self) -> None: ...
    async def policy_loaded(self) -> None: ...


class AdminOps:
    """Handlers of the service Admin."""

    def __init__(self, node: Node, app: Role, stats: Callable[[], dict[str, int]]) -> None:
        self._node = node
        self._app = app
        self._stats = stats
        self._nodemaps = 0

    async def load_policy(self, call: Call, req: pb.LoadPolicyRequest) -> pb.PolicyReply:
        """Boots with a policy, or loads another one over it, which security{load_policy} is asked for."""
        policy = self._node.policy
        if policy.server is None:
            call.takes("boot")
            policy.load(req.name, req.digest, req.version, req.cil, enforcing=req.enforcing, by=call.subject)
            await self._app.policy_loaded()
        else:
            self._ask(call, "reload", "policy_load")
            policy.load(req.name, req.digest, req.version, req.cil, enforcing=policy.enforcing, by=call.subject)
        return self._policy()

    async def set_enforce(self, call: Call, req: pb.SetEnforceRequest) -> pb.PolicyReply:
        """Switches enforcing; asks security{setenforce}."""
        self._ask(call, "set", "policy_setenforce")
        self._node.policy.set_enforce(req.enforcing, by=call.subject)
        return self._policy()

    async def set_booleans(self, call: Call, req: pb.SetBooleansRequest) -> pb.PolicyReply:
        """Sets booleans, all or none; asks security{setbool}."""
        self._ask(call, "set", "policy_setbool")
        self._node.policy.set_booleans(dict(req.values), by=call.subject)
        return self._policy()

    async def join(self, call: Call, req: pb.JoinRequest) -> pb.JoinReply:
        """Takes the peers' addresses."""
        self._node.join(
            [PeerAddress(p.node, p.role, p.address, p.incarnation) for p in req.peers if p.node != self._node.name]
        )
        await self._app.joined()
        if self._node.policy.loaded and self._node.policy.server is None:
            # No module waits for a boot policy, so none will come: a new store gets its root now.
            await self._app.policy_loaded()
        return pb.JoinReply()

    async def set_nodemaps(self, call: Call, req: pb.SetNodemapsRequest) -> pb.SetNodemapsReply:
        """Replaces the nodemaps, at once and for connections that are there already."""
        try:
            self._node.admission.set_nodemaps([Nodemap.from_proto(n) for n in req.nodemaps])
        except ValueError as error:
            raise OSError(errno.EINVAL, str(error)) from None
        self._nodemaps = zlib.crc32(req.SerializeToString(deterministic=True))
        return pb.SetNodemapsReply()

    async def collect(self, call: Call, req: pb.CollectRequest) -> pb.CollectReply:
        """The objects of this node's store with their labels as stored: those asked for, or all."""
        return pb.CollectReply(objects=self._app.collect([rpc.context.fid_of(fid) for fid in req.objects]))

    async def read_evidence(self, call: Call, req: pb.ReadEvidenceRequest) -> pb.ReadEvidenceReply:
        """What the history and the audit log hold beyond what the harness has, EVIDENCE_BYTES_MAX of each at once."""
        config = self._node.config
        return pb.ReadEvidenceReply(history=_part(config.history, req.history), audit=_part(config.audit, req.audit))

    async def stats(self, call: Call, req: pb.StatsRequest) -> pb.StatsReply:
        """Counters of this node; `nodemaps` is a fingerprint of those in force, 0 where there are none."""
        return pb.StatsReply(counters=self._stats() | {"nodemaps": self._nodemaps})

    def _ask(self, call: Call, case: str, hook: str) -> None:
        call.takes(case)
        if not call.subject.labels:
            raise PermissionError(errno.EACCES, "a policy is in force here: send the context of a logged-in subject")
        call.lsm.check(hook, Obj("security", "security"))
        # The change has an event of its own: what allowed it is told first.
        call.batch.ahead()

    def _policy(self) -> pb.PolicyReply:
        return pb.PolicyReply(seqno=self._node.policy.seqno, sepol=self._node.policy.sepol)


def _part(path: Path | None, offset: int) -> bytes:
    """Some of a file; nothing where there is none. This process writes it, so it never sees half a write."""
    if path is None or not path.exists():
        return b""
    with path.open("rb") as file:
        return os.pread(file.fileno(), EVIDENCE_BYTES_MAX, offset)
