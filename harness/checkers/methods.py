"""Which row of the table each rpc is, recomputed from what the operation asked for; a reply's own claim is not used."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.model import access
from harness.model.world import CREATED, LABEL, Rpc, World

_FLAGS: dict[str, int] = {
    name: getattr(os, name)
    for name in ("O_WRONLY", "O_RDWR", "O_APPEND", "O_TRUNC", "O_CREAT", "O_EXCL", "O_PATH", "O_TMPFILE")
}


# Operations that may ask where an open file ends.
SEEKING = frozenset({"write", "pwrite", "lseek", "copy_file_range"})


@dataclass(frozen=True, slots=True)
class Way:
    """One way that an rpc may have gone: the case as the protocol calls it, and the checks."""

    case: str
    checks: tuple[access.Check, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an rpc: its operation's name and arguments, and the object's class."""

    f: str
    args: Mapping[str, Any]
    tclass: str | None
    walk: bool
    rpc: Rpc


def ways(world: World, rpc: Rpc) -> list[Way]:
    """Every way that the rpc may have gone, given what was asked; none for methods that are not mediated."""
    method = _METHODS.get(rpc.recv["method"])
    return list(dict.fromkeys(method(_asked(world, rpc)))) if method else []


def _asked(world: World, rpc: Rpc) -> Asked:
    op = world.ops.get(rpc.recv.get("op") or "")
    place = rpc.recv.get("place") or {}
    named = place.get("parent") is not None
    fid = world.tree.child(place["parent"], place["name"]) if named else place.get("fid") or (op.about if op else None)
    inode = world.tree.inodes.get(fid or "")
    f, args = (op.invoke["f"], op.invoke.get("args") or {}) if op else ("", {})
    return Asked(f, args, inode.tclass if inode else None, named, rpc)


