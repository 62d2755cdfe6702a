"""What a query is really about: whose label its source and its target are, and what those labels truly are.

It follows from the query's class and permissions (security/selinux/hooks.c) and from what its rpc named; of the
decision's own account only the object and its version are used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness.checkers.openers import opener
from harness.model import labels
from harness.model.fs import Event
from harness.model.policy import Policy
from harness.model.world import LABEL, Op, Rpc, World

_MAKES = frozenset({"inode_create", "inode_mkdir", "inode_mknod", "inode_symlink"})
SELF = frozenset({"process", "process2", "capability", "capability2", "cap_userns", "cap2_userns"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why a decision cannot be judged."""

    because: str


class About:
    """Resolves queries against the world as it is when they are judged."""

    def __init__(self, world: World) -> None:
        self._world = world

    def contexts(self, event: Event, policy: Policy) -> tuple[str, str] | Unknown:
        source, target = self._source(event, policy), self._target(event, policy)
        if source is None:
            return Unknown(f"the subject of a decision on {event['n']} cannot be told ({event['hook']})")
        if target is None:
            return Unknown(f"the true label of {what(event)} cannot be told ({event['hook']} on {event['n']})")
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
        if "dyntransition" in requested or tclass == "key":
            return self._taken(event, policy)
        if tclass in SELF:
            return self._source(event, policy)
        if tclass == "fd":
            return opener(self._world, event)
        if tclass == "filesystem":
            return policy.fs_label("lustre")
        if tclass == "security":
            return policy.initial_sid("security")
        if {"relabelto", "validatetrans"} & set(requested) or ("create" in requested and event["hook"] in _MAKES):
            return self._new(event, policy)
        return self._stored(event, policy)

    def _taken(self, event: Event, policy: Policy) -> str | None:
        """The context that a task asks for, as its own or for what it makes (security/selinux/hooks.c,
        selinux_lsm_setattr)."""
        op = self._world.op_of(event)
        context = (op.invoke.get("args") or {}).get("context") if op else None
        return policy.canonical(context) if isinstance(context, str) else None

    def _new(self, event: Event, policy: Policy) -> str | None:
        """The label about to be given: of a new object, or of one that is being relabelled."""
        op, rpc = self._world.op_of(event), self._world.rpc(event)
        if event["hook"] == "inode_setxattr":
            return self._set(event, policy, op, rpc)
        place = (rpc.recv.get("place") or {}) if rpc else {}
        if op is not None and op.about and _unnamed(op):
            place = {"parent": op.about, "name": ""}
        if "parent" not in place:
            place = self._place(op)
        if "parent" not in place:
            return None
        subject, tclass = self._world.acting(event), _new_class(event, rpc, op)
        return self._world.new_label(event["n"], subject, place["parent"], tclass, place["name"])

    def _set(self, event: Event, policy: Policy, op: Op | None, rpc: Rpc | None) -> str | None:
        """What setxattr sets; without an operation, an OST is told to take back what did not come about."""
        args = (op.invoke.get("args") or {}) if op else {}
        value = args.get("value")
        if op is not None and op.invoke["f"] == "setxattr" and args.get("name") == LABEL and isinstance(value, str):
            return labels.effective(policy, value)
        fid = (rpc.recv.get("place") or {}).get("fid") if rpc and rpc.recv["method"] == "Oss/SetLabel" else None
        if op is None and fid and self._world.truth.known(fid):
            before = labels.effective(policy, self._world.truth.acknowledged(fid))
            claimed = event["scontext" if "associate" in event["requested"] else "tcontext"]
            # Another one than that would be a relabel whose operation the history does not tell.
            return before if claimed == before else None
        return None

    def _place(self, op: Op | None) -> dict[str, str]:
        """Parent and name by the path of the operation, where the rpc does not name them (a client's own checks)."""
        found = self._world.tree.place(op.invoke) if op else None
        return {"parent": found[0], "name": found[1]} if found else {}

    def _stored(self, event: Event, policy: Policy) -> str | None:
        """The label of an object that is there; an object made in this very rpc has the label it was made with."""
        fid, version = self._fid(event), event.get("version")
        if fid and event["hook"] == "inode_setxattr" and self._to_come(fid, version or 0, event["n"]):
            # A server that has no object of the file yet is told of the label before it is acknowledged.
            return self._new(event, policy)
        true = self._world.true_label(fid, version, event["n"]) if fid else None
        if true is None:
            return self._new(event, policy) if event["hook"] == "file_open" else None
        if fid and self._to_come(fid, version or 0, event["n"]):
            # The server was told of a relabel, and ended before it could say so.
            doubted = {labels.effective(policy, label) for label in self._world.in_doubt(fid)}
            return event["tcontext"] if event["tcontext"] in doubted else labels.effective(policy, true[0])
        return labels.effective(policy, true[0])

    def _to_come(self, fid: str, version: int, node: str) -> bool:
        """Whether no label of this version was stored yet, of the file or of its object on the server. An MDT has the
        file itself, and what it has it tells."""
        truth = self._world.truth
        return (
            self._world.roles.get(node) == "oss"
            and truth.known(fid)
            and version > truth.version(fid)
            and truth.at(fid, version, node) is None
        )

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
        if fid is not None and fid == place.get("parent") and of_the_child(event):
            return self._world.tree.child(fid, place["name"])
        return fid

    def _renamed_to(self, event: Event, *, above: bool) -> str | None:
        """What the new name of a rename leads to now, or the directory above it."""
        op = self._world.op_of(event)
        if op is None:
            return None
        tree = self._world.tree
        if not above:
            return tree.named(op.invoke, "to")
        place = tree.place(op.invoke, "to")
        return place[0] if place else None


def _new_class(event: Event, rpc: Rpc | None, op: Op | None) -> str:
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


def of_the_child(event: Event) -> bool:
    """Whether the query is about what the name leads to, though it carries the FID of the hook's first object."""
    return bool({"unlink", "rmdir", "rename", "link", "reparent"} & set(event["requested"]))


def what(event: Event) -> str:
    return str(event.get("name") or event.get("object") or event.get("role"))
