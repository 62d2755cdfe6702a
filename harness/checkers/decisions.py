"""Each decision of the module selinux once more, by libsepol, from the true labels.

What a query is about follows from its class and permissions (security/selinux/hooks.c), whose label that is from the
rpc and the true labels; the contexts in the event are compared with both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.model import labels
from harness.model.fs import Event
from harness.model.policy import Access, Mode, Policy
from harness.model.world import LABEL, Op, Rpc, World, is_by_command, is_query

_MAKES = frozenset({"inode_create", "inode_mkdir", "inode_mknod", "inode_symlink"})
_REASONS = {"mls": "constraint"}
_SELF = frozenset({"process", "process2", "capability", "capability2", "cap_userns", "cap2_userns"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a decision is not the right one."""

    kind: str
    because: str
    expected: object
    actual: object


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why a decision cannot be judged."""

    because: str


class Decisions:
    """Judges `avc` events one at a time, in order: the kernel's cache remembers what permissive mode let pass."""

    def __init__(self, world: World) -> None:
        self._world = world
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
        contexts = self._contexts(event, policy)
        if isinstance(contexts, Unknown):
            return [contexts]
        if not is_query(event):
            return [*self._faults(event, contexts, mode), *self._transition(event, contexts[1])]
        command = self._world.command(event)
        if command is None and is_by_command(event) and policy.ruling(*contexts, event["tclass"], 0, mode) is not None:
            return [Unknown(f"{event['n']} decided an ioctl whose command the history does not tell")]
        access = policy.access(*contexts, event["tclass"], event["requested"], mode, command)
        return [*self._faults(event, contexts, mode), *self._differences(event, access, contexts, policy, mode)]

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

    def _transition(self, event: Event, new: str) -> Iterator[Fault]:
        if not event["allowed"] and not self.refused_transition(event, new):
            asked = f"{event['scontext']} relabels {_what(event)} to {new}"
            yield Fault(
                "unexpected-deny", f"{event['n']} refused a transition that is valid: {asked}", "valid", "EPERM"
            )

    def _faults(self, event: Event, contexts: tuple[str, str], mode: Mode) -> Iterator[Fault]:
        asked = f"{event['hook']} {event['tclass']} {{ {' '.join(event['requested'])} }} on {_what(event)}"
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

    def _contexts(self, event: Event, policy: Policy) -> tuple[str, str] | Unknown:
        source, target = self._source(event, policy), self._target(event, policy)
        if source is None:
            return Unknown(f"the subject of a decision on {event['n']} cannot be told ({event['hook']})")
        if target is None:
            return Unknown(f"the true label of {_what(event)} cannot be told ({event['hook']} on {event['n']})")
        return source, target

    def _source(self, event: Event, policy: Policy) -> str | None:
        if "associate" in event["requested"]:
            return self._new(event, policy)
        rpc = self._world.rpc(event)
        if rpc is None:
            return self._world.context(self._world.acting(event))
        if event.get("behalf"):
            return self._world.context(self._world.subject(event["n"], rpc.recv.get("behalf")))
        op = self._world.op_of(event)
        if op is not None and op.subject is not None and self._world.roles.get(rpc.recv["from"]) == "client":
            return self._world.context(op.subject)
        if event["vantage"] in {"agent", "client"}:
            return self._world.context(self._world.acting(event))
        return self._world.context(self._world.subject(event["n"], rpc.recv.get("subject")))

    def _target(self, event: Event, policy: Policy) -> str | None:
        tclass, requested = event["tclass"], event["requested"]
        if tclass in _SELF:
            return self._source(event, policy)
        if tclass == "filesystem":
            return policy.fs_label("lustre")
        if tclass == "security":
            return policy.initial_sid("security")
        if {"relabelto", "validatetrans"} & set(requested) or ("create" in requested and event["hook"] in _MAKES):
            return self._new(event, policy)
        return self._stored(event, policy)

    def _new(self, event: Event, policy: Policy) -> str | None:
        """The label about to be given: of a new object, or of one that is being relabelled."""
        op, rpc = self._world.op_of(event), self._world.rpc(event)
        if event["hook"] == "inode_setxattr":
            args = (op.invoke.get("args") or {}) if op else {}
            value = args.get("value")
            if op is not None and op.invoke["f"] == "setxattr" and args.get("name") == LABEL and isinstance(value, str):
                return labels.relabelled(policy, value)
            return None
        place = (rpc.recv.get("place") or {}) if rpc else {}
        if op is not None and op.about and _unnamed(op):
            place = {"parent": op.about, "name": ""}
        if "parent" not in place:
            place = self._place(op)
        if "parent" not in place:
            return None
        subject, tclass = self._world.acting(event), new_class(event, rpc, op)
        return self._world.new_label(event["n"], subject, place["parent"], tclass, place["name"])

    def _place(self, op: Op | None) -> dict[str, str]:
        """Parent and name by the path of the operation, where the rpc does not name them (a client's own checks)."""
        path = (op.invoke.get("args") or {}).get("path") if op else None
        if not isinstance(path, str):
            return {}
        head, _, name = path.rstrip("/").rpartition("/")
        parent = self._world.tree.resolve(head or "/")
        return {"parent": parent, "name": name} if parent else {}

    def _stored(self, event: Event, policy: Policy) -> str | None:
        """The label of an object that is there; an object made in this very rpc has the label it was made with."""
        fid, truth = self._fid(event), self._world.truth
        if (
            event["hook"] == "inode_setxattr"
            and fid
            and truth.known(fid)
            and (event.get("version") or 0) > truth.version(fid)
        ):
            # A server that has no object of the file yet is told of the label before it is acknowledged.
            return self._new(event, policy)
        true = self._world.true_label(fid, event.get("version")) if fid else None
        if true is None:
            return self._new(event, policy) if event["hook"] == "file_open" else None
        return labels.effective(policy, true[0])

    def _fid(self, event: Event) -> str | None:
        """The object that a query is about: the one in the event, unless that is only the first object of the hook."""
        fid, rpc, perms = event.get("object"), self._world.rpc(event), set(event["requested"])
        place = (rpc.recv.get("place") or {}) if rpc else {}
        if event["hook"] == "inode_rename" and _exchanges(self._world.op_of(event)):
            # Both ways are asked, so that every directory and object is in every role.
            return fid
        if event["hook"] == "inode_rename" and perms & {"add_name", "unlink", "rmdir"}:
            return self._renamed_to(event, above="add_name" in perms) or fid
        if event["tclass"] == "dir" and perms & {"add_name", "remove_name"}:
            return place.get("parent") or fid
        if fid is not None and fid == place.get("parent") and _of_the_child(event):
            return self._world.tree.child(fid, place["name"])
        return fid

    def _renamed_to(self, event: Event, *, above: bool) -> str | None:
        """What the new name of a rename leads to now, or the directory above it."""
        op = self._world.op_of(event)
        to = (op.invoke.get("args") or {}).get("to") if op else None
        if not isinstance(to, str):
            return None
        path = to.rstrip("/")
        return self._world.tree.resolve(path.rpartition("/")[0] or "/") if above else self._world.tree.resolve(path)


