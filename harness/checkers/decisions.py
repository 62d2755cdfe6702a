"""Each decision of the module selinux once more, by libsepol, from the true labels.

The contexts in an event are compared with those of what its query is really about (about.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.checkers.about import SELF, About, Unknown, of_the_child, what
from harness.model import labels
from harness.model.fs import Event
from harness.model.policy import Access, Mode, Policy
from harness.model.world import World, is_by_command, is_query

_REASONS = {"mls": "constraint"}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a decision is not the right one."""

    kind: str
    because: str
    expected: object
    actual: object


class Decisions:
    """Judges `avc` events one at a time, in order: the kernel's cache remembers what permissive mode let pass."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._about = About(world)
        self._passed: dict[tuple[str, str, str, str], frozenset[str]] = {}

    def flush(self, node: str) -> None:
        """The node's policy, mode or booleans changed: nothing is remembered (security/selinux/avc.c, avc_ss_reset)."""
        self._passed = {key: perms for key, perms in self._passed.items() if key[0] != node}

    def ask_ahead(self, events: Iterable[Event]) -> None:
        """Has the second engine answer what the events claim in one question a node; a false claim is asked again."""
        claims: dict[tuple[str, int | None], list[tuple[str, str, str]]] = {}
        for event in events:
            if event["e"] == "avc" and is_query(event):
                queries = claims.setdefault((event["n"], event.get("seqno")), [])
                queries.append((event["scontext"], event["tcontext"], event["tclass"]))
        for (node, seqno), queries in claims.items():
            mode, policy = self._world.mode(node, seqno), self._world.policy(node, seqno)
            if mode is not None and policy is not None:
                policy.ask_ahead(queries, mode)

    def judge(self, event: Event) -> list[Fault | Unknown]:
        """What is wrong with the decision; an empty list: the second engine agrees with it."""
        at = event["n"], event.get("seqno")
        mode, policy = self._world.mode(*at), self._world.policy(*at)
        if mode is None or policy is None:
            return [Unknown(f"the policy that {event['n']} decided on is not in the run")]
        contexts = self._about.contexts(event, policy)
        if isinstance(contexts, Unknown):
            return [contexts]
        if not is_query(event):
            return [*self._faults(event, contexts, mode), *self._transition(event, contexts[1])]
        command = self._world.command(event)
        if command is None and is_by_command(event) and policy.ruling(*contexts, event["tclass"], 0, mode) is not None:
            return [Unknown(f"{event['n']} decided an ioctl whose command the history does not tell")]
        access = policy.access(*contexts, event["tclass"], event["requested"], mode, command)
        differences = self._differences(event, access, contexts, policy, mode)
        return [*self._stale(event), *self._faults(event, contexts, mode), *differences]

    def refused_transition(self, event: Event, new: str | None) -> bool:
        """Whether a validatetrans rule in force forbids the object its new label at the hands of who acts."""
        mode, policy = self._world.mode(event["n"]), self._world.policy(event["n"])
        true, task = self._world.true_label(event["object"]), self._world.context(self._world.acting(event))
        if mode is None or policy is None or true is None or task is None or new is None or not mode.enforcing:
            return False
        old, inode = labels.effective(policy, true[0]), self._world.tree.inodes.get(event["object"])
        tclass = event.get("tclass") or event.get("class") or (inode.tclass if inode else "file")
        known = policy.canonical(new) is not None
        return known and old is not None and not policy.validatetrans(old, new, task, tclass)

    def _stale(self, event: Event) -> Iterator[Fault]:
        """A server asks about the label and by the policy in force, as of the call's arrival at least; a client about
        the label that was acknowledged before the operation began."""
        rpc, op, asked = self._world.rpc(event), self._world.op_of(event), event.get("version")
        fid, truth, because = event.get("object") or "", self._world.truth, f"{event['n']} asked {event['hook']}"
        if event["vantage"] == "client":
            version = truth.told_by(fid, op.seq) if op else None
        else:
            version = truth.version_at(fid, rpc.seq, event["n"]) if rpc else None
        if version is not None and asked and asked < version and event["tclass"] != "fd":
            yield Fault("stale", f"{because} on a label that {fid} no longer had", version, asked)
        # What changes the policy is told before the call that did it, and was decided by the one before.
        if rpc is not None and event["tclass"] != "security" and (event.get("seqno") or 0) < rpc.seqno:
            yield Fault("stale", f"{because} by a policy no longer in force", rpc.seqno, event.get("seqno"))

    def _transition(self, event: Event, new: str) -> Iterator[Fault]:
        if not event["allowed"] and not self.refused_transition(event, new):
            asked = f"{event['scontext']} relabels {what(event)} to {new}"
            yield Fault(
                "unexpected-deny", f"{event['n']} refused a transition that is valid: {asked}", "valid", "EPERM"
            )

    def _faults(self, event: Event, contexts: tuple[str, str], mode: Mode) -> Iterator[Fault]:
        asked = f"{event['hook']} {event['tclass']} {{ {' '.join(event['requested'])} }} on {what(event)}"
        for end, true in zip(("scontext", "tcontext"), contexts, strict=True):
            if event[end] != true:
                because = f"{event['n']} decided {asked} on a {end} that is not the true one"
                yield Fault(f"false-{end}", because, true, event[end])
        if event.get("policy") not in {mode.digest, None}:
            because = f"{event['n']} decided {asked} under another policy than its sequence number says"
            yield Fault("wrong-policy", because, mode.digest, event["policy"])
        inode = self._world.tree.inodes.get(event.get("object") or "")
        if inode and event["tclass"] != inode.tclass and event["tcontext"] == contexts[1] and _about_itself(event):
            because = f"{event['n']} decided {asked} by another class than the object's"
            yield Fault("false-tclass", because, inode.tclass, event["tclass"])

    def _differences(
        self, event: Event, access: Access, contexts: tuple[str, str], policy: Policy, mode: Mode
    ) -> Iterator[Fault | Unknown]:
        asked = f"{contexts[0]} {event['tclass']} {{ {' '.join(event['requested'])} }} {contexts[1]}"
        denied = frozenset(event.get("denied") or ())
        if event["allowed"] and not access.allowed:
            yield Fault(
                "unexpected-allow", f"{event['n']} allowed what the policy denies: {asked}", "denied", "allowed"
            )
            return
        if not event["allowed"] and access.allowed:
            yield Fault("unexpected-deny", f"{event['n']} denied what the policy allows: {asked}", "allowed", "denied")
            return
        if denied != access.denied and not self._remembered(event, contexts, denied, access):
            because = f"{event['n']} named other missing permissions: {asked}"
            yield Fault("denied-set", because, _words(access.denied), _words(denied))
            return
        if not denied:
            return
        if bool(event.get("permissive")) != access.permissive:
            because = f"{event['n']} mistook the mode: {asked}"
            yield Fault("permissive", because, access.permissive, event.get("permissive"))
        reason = event.get("reason") or ""
        causes = policy.reasons(*contexts, event["tclass"], access.denied, mode)
        causes |= {"te"} if access.by_command else frozenset()
        if _REASONS.get(reason, reason) not in causes:
            yield Fault("reason", f"{event['n']} gave another reason: {asked}", _words(causes), reason)

    def _remembered(self, event: Event, contexts: tuple[str, str], denied: frozenset[str], access: Access) -> bool:
        """Whether what is not named as missing was let pass, and so granted into the cache, before."""
        key = (event["n"], *contexts, event["tclass"])
        passed = self._passed.get(key, frozenset())
        missing = frozenset({self._command(event)}) if access.by_command else access.denied
        return access.permissive and denied <= access.denied and missing <= denied | passed

    def passed(self, event: Event) -> None:
        """Remembers what a permissive decision let pass; to be told of every decision, after it was judged."""
        if event["allowed"] and event.get("denied"):
            key = (event["n"], event["scontext"], event["tcontext"], event["tclass"])
            let = {*event["denied"], self._command(event)}
            self._passed[key] = self._passed.get(key, frozenset()) | let

    def _command(self, event: Event) -> str:
        """The command of an ioctl, as what is granted into the cache beside `ioctl` (avc_xperms_allow_perm)."""
        command = self._world.command(event)
        return "" if command is None else f"ioctl {command & 0xFFFF:#x}"


def _about_itself(event: Event) -> bool:
    return event["tclass"] not in SELF | {"fd", "filesystem", "security"} and not (
        of_the_child(event) or {"create", "relabelto"} & set(event["requested"])
    )


def _words(items: frozenset[str]) -> str:
    return " ".join(sorted(items)) or "none"
