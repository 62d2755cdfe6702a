"""stat, chmod, utimes, truncate; extended attributes in every namespace, labels among them."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from harness.model import access
from harness.suites.scenarios.scenario import FORMAT, LABEL, Act, Scenario, capability

# What a file capability looks like (include/uapi/linux/capability.h, vfs_cap_data, VFS_CAP_REVISION_2): none at all.
_NO_CAPABILITY = struct.pack("<5I", 0x02000000, 0, 0, 0, 0)
# An access control list that says more than a mode: it names somebody (include/uapi/linux/posix_acl_xattr.h).
_ACL, _NOBODY = "system.posix_acl_access", 0xFFFFFFFF
_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *each)
    for each in ((1, 7, _NOBODY), (2, 4, 0), (4, 5, _NOBODY), (16, 5, _NOBODY), (32, 5, _NOBODY))
)
_GUARDED = {"security.note": ("sys_admin", b"note"), "security.capability": ("setfcap", _NO_CAPABILITY)}


def rows() -> Iterator[Scenario]:
    for tclass in FORMAT:
        for row in (*_attributes(tclass), *_xattrs(tclass), *_labels(tclass)):
            yield replace(row, whole=tclass == "file")
    yield Scenario("truncate", "setattr", "truncate", "file", lambda t, p: t.truncate(p.object, 3))
    for tclass in FORMAT:
        yield from _lists(tclass)
    for tclass in ("file", "dir"):
        yield from _user_xattrs(tclass)
    for name, (cap, value) in _GUARDED.items():
        yield from _guarded_xattrs(name, cap, value)
    yield from _relabels()


def _attributes(tclass: str) -> Iterator[Scenario]:
    yield Scenario(f"stat-{tclass}", "getattr", "stat", tclass, lambda t, p: t.lstat(p.object))
    yield Scenario(f"utimes-{tclass}", "setattr", "attr", tclass, lambda t, p: t.utimes(p.object, 1, 1, False))
    yield Scenario(f"touch-{tclass}", "setattr", "now", tclass, lambda t, p: t.utimes(p.object, None, None, False))
    yield Scenario(
        f"chown-{tclass}", "setattr", "attr", tclass, lambda t, p: t.chown(p.object, 4321, -1, False),
        asks=(capability("chown"),),
    )  # fmt: skip
    if tclass != "lnk_file":
        yield Scenario(f"chmod-{tclass}", "setattr", "attr", tclass, lambda t, p: t.chmod(p.object, 0o700))


def _xattrs(tclass: str) -> Iterator[Scenario]:
    asks = (capability("sys_admin"),)
    yield Scenario(f"getxattr-{tclass}", "getxattr", "attr", tclass, lambda t, p: t.getxattr(p.object, LABEL, False))
    yield Scenario(f"listxattr-{tclass}", "listxattr", "list", tclass, lambda t, p: t.listxattr(p.object, False))
    yield Scenario(
        f"setxattr-{tclass}", "setxattr", "attr", tclass,
        lambda t, p: t.setxattr(p.object, "trusted.t", b"v", 0, False), asks=asks,
    )  # fmt: skip
    yield Scenario(
        f"removexattr-{tclass}", "removexattr", "attr", tclass,
        lambda t, p: t.removexattr(p.object, "trusted.kept", False), asks=asks,
        kept=("trusted.kept", b"kept"),
    )  # fmt: skip


def _lists(tclass: str) -> Iterator[Scenario]:
    """Access control lists, by hooks of their own; a link has none, once that is asked (fs/posix_acl.c)."""
    acts: dict[str, Callable[[Any, str], object]] = {
        "set": lambda t, path: t.setxattr(path, _ACL, _LIST, 0, False),
        "get": lambda t, path: t.getxattr(path, _ACL, False),
        "remove": lambda t, path: t.removexattr(path, _ACL, False),
    }
    link = tclass == "lnk_file"
    for name, act in acts.items():
        yield Scenario(
            f"{name}acl-{tclass}", f"{name}xattr", "acl", tclass, _at_object(act), whole=tclass == "file",
            kept=None if link or name == "set" else (_ACL, _LIST), answers=errno.EOPNOTSUPP if link else 0,
        )  # fmt: skip


def _at_object(act: Callable[[Any, str], object]) -> Act:
    return lambda task, place: act(task, place.object)


def _labels(tclass: str) -> Iterator[Scenario]:
    """A relabel, and one that a validatetrans rule leaves to a few (security_validate_transition)."""
    plain = Scenario(
        f"relabel-{tclass}", "setxattr", "label", tclass,
        lambda t, p: t.setxattr(p.object, LABEL, p.new_label.encode(), 0, False),
    )  # fmt: skip
    yield plain
    sealing = access.Check("inode_setxattr", "object", "subject", "new", tclass, frozenset({"validatetrans"}))
    yield replace(plain, name=f"seal-{tclass}", asks=(sealing,), becomes="sealed")


def _user_xattrs(tclass: str) -> Iterator[Scenario]:
    yield Scenario(
        f"setxattr-user-{tclass}", "setxattr", "user", tclass, lambda t, p: t.setxattr(p.object, "user.t", b"v")
    )
    yield Scenario(
        f"getxattr-user-{tclass}", "getxattr", "user", tclass, lambda t, p: t.getxattr(p.object, "user.kept"),
        kept=("user.kept", b"kept"),
    )  # fmt: skip
    yield Scenario(
        f"removexattr-user-{tclass}", "removexattr", "user", tclass, lambda t, p: t.removexattr(p.object, "user.kept"),
        kept=("user.kept", b"kept"),
    )  # fmt: skip


def _guarded_xattrs(name: str, cap: str, value: bytes) -> Iterator[Scenario]:
    """security.* of no module: the hook itself asks for the capability (cap_inode_setxattr)."""
    yield Scenario(
        f"setxattr-{name}", "setxattr", "attr", "file", lambda t, p: t.setxattr(p.object, name, value),
        asks=(capability(cap, "inode_setxattr"),),
    )  # fmt: skip
    yield Scenario(
        f"removexattr-{name}", "removexattr", "attr", "file", lambda t, p: t.removexattr(p.object, name),
        asks=(capability(cap, "inode_removexattr"),), kept=(name, value),
    )  # fmt: skip


def _relabels() -> Iterator[Scenario]:
    """Another's file and its list, and a label that the policy does not know: of a link, since policies have rules of
    their own for whose files and directories may take the label that it then counts as."""
    file, link = (next(_labels(tclass)) for tclass in ("file", "lnk_file"))
    yield replace(file, name="relabel-of-another", owner=False, asks=(capability("fowner", "inode_setxattr"),))
    yield replace(next(_lists("file")), name="setacl-of-another", owner=False, asks=(capability("fowner"),))
    unknown = (capability("mac_admin", "inode_setxattr"),)
    yield replace(link, name="relabel-unknown", asks=unknown, becomes="unlabeled")
