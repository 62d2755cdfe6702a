"""One node: everything that its role's code needs and that comes from outside it."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import rpc.context
from host.auditlog import AuditLog
from host.config import NodeConfig
from host.policy import PolicyState
from lsm.framework import Framework, Mediator
from lsm.modules.capability import ALL
from lsm.objects import Caps, Decision, Obj, Subject
from rpc.admission import Admission
from rpc.call import Call
from rpc.channel import Caller, Channel
from rpc.clock import Clock
from rpc.record import Recorder
from rpc.seal import Seal

# The filesystem's type, by which a policy's fs_use rule gives the superblock its label.
FSTYPE = "lustre"


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where another node listens, and since which of its starts; who it is, its certificate says."""

    node: str
    role: str
    address: str
    incarnation: int = 0


class Environment(Protocol):
    """What differs between the machine and the simulator."""

    @property
    def clock(self) -> Clock:
        """The node's clock."""
        ...

    def rng(self, name: str) -> random.Random:
        """A generator of its own for `name`, seeded by the cluster's seed."""
        ...

    def connect(self, node: Node, peer: PeerAddress) -> Channel:
        """A channel from `node` to `peer`; nothing is sent yet."""
        ...


class Node:
    """The node's state that is not its role's. Built before the policy is there; `framework` fails until it is."""

    def __init__(self, config: NodeConfig, env: Environment, recorder: Recorder, log: AuditLog) -> None:
        self.config = config
        self.name, self.role = config.name, config.role
        self.env, self.clock, self.recorder, self.audit = env, env.clock, recorder, log
        self.rng = env.rng(config.name)
        self.seal = Seal(config.key)
        self.policy = PolicyState(config.lsm)
        self.admission = Admission(
            config.cluster, self.policy.framework_or_capability, sepol=lambda: self.policy.sepol, ready=self._unready
        )
        self._peers: dict[str, PeerAddress] = {}
        # Their names, sorted, by role.
        self._by_role: dict[str, tuple[str, ...]] = {}
        self._channels: dict[str, Channel] = {}
        self._subject: Subject | None = None
        self._stopping: list[Callable[[], None]] = []
        self.policy.on_change(self._policy_changed)

    # --- policy ------------------------------------------------------------------------------------------------

    @property
    def framework(self) -> Framework:
        """The modules that are on; OSError(EACCES) before the boot policy."""
        return self.policy.framework

    @property
    def subject(self) -> Subject:
        """The node's own subject: root with every capability, labelled as the initial SID `kernel`."""
        if self._subject is None:
            self._subject = self._own_subject()
        return self._subject

    def mediator(self, subject: Subject) -> Mediator:
        """A mediator outside any rpc, for `subject`."""
        return Mediator(self.framework, subject)

    def superblock(self) -> Obj:
        """The filesystem as an object, with the label that the policy gives it."""
        fs = Obj("fs", "filesystem", name=FSTYPE)
        labels = self.mediator(self.subject).labels("sb_set_mnt_opts", fs)
        return Obj("fs", "filesystem", labels, name=FSTYPE)

    def xattr_of(self, module: str) -> str:
        """The attribute that keeps a module's label; KeyError if it keeps none."""
        found = self.framework.module(module)
        if found is None or found.xattr is None:
            raise KeyError(module)
        return found.xattr

    def module_of(self, xattr: str) -> str | None:
        """The enabled module that keeps its labels in `xattr`."""
        return self.framework.kept.get(xattr)

    # --- peers -------------------------------------------------------------------------------------------------

    def join(self, peers: list[PeerAddress]) -> None:
        """Takes the peers' addresses; a peer that moved or came back gets a new channel."""
        for peer in peers:
            if self._peers.get(peer.node) != peer:
                self._channels.pop(peer.node, None)
            self._peers[peer.node] = peer
        roles = {peer.role for peer in self._peers.values()}
        known = self._peers.values()
        self._by_role = {role: tuple(sorted(p.node for p in known if p.role == role)) for role in roles}

    def peers(self, role: str) -> tuple[str, ...]:
        """The names of the peers with that role, sorted."""
        return self._by_role.get(role, ())

    def channel(self, node: str) -> Channel:
        """The channel to a peer; OSError(ENOTCONN) names one whose address is not known."""
        if node not in self._channels:
            if node not in self._peers:
                raise OSError(errno.ENOTCONN, f"{self.name} does not know where {node} listens")
            self._channels[node] = self.env.connect(self, self._peers[node])
        return self._channels[node]

    def caller(self, call: Call | None = None, *, behalf: Subject | None = None) -> Caller:
        """The node itself as caller, in the course of `call`, acting for `behalf`."""
        op, test = (call.op, call.test) if call else ("", "")
        return Caller.of(self.subject, behalf=behalf, op=op, test=test, sepol=self.policy.sepol)

    def on_stop(self, listener: Callable[[], None]) -> None:
        """`listener()` is called as the node begins to stop, when calls are still under way."""
        self._stopping.append(listener)

    def stopping(self) -> None:
        """The node is about to stop: who waits in it for others is to wait no longer."""
        for listener in self._stopping:
            listener()

    async def close(self) -> None:
        """Gives up the channels to the peers."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    def audited(self, decisions: Iterable[Decision], subject: Subject) -> None:
        """Writes the audit records of what was decided for `subject` outside any rpc of this node's own."""
        for decision in decisions:
            if decision.audited:
                self.audit.write(decision, subject)

    # --- inside ------------------------------------------------------------------------------------------------

    def _unready(self) -> str | None:
        return None if self.policy.loaded else f"{self.name} has no policy"

    def _policy_changed(self, why: str, by: Subject) -> None:
        self._subject = None
        self.admission.use(self.policy.framework)
        batch, policy = self.recorder.batch(), self.policy
        batch.event(
            "policy", digest=policy.digest, name=policy.name, version=policy.version, seqno=policy.seqno,
            enforcing=policy.enforcing, booleans=dict(policy.booleans), why=why, by=batch.subject(by),
        )  # fmt: skip
        batch.flush()

    def _own_subject(self) -> Subject:
        server = self.policy.server
        labels = {"selinux": server.sid_to_context(server.initial_sid("kernel"))} if server else {}
        everything = Caps(ALL, ALL, 0, ALL, 0)
        return rpc.context.named(Subject(0, 0, caps=everything, comm=self.role, nid=self.name, labels=labels))