def flags_of(value: object) -> int | None:
    """Flags of open as a number; also from text like `O_RDWR|O_CREAT`."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return sum(_FLAGS.get(word.strip(), 0) for word in value.split("|"))
    return None


def _one(op: str, case: str, *, walks: bool = True) -> Callable[[Asked], Iterator[Way]]:
    """Methods with one way only, but for the class of the object."""

    def way(asked: Asked) -> Iterator[Way]:
        for tclass in _classes(asked):
            yield Way(case, access.expected(op, case, tclass, walk=asked.walk and walks))

    return way


def _classes(asked: Asked) -> tuple[str, ...]:
    """The class of the object, or all of them where it cannot be told."""
    made = [label["class"] for label in asked.rpc.labels if label.get("why") in CREATED]
    return (made[0],) if made else (asked.tclass,) if asked.tclass else access.FILE_CLASSES


def _open(asked: Asked) -> Iterator[Way]:
    created = any(label.get("why") in CREATED for label in asked.rpc.labels)
    flags = flags_of(asked.args.get("flags")) if asked.f in {"open", "reopen"} else _IMPLIED_FLAGS.get(asked.f)
    choices = _CHOICES if flags is None else (flags,)
    for flag in choices:
        for tclass in _classes(asked):
            yield from _opened(flag, tclass, created=created, walk=asked.walk)


_IMPLIED_FLAGS = {
    "readdir": os.O_RDONLY | os.O_DIRECTORY,
    "creat": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
}
_CHOICES = tuple(
    rights | creates | extra
    for rights in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR)
    for creates in (0, os.O_CREAT)
    for extra in (0, os.O_APPEND, os.O_TRUNC)
)


def _opened(flags: int, tclass: str, *, created: bool, walk: bool) -> Iterator[Way]:
    rights = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}.get(flags & os.O_ACCMODE, "ioctl")
    append, truncate = bool(flags & os.O_APPEND), bool(flags & os.O_TRUNC)
    if flags & os.O_PATH:
        yield Way("path", access.expected("open", "path", tclass, walk=walk))
        return
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        checks = access.expected("open", "tmpfile", "file", access=rights, append=append, walk=walk)
        yield Way("tmpfile", checks)
        return
    if flags & os.O_CREAT:
        yield Way("new", access.expected("open", "new", "file", access=rights, append=append, walk=walk))
    if not created:
        case = "truncate" if truncate else "existing"
        checks = access.expected("open", case, tclass, access=rights, append=append, truncate=truncate, walk=walk)
        yield Way(case, checks)


def _setattr(asked: Asked) -> Iterator[Way]:
    args, choices = asked.args, {"truncate": ("truncate",), "ftruncate": ("ftruncate",), "utimes": ("now", "attr")}
    cases = choices.get(asked.f, ("attr",) if asked.f in {"chmod", "chown", "fchmod", "fchown"} else _SETATTRS)
    if asked.f == "utimes" and any(args.get(name) is not None for name in ("times", "atime_ns", "mtime_ns")):
        cases = ("attr",)
    for case in cases:
        for tclass in _classes(asked):
            yield Way("attr" if case == "now" else case, access.expected("setattr", case, tclass, walk=asked.walk))


_SETATTRS = ("attr", "now", "truncate", "ftruncate")


def _getattr(asked: Asked) -> Iterator[Way]:
    handle = (asked.rpc.recv.get("place") or {}).get("handle")
    case = "stat" if not handle else "end" if asked.f in SEEKING else "open"
    for tclass in _classes(asked):
        yield Way(case, access.expected("getattr", case, tclass, walk=asked.walk))


def _mknod(asked: Asked) -> Iterator[Way]:
    mode = asked.args.get("mode")
    regular = stat.S_IFMT(mode) in {0, stat.S_IFREG} if isinstance(mode, int) else None
    if regular in {True, None}:
        yield Way("regular", access.expected("mknod", "regular", "file", walk=asked.walk))
    if regular in {False, None}:
        for tclass in ("chr_file", "blk_file", "fifo_file", "sock_file"):
            yield Way("special", access.expected("mknod", "special", tclass, walk=asked.walk))


def _xattr(op: str) -> Callable[[Asked], Iterator[Way]]:
    def way(asked: Asked) -> Iterator[Way]:
        name = asked.args.get("name")
        cases: tuple[str, ...] = ("attr", "user") if not isinstance(name, str) else (_xattr_case(op, name),)
        for case in cases:
            for tclass in _classes(asked):
                yield Way(
                    "attr" if op == "removexattr" and case == "label" else case, _xattr_checks(asked, op, case, tclass)
                )

    return way


def _xattr_checks(asked: Asked, op: str, case: str, tclass: str) -> tuple[access.Check, ...]:
    return access.expected(op, case, tclass, walk=asked.walk)


def _xattr_case(op: str, name: str) -> str:
    if name == LABEL and op != "getxattr":
        return "label"
    # Of a namespace that nobody knows the inode itself is asked first, as for user.* (fs/xattr.c, xattr_permission).
    return "attr" if name.startswith(("trusted.", "security.", "system.")) else "user"


def _rename(asked: Asked) -> Iterator[Way]:
    flags = asked.args.get("flags") or 0
    if flags & (_EXCHANGE | _WHITEOUT):
        yield from _renamed(asked, flags)
        return
    for tclass in _classes(asked):
        for reparent in (False, True) if tclass == "dir" else (False,):
            yield Way("plain", access.expected("rename", "plain", tclass, reparent=reparent, walk=True))
            for replaced in ("dir",) if tclass == "dir" else tuple(set(access.FILE_CLASSES) - {"dir"}):
                checks = access.expected("rename", "replace", tclass, reparent=reparent, replaced=replaced, walk=True)
                yield Way("replace", checks)
    yield Way("same-inode", access.expected("rename", "same-inode", walk=True))


def _renamed(asked: Asked, flags: int) -> Iterator[Way]:
    """RENAME_EXCHANGE and RENAME_WHITEOUT: between two directories, or in one; over whatever there is."""
    cases = ("exchange",) if flags & _EXCHANGE else ("whiteout", "whiteout-replace")
    # Where a whiteout is, what was moved cannot be told by its old name any more.
    for tclass in _classes(asked) if flags & _EXCHANGE else access.FILE_CLASSES:
        for reparent in (False, True):
            for replaced in access.FILE_CLASSES:
                for case in cases:
                    moved = reparent and (case == "exchange" or tclass == "dir")
                    checks = access.expected("rename", case, tclass, reparent=moved, replaced=replaced, walk=True)
                    yield Way(case.removesuffix("-replace"), checks)
    yield Way("same-inode", access.expected("rename", "same-inode", walk=True))


# include/uapi/linux/fs.h
_EXCHANGE, _WHITEOUT = 2, 4


def _access(asked: Asked) -> Iterator[Way]:
    mode = asked.args.get("mode", 0)
    rights = "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if mode & bit)
    for tclass in _classes(asked):
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


def _lock(asked: Asked) -> Iterator[Way]:
    case = {"flock": "flock", "lockf": "setlk", "close": "setlk", "getlk": "getlk"}.get(asked.f)
    for tclass in _classes(asked):
        if case:
            yield Way(case, access.expected("flock", case, tclass))
    if case is None:
        yield Way("cancel", ())


def _fcntl(asked: Asked) -> Iterator[Way]:
    """Whether O_APPEND was on before is the file's own story: dropping it, and not, are both told by what was asked."""
    for tclass in _classes(asked):
        for case in ("setfl", "drop-append"):
            yield Way("setfl", access.expected("fcntl", case, tclass))


