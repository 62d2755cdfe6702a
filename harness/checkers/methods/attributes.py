"""Rpcs on attributes, extended attributes and ACLs, on what may be done, and those that watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.checkers.methods.asked import Asked, Method, Way, classes, one
from harness.model import access
from harness.model.world import LABEL

# Operations that may ask where an open file ends.
SEEKING = frozenset({"write", "pwrite", "lseek", "copy_file_range", "fallocate", "ioctl"})
ACLS = frozenset({"system.posix_acl_access", "system.posix_acl_default"})
_SETATTRS = ("attr", "now", "truncate", "ftruncate")


def _setattr(asked: Asked) -> Iterator[Way]:
    args, choices = asked.args, {"truncate": ("truncate",), "ftruncate": ("ftruncate",), "utimes": ("now", "attr")}
    cases = choices.get(asked.f, ("attr",) if asked.f in {"chmod", "chown", "fchmod", "fchown"} else _SETATTRS)
    if asked.f == "utimes" and any(args.get(name) is not None for name in ("times", "atime_ns", "mtime_ns")):
        cases = ("attr",)
    for case in cases:
        for tclass in classes(asked):
            yield Way("attr" if case == "now" else case, access.expected("setattr", case, tclass, walk=asked.walk))


def _getattr(asked: Asked) -> Iterator[Way]:
    handle = (asked.rpc.recv.get("place") or {}).get("handle")
    case = "stat" if not handle else "end" if asked.f in SEEKING else "open"
    for tclass in classes(asked):
        yield Way(case, access.expected("getattr", case, tclass, walk=asked.walk, stranger=asked.stranger))


def _xattr(op: str) -> Method:
    def way(asked: Asked) -> Iterator[Way]:
        name = asked.args.get("name")
        cases: tuple[str, ...] = ("attr", "user", "acl") if not isinstance(name, str) else (_xattr_case(op, name),)
        for case in cases:
            for tclass in classes(asked):
                yield Way(
                    "attr" if op == "removexattr" and case == "label" else case, _xattr_checks(asked, op, case, tclass)
                )

    return way


def _xattr_checks(asked: Asked, op: str, case: str, tclass: str) -> tuple[access.Check, ...]:
    return access.expected(op, case, tclass, walk=asked.walk)


def _xattr_case(op: str, name: str) -> str:
    if name in ACLS:
        return "acl"
    if name == LABEL and op != "getxattr":
        return "label"
    # Of a namespace that nobody knows the inode itself is asked first, as for user.* (fs/xattr.c, xattr_permission).
    return "attr" if name.startswith(("trusted.", "security.", "system.")) else "user"


def _access(asked: Asked) -> Iterator[Way]:
    mode = asked.args.get("mode", 0)
    rights = "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if mode & bit)
    for tclass in classes(asked):
        if asked.f == "chdir":
            yield Way("chdir", access.expected("access", "chdir", tclass, walk=asked.walk))
            continue
        # On a directory execute is search.
        checks = access.expected("access", "access", tclass, access=rights, walk=asked.walk)
        yield Way("access", _searching(checks) if tclass == "dir" else checks)


def _searching(checks: tuple[access.Check, ...]) -> tuple[access.Check, ...]:
    return tuple(
        replace(check, perms=check.perms - {"execute"} | {"search"}) if "execute" in check.perms else check
        for check in checks
    )


# include/uapi/linux/fanotify.h: FAN_ACCESS, _CLOSE_NOWRITE, _ACCESS_PERM; FAN_OPEN_PERM, _ACCESS_PERM, _OPEN_EXEC_PERM
_READS, _PERMISSION = 0x20011, 0x70000


def _watch(asked: Asked) -> Iterator[Way]:
    mask = asked.args.get("mask", 0)
    mark, perm, reads = "", "perm" if mask & _PERMISSION else "", "reads" if mask & _READS else ""
    if asked.f == "fanotify":
        mark = {"inode": ""}.get(asked.args.get("mark") or "inode", asked.args.get("mark") or "")
    else:
        perm, reads = "", "reads" if mask & 0x11 else ""
    case = "-".join(filter(None, (mark, perm, reads))) or "watch"
    for tclass in classes(asked):
        checks = access.expected("watch", case, tclass, walk=asked.walk)
        # The capability is asked as the group is made, or as the mark is.
        for ordered in (checks, tuple(sorted(checks, key=lambda check: check.hook != "capable"))):
            yield from (Way(told, ordered) for told in ((case, "watch") if case == "reads" else (case,)))


METHODS: dict[str, Method] = {
    "Mds/Access": _access,
    "Mds/Getattr": _getattr,
    "Mds/Setattr": _setattr,
    "Mds/Watch": _watch,
    "Mds/Getxattr": _xattr("getxattr"),
    "Mds/Setxattr": _xattr("setxattr"),
    "Mds/Removexattr": _xattr("removexattr"),
    "Mds/Listxattr": one("listxattr", "list"),
}