def new_class(event: Event, rpc: Rpc | None, op: Op | None) -> str:
    """The class of the object that an rpc makes: what the create check says, which the label event then bears out."""
    if event["tclass"] not in {"filesystem", "dir"} or event["hook"] == "inode_mkdir":
        return "dir" if event["hook"] == "inode_mkdir" else str(event["tclass"])
    creates = [avc for avc in (rpc.avcs if rpc else ()) if "create" in avc["requested"]]
    return str(creates[-1]["tclass"]) if creates else "file"


def _exchanges(op: Op | None) -> bool:
    flags = (op.invoke.get("args") or {}).get("flags") if op else None
    return isinstance(flags, int) and bool(flags & 2)  # include/uapi/linux/fs.h, RENAME_EXCHANGE


def _unnamed(op: Op) -> bool:
    """Whether the operation makes a file without a name, in the directory that its path leads to."""
    flags = (op.invoke.get("args") or {}).get("flags")
    return op.invoke["f"] == "open" and isinstance(flags, int) and flags & os.O_TMPFILE == os.O_TMPFILE


def _of_the_child(event: Event) -> bool:
    """Whether the query is about what the name leads to, though it carries the FID of the hook's first object."""
    return bool({"unlink", "rmdir", "rename", "link", "reparent"} & set(event["requested"]))


def _about_itself(event: Event) -> bool:
    return event["tclass"] not in _SELF | {"filesystem", "security"} and not (
        _of_the_child(event) or {"create", "relabelto"} & set(event["requested"])
    )


def _what(event: Event) -> str:
    return str(event.get("name") or event.get("object") or event.get("role"))


def _words(items: frozenset[str]) -> str:
    return " ".join(sorted(items)) or "none"
