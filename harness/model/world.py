"""All that a history has told so far: subjects, tasks, operations, rpcs, policies, true labels and the tree.

Fed with every event in causal order, once, by whoever judges; the checkers read it. At the time a checker sees an
event, the world holds what came before that event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.model import labels
from harness.model.fs import Event, Tree
from harness.model.policy import Mode, Policy, PolicySource
from harness.model.truth import Truth

LABEL = "security.selinux"
_SPREADING = frozenset({"Oss/SetLabel", "Oss/Punch"})
CREATED = frozenset({"transition", "inherit", "fscreate"})


@dataclass(slots=True)
class Op:
    """An operation of a task: its invoke event, the subject as it was then, and the end once it is there.

    `settled`: the task did not change its own context meanwhile.
    """

    invoke: Event
    subject: Event | None
    seq: int
    about: str | None
    end: Event | None = None
    settled: bool = True


@dataclass(slots=True)
class Rpc:
    """An rpc at the node that serves it, up to its reply; `seq` and `seqno` as of its arrival.

    `spread`: the node had other servers change what is theirs of the object.
    """

    recv: Event
    seq: int = 0
    seqno: int = 0
    spread: bool = False
    avcs: list[Event] = field(default_factory=list)
    labels: list[Event] = field(default_factory=list)
    order: list[Event] = field(default_factory=list)


def is_query(event: Event) -> bool:
    """Whether an `avc` event is a query of an access vector of the policy; a refused transition of labels is none."""
    return event["module"] == "selinux" and list(event["requested"]) != ["validatetrans"]


def is_by_command(event: Event) -> bool:
    """Whether an `avc` event is a decision on an ioctl by its command (security/selinux/hooks.c, ioctl_has_perm)."""
    return bool(event["hook"] == "file_ioctl" and list(event["requested"]) == ["ioctl"])


def sets_label(op: Op) -> str | None:
    """The label that an operation sets, if it does."""
    args = op.invoke.get("args") or {}
    value = args.get("value")
    return value if op.invoke["f"] == "setxattr" and args.get("name") == LABEL and isinstance(value, str) else None


class World:
    """The facts. Every look-up of something that the history did not tell gives None."""

    def __init__(self, policies: PolicySource) -> None:
        self.policies = policies
        self.tree = Tree()
        self.truth = Truth()
        self.ops: dict[str, Op] = {}
        self.rpcs: dict[tuple[str, str], Rpc] = {}
        self.spec: Mapping[str, Any] = {}
        self.roles: dict[str, str] = {}
        self.seen: set[str] = set()
        self._subjects: dict[tuple[str, str], Event] = {}
        self._tasks: dict[tuple[str, str], Event] = {}
        self._modes: dict[str, dict[int, Mode]] = {}
        self._now: dict[str, Mode] = {}
        self._doubts: dict[str, set[str]] = {}
        self._under_way: dict[tuple[str, str], set[str]] = {}
        self._expected: tuple[Event | None, str | None, bool] = (None, None, False)

    def feed(self, event: Event) -> None:
        """Takes one event; they must come in causal order."""
        self.truth.seq += 1
        self.seen.add(event["e"])
        reader = getattr(self, f"_on_{event['e']}", None)
        if reader is not None:
            reader(event)

    def subject(self, node: str, digest: str | None) -> Event | None:
        """The subject as the node's file interned it."""
        return self._subjects.get((node, digest)) if digest else None

    def task_subject(self, node: str, task: str) -> Event | None:
        """The subject that a task has now, as its own node recorded it."""
        event = self._tasks.get((node, task))
        return self.subject(event["n"], event["subject"]) if event else None

    def mode(self, node: str, seqno: int | None = None) -> Mode | None:
        """What the node enforced when its policy had the sequence number, or now; None: no policy was loaded there."""
        return self._modes.get(node, {}).get(seqno if seqno is not None else -1) or self._now.get(node)

    def policy(self, node: str, seqno: int | None = None) -> Policy | None:
        """The policy of the node, or None if there is none, or the run does not hold it."""
        mode = self.mode(node, seqno)
        return self.policies.policy(mode.digest) if mode else None

    def context(self, subject: Event | None) -> str | None:
        """The SELinux context of a subject."""
        return (subject.get("labels") or {}).get("selinux") if subject else None

    def rpc(self, event: Event) -> Rpc | None:
        """The rpc that an event of the serving node belongs to."""
        return self.rpcs.get((event["n"], event["rpc"])) if event.get("rpc") else None

    def op_of(self, event: Event) -> Op | None:
        """The operation that an event belongs to, by its own `op` or its rpc's."""
        rpc = self.rpc(event)
        name = event.get("op") or (rpc.recv.get("op") if rpc else None)
        return self.ops.get(name) if name else None

    def true_label(self, fid: str, version: int | None = None, node: str = "") -> tuple[str | None] | None:
        """The true label at the version, else the present one, in a tuple of one; None for an object never seen.
        `node`: of the file's object there, if it has one."""
        at = self.truth.at(fid, version, node) if version is not None else None
        if at is not None:
            return at
        return (self.truth.now(fid),) if self.truth.known(fid) else None

    def in_doubt(self, fid: str) -> set[str]:
        """What relabels of the object asked for that were not acknowledged, and after which no other one was."""
        return self._doubts.get(fid, set())

    def expected_label(self, event: Event) -> tuple[str | None] | None:
        """What `new` of a `label` event has to be, in a tuple of one; None where it cannot be told."""
        if self._expected[0] is not event:
            expected = self._expect(event) if event["role"] == "mdt" else self._expect_object(event)
            self._expected = (event, expected[0] if expected else None, expected is not None)
        return (self._expected[1],) if self._expected[2] else None

    def new_label(self, node: str, subject: Event | None, parent: str, tclass: str, name: str) -> str | None:
        """The label of what the subject makes in `parent`, or None where it cannot be told."""
        policy, mode, context = self.policy(node), self.mode(node), self.context(subject)
        if policy is None or mode is None or context is None or subject is None or not self.truth.known(parent):
            return None
        made = labels.of_new_object(
            policy,
            context,
            self.truth.now(parent),
            tclass,
            name,
            fscreate=subject.get("fscreate"),
            booleans=dict(mode.booleans),
        )
        return made.label if made else None

    def acting(self, event: Event) -> Event | None:
        """The subject for whom an rpc acts: its task's where the operation is known, else behalf, else its own."""
        op, rpc = self.op_of(event), self.rpc(event)
        if op is not None and op.subject is not None:
            return op.subject
        return self.subject(event["n"], rpc.recv.get("behalf") or rpc.recv.get("subject")) if rpc else None

    def command(self, event: Event) -> int | None:
        """The command that a decision by command is about, as its caller gave it."""
        op = self.op_of(event) if is_by_command(event) else None
        found = (op.invoke.get("args") or {}).get("cmd") if op is not None and op.invoke["f"] == "ioctl" else None
        return found if isinstance(found, int) else None

    def _expect(self, event: Event) -> tuple[str | None] | None:
        match event.get("why"):
            case "root":
                return self._expect_root(event)
            case why if why in CREATED:
                subject = self.acting(event) or self.subject(event["n"], event.get("subject"))
                made = self.new_label(event["n"], subject, event["parent"], event["class"], event["as"])
                return (made,) if made else None
            case "set":
                return self._expect_set(event)
            case "undo" if self.truth.known(event["object"]):
                return (self.truth.acknowledged(event["object"]),)
            case "remove":
                return (None,)
        return (self.truth.now(event["object"]),) if self.truth.known(event["object"]) else None

    def _expect_object(self, event: Event) -> tuple[str | None] | None:
        """An OST object is told of a relabel before its file is, and to undo it if it did not come about."""
        fid, op = event["object"], self.op_of(event)
        match event.get("why"):
            case "relabel" if op is not None:
                expected = self._expect_set(event)
                return expected if expected and expected[0] is not None else None
            case "undo" if self.truth.known(fid):
                return (self.truth.acknowledged(fid),)
        return self.truth.at(fid, event.get("version") or 0)

    def _expect_root(self, event: Event) -> tuple[str | None] | None:
        policy, chosen = self.policy(event["n"]), self.spec.get("root_context")
        if policy is None or not self.spec:
            return None
        return (policy.canonical(chosen) if chosen else policy.initial_sid("file"),)

    def _expect_set(self, event: Event) -> tuple[str | None] | None:
        """Only setxattr sets a label: under any other operation it has to stay what it was."""
        policy, op = self.policy(event["n"]), self.op_of(event)
        if policy is None or op is None:
            return None
        value = sets_label(op)
        if value is not None:
            known = labels.relabelled(policy, value)
            return (value.removesuffix("\0") if known is None and self._forced(event) else known,)
        return (self.truth.now(event["object"]),) if self.truth.known(event["object"]) else None

    def _forced(self, event: Event) -> bool:
        """Whether the rpc asked mac_admin, which may store what the policy does not know, and was allowed."""
        rpc = self.rpc(event)
        return rpc is not None and any(avc["allowed"] and "mac_admin" in avc["requested"] for avc in rpc.avcs)

    def _on_run(self, event: Event) -> None:
        self.spec = event.get("spec") or self.spec
        self.roles[event["n"]] = event.get("role", "")

    def _on_subject(self, event: Event) -> None:
        self._subjects[event["n"], event["id"]] = event

    def _on_task(self, event: Event) -> None:
        if event["phase"] == "logout":
            self._tasks.pop((event["n"], event["task"]), None)
        else:
            self._tasks[event["n"], event["task"]] = event

    def _on_policy(self, event: Event) -> None:
        booleans: Iterable[tuple[str, bool]] = sorted((event.get("booleans") or {}).items())
        mode = Mode(event["digest"], event["enforcing"], tuple(booleans), event["seqno"])
        self._modes.setdefault(event["n"], {})[mode.seqno] = mode
        self._now[event["n"]] = mode

    def _on_op(self, event: Event) -> None:
        if event["phase"] == "invoke":
            subject, about = (
                self.task_subject(event.get("client", ""), event.get("task", "")),
                self.tree.subject_of(event),
            )
            self.ops[event["op"]] = op = Op(event, subject, self.truth.seq, about)
            self._overlaps(op)
            if about and (value := sets_label(op)) is not None:
                self._doubts.setdefault(about, set()).add(value)
        elif event["op"] in self.ops:
            self.ops[event["op"]].end = event
            if event["phase"] == "ok" and sets_label(self.ops[event["op"]]) is not None:
                self.truth.tell(self.ops[event["op"]].about)
            if event["phase"] != "info":
                self._together(self.ops[event["op"]]).discard(event["op"])
        self.tree.feed(event)

    def _overlaps(self, op: Op) -> None:
        """What is under way while the task changes its context may be by the one or by the other."""
        together = self._together(op)
        others = [self.ops[other] for other in together]
        op.settled = not any(other.invoke["f"] == "setcon" for other in others)
        for other in others if op.invoke["f"] == "setcon" else ():
            other.settled = False
        together.add(op.invoke["op"])

    def _together(self, op: Op) -> set[str]:
        """The operations of the same task that have not ended, as far as is known."""
        return self._under_way.setdefault((op.invoke.get("client", ""), op.invoke.get("task", "")), set())

    def _on_rpc(self, event: Event) -> None:
        if event["phase"] == "recv":
            mode = self._now.get(event["n"])
            self.rpcs[event["n"], event["rpc"]] = Rpc(event, self.truth.seq, mode.seqno if mode else 0)
        elif event["phase"] == "reply":
            rpc = self.rpcs.pop((event["n"], event["rpc"]), None)
            for label in rpc.labels if rpc and event["status"] == 0 else ():
                self.truth.confirm(label["object"], label.get("version") or 0)
        elif event["phase"] == "send" and event["method"] in _SPREADING:
            for (node, _), rpc in self.rpcs.items():
                rpc.spread |= node == event["n"] and rpc.recv.get("op") == event.get("op")

    def _on_avc(self, event: Event) -> None:
        rpc = self.rpc(event)
        if rpc is not None:
            rpc.avcs.append(event)
            rpc.order.append(event)

    def _on_label(self, event: Event) -> None:
        rpc = self.rpc(event)
        if rpc is not None:
            rpc.labels.append(event)
            rpc.order.append(event)
        if event.get("name") == LABEL:
            self._stored(event)
        self.tree.feed(event)

    def _stored(self, event: Event) -> None:
        fid, version, expected = event["object"], event.get("version") or 0, self.expected_label(event)
        label = expected[0] if expected else event.get("new")
        if event.get("role") == "mdt":
            self.truth.put(fid, version, label, sure=event.get("why") != "set")
            self._doubts.pop(fid, None)
        elif event.get("why") == "remove":
            self.truth.drop(event["n"], fid)
        else:
            self.truth.give(event["n"], fid, version, label)