# FIONREAD FIBMAP FIGETBSZ FS_IOC_GETFLAGS FS_IOC_GETVERSION; FS_IOC_SETFLAGS FS_IOC_SETVERSION; FIONBIO FIOASYNC
_IOCTLS: dict[int, str] = {
    **dict.fromkeys((0x541B, 1, 2, 0x80086601, 0x80087601), "getattr"),
    **dict.fromkeys((0x40086602, 0x40087602), "setattr"),
    **dict.fromkeys((0x5421, 0x5452), "free"),
}
# FIOCLEX FIONCLEX: free under the capability ioctl_skip_cloexec
_CLOEXEC = frozenset({0x5451, 0x5450})


def _ioctl(asked: Asked) -> Iterator[Way]:
    cmd = asked.args.get("cmd", 0)
    cases = ("free", "ioctl") if cmd in _CLOEXEC else (_IOCTLS.get(cmd, "ioctl"),)
    for tclass in _classes(asked):
        for case in cases:
            yield Way("ioctl", access.expected("ioctl", case, tclass))


def _mmap(asked: Asked) -> Iterator[Way]:
    prot, shared = asked.args.get("prot", 0), asked.args.get("flags", 1) & 3 == 1
    rights = ("w" if prot & 2 and shared else "") + ("x" if prot & 4 else "")
    case = "mmap" if asked.f == "mmap" else "mprotect"
    checks = "execmod" if case == "mprotect" and prot & 4 and asked.args.get("dirtied") and not shared else case
    for tclass in _classes(asked):
        yield Way(case, access.expected("mmap", checks, tclass, access=rights))


def _watch(asked: Asked) -> Iterator[Way]:
    case = "reads" if asked.args.get("mask", 0) & 0x11 else "watch"
    for tclass in _classes(asked):
        yield Way("watch", access.expected("watch", case, tclass, walk=asked.walk))


def _readdir(asked: Asked) -> Iterator[Way]:
    plus = asked.args.get("plus") if asked.f == "readdir" else None
    for case in ("names", "plus") if plus is None else ("plus",) if plus else ("names",):
        yield Way(case, access.expected("readdir", case))


def _load(asked: Asked) -> Iterator[Way]:
    yield Way("reload", access.expected("policy_load", "reload"))
    yield Way("boot", ())


_METHODS: dict[str, Callable[[Asked], Iterator[Way]]] = {
    "Mds/GetRoot": _one("getroot", "mount", walks=False),
    "Mds/Lookup": _one("lookup", "name", walks=False),
    "Mds/Access": _access,
    "Mds/Getattr": _getattr,
    "Mds/Setattr": _setattr,
    "Mds/Open": _open,
    "Mds/Mkdir": _one("mkdir", "new"),
    "Mds/Mknod": _mknod,
    "Mds/Symlink": _one("symlink", "new"),
    "Mds/Readlink": _one("readlink", "read"),
    "Mds/Unlink": _one("unlink", "unlink"),
    "Mds/Rmdir": _one("rmdir", "rmdir"),
    "Mds/Link": _one("link", "link"),
    "Mds/Rename": _rename,
    "Mds/Lock": _lock,
    "Mds/Fcntl": _fcntl,
    "Mds/Ioctl": _ioctl,
    "Mds/Mmap": _mmap,
    "Mds/Watch": _watch,
    "Mds/Readdir": _readdir,
    "Mds/Getxattr": _xattr("getxattr"),
    "Mds/Setxattr": _xattr("setxattr"),
    "Mds/Removexattr": _xattr("removexattr"),
    "Mds/Listxattr": _one("listxattr", "list"),
    "Mds/Statfs": _one("statfs", "statfs", walks=False),
    "Oss/Read": _one("read", "token", walks=False),
    "Oss/Write": _one("write", "token", walks=False),
    "Oss/Fallocate": _one("fallocate", "token", walks=False),
    "Oss/SetLabel": _one("ost_setlabel", "relabel", walks=False),
    "Oss/Punch": _one("ost_punch", "size", walks=False),
    "Oss/Glimpse": _one("ost_glimpse", "size", walks=False),
    "Oss/Destroy": _one("ost_destroy", "destroy", walks=False),
    "Admin/LoadPolicy": _load,
    "Admin/SetEnforce": _one("setenforce", "set", walks=False),
    "Admin/SetBooleans": _one("setbool", "set", walks=False),
}
