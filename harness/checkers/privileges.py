"""What only a capability makes up for: the owner's rights at somebody else's hands, and the administrator's attributes.

Rules: fs/attr.c (setattr_prepare), fs/xattr.c (xattr_permission), fs/posix_acl.c (set_posix_acl), fs/locks.c
(generic_setlease), security/commoncap.c (cap_inode_setxattr, cap_inode_removexattr). Whose a file is follows from who
made it, until somebody gives it away.
"""

from __future__ import annotations

import fcntl
from typing import Any

from harness.checkers.methods import ACLS
from harness.model.fs import Event
from harness.model.world import CREATED, LABEL, Op, Rpc, World

_METHODS = frozenset({"Mds/Setattr", "Mds/Setxattr", "Mds/Removexattr", "Mds/Getxattr", "Mds/Fcntl"})
_CAPABILITY = "security.capability"


class Privileges:
    """Tells what a call needed, and did not ask for or was denied."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owners: dict[str, int] = {}

    def feed(self, event: Event) -> None:
        """Takes `label` events of MDTs, which tell who made what, and the beginnings of operations."""
        if event["e"] == "label" and event.get("why") in CREATED:
            subject = self._world.subject(event["n"], event.get("subject"))
            if subject is not None:
                self._owners[event["object"]] = subject["uid"]
        elif event["e"] == "op" and event["phase"] == "invoke" and event["f"] == "chown":
            fid = self._world.tree.subject_of(event)
            if fid is None:
                self._owners.clear()
            self._owners.pop(fid or "", None)

    def lacking(self, rpc: Rpc) -> str | None:
        """The capability that a call that was done lacked, if it needed one for sure."""
        op, subject = self._world.ops.get(rpc.recv.get("op") or ""), rpc.recv.get("subject")
        asks = self._world.subject(rpc.recv["n"], subject)
        if op is None or asks is None or rpc.recv["method"] not in _METHODS:
            return None
        owner = self._owners.get(op.about or "")
        needed = _administrators(op) or (_owners(op) if owner not in {None, asks["uid"]} else None)
        held = any(avc["allowed"] and needed in avc["requested"] for avc in rpc.avcs if "cap" in avc["tclass"])
        return None if held else needed


def _administrators(op: Op) -> str | None:
    """What is needed whosever the object is."""
    args: dict[str, Any] = op.invoke.get("args") or {}
    name, changes = str(args.get("name") or ""), op.invoke["f"] in {"setxattr", "removexattr"}
    if op.invoke["f"] in {"setxattr", "removexattr", "getxattr"} and name.startswith("trusted."):
        return "sys_admin"
    if changes and name.startswith("security.") and name != LABEL:
        return "setfcap" if name == _CAPABILITY else "sys_admin"
    return None


def _owners(op: Op) -> str | None:
    """What is needed by who is not the owner."""
    args: dict[str, Any] = op.invoke.get("args") or {}
    match op.invoke["f"]:
        case "chmod":
            return "fowner"
        case "utimes" if args.get("atime_ns") is not None or args.get("mtime_ns") is not None:
            return "fowner"
        case "setxattr" | "removexattr" if args.get("name") in {LABEL, *ACLS}:
            return "fowner"
        case "fcntl" if args.get("cmd") == fcntl.F_SETLEASE:
            return "lease"
    return None
