"""Steps that ask for attributes and change them: mode, owner, times, extended attributes, labels, ACLs."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping
from typing import Any

from harness.oracle.actor import ANY, Actor, Ops
from harness.oracle.folder import Step, context

LABEL = "security.selinux"
ACL = "system.posix_acl_access"
_MODES = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK, "f": os.F_OK}
_ANYBODY = 0xFFFFFFFF
# user::rw-, user:1001:r--, group::r--, mask::rw-, other::--- (linux/posix_acl_xattr.h)
_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, perms, who)
    for tag, perms, who in ((1, 6, _ANYBODY), (2, 4, 1001), (4, 4, _ANYBODY), (0x10, 6, _ANYBODY), (0x20, 0, _ANYBODY))
)


def _size(found: Mapping[str, Any]) -> Any:
    """How large a directory is, is the filesystem's own affair."""
    return ANY if stat.S_ISDIR(found["mode"]) else found["size"]


def _access(actor: Actor, step: Step) -> bool:
    """Asked again where it fails: os.access swallows the errno."""
    path, mode = actor.path(step), _MODES[step["mode"]]
    try:
        actor.call("access", path=path, mode=mode)
    except OSError:
        actor.call("access", path=path, mode=mode)
    return True


def _chdir(actor: Actor, step: Step) -> None:
    """fs/open.c, sys_chdir: the directory's `search`, as access(X_OK) asks it."""
    actor.call("chdir", path=actor.path(step))


def _utime(actor: Actor, step: Step) -> None:
    at = 1_000_000_000 if step.get("explicit", 1) else None
    actor.call("utimes", path=actor.path(step), atime_ns=at, mtime_ns=at, follow=True)


def _set(actor: Actor, step: Step, name: str, value: bytes, **more: Any) -> None:
    actor.call("setxattr", path=actor.path(step), name=name, value=value, **{"flags": 0, "follow": False, **more})


def _getxattr(actor: Actor, step: Step) -> str:
    value = bytes(actor.call("getxattr", path=actor.path(step), name=step["name"], follow=False))
    return value.rstrip(b"\0").decode("latin-1")


def _fsetlabel(actor: Actor, step: Step) -> None:
    value = (context(step["label"]) or "").encode()
    actor.call("setxattr", fd=actor.fd(step).n, name=LABEL, value=value, flags=0, follow=True)


ATTRS: Ops = {
    "stat": lambda actor, step: _size(actor.call("lstat", path=actor.path(step))),
    "fstat": lambda actor, step: _size(actor.call("fstat", fd=actor.fd(step).n)),
    "statfs": lambda actor, step: actor.call("statfs", path=actor.path(step)) and None,
    "access": _access,
    "chdir": _chdir,
    "chmod": lambda actor, step: actor.call("chmod", path=actor.path(step), mode=step["mode"]),
    "chown": lambda actor, step: actor.call(
        "chown", path=actor.path(step), uid=step["uid"], gid=step.get("gid", -1), follow=True
    ),
    "utime": _utime,
    "setxattr": lambda actor, step: _set(
        actor, step, step["name"], step["value"].encode(), flags=step.get("xflags", 0)
    ),
    "setlabel": lambda actor, step: _set(actor, step, LABEL, (context(step["label"]) or "").encode()),
    "fsetlabel": _fsetlabel,
    "getxattr": _getxattr,
    "listxattr": lambda actor, step: sorted(actor.call("listxattr", path=actor.path(step), follow=False)),
    "removexattr": lambda actor, step: actor.call(
        "removexattr", path=actor.path(step), name=step["name"], follow=False
    ),
    "setacl": lambda actor, step: _set(actor, step, ACL, _ACL, follow=True),
    "getacl": lambda actor, step: len(actor.call("getxattr", path=actor.path(step), name=ACL, follow=True)),
}
