"""Rpcs that open files, and those on open files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

from harness.checkers.methods.asked import Asked, Method, Way, classes
from harness.model import access
from harness.model.world import CREATED

_FLAGS: dict[str, int] = {
    name: getattr(os, name)
    for name in ("O_WRONLY", "O_RDWR", "O_APPEND", "O_TRUNC", "O_CREAT", "O_EXCL", "O_PATH", "O_TMPFILE")
}

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


def flags_of(value: object) -> int | None:
    """Flags of open as a number; also from text like `O_RDWR|O_CREAT`."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return sum(_FLAGS.get(word.strip(), 0) for word in value.split("|"))
    return None


def _open(asked: Asked) -> Iterator[Way]:
    created = any(label.get("why") in CREATED for label in asked.rpc.labels)
    flags = flags_of(asked.args.get("flags")) if asked.f in {"open", "reopen"} else _IMPLIED_FLAGS.get(asked.f)
    choices = _CHOICES if flags is None else (flags,)
    for flag in choices:
        for tclass in classes(asked):
            yield from _opened(flag, tclass, created=created, walk=asked.walk)


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


def _data(op: str) -> Method:
    """Whether the file appends, its own flags say; both are told by what was asked."""

    def way(asked: Asked) -> Iterator[Way]:
        for tclass in classes(asked):
            for append in (False, True):
                yield Way(
                    "token",
                    access.expected(op, "token", tclass, append=append, stranger=asked.stranger, moved=asked.moved),
                )

    return way


def _readdir(asked: Asked) -> Iterator[Way]:
    plus = asked.args.get("plus") if asked.f == "readdir" else None
    for case in ("names", "plus") if plus is None else ("plus",) if plus else ("names",):
        yield Way(case, access.expected("readdir", case, stranger=asked.stranger, moved=asked.moved))


def _seek(asked: Asked) -> Iterator[Way]:
    """Where data and holes are: nobody is asked (fs/read_write.c, vfs_llseek)."""
    yield Way("seek", ())


def _lock(asked: Asked) -> Iterator[Way]:
    case = {"flock": "flock", "lockf": "setlk", "getlk": "getlk"}.get(asked.f)
    for tclass in classes(asked):
        if case:
            yield Way(case, access.expected("flock", case, tclass, stranger=asked.stranger))
    if case is None:
        # A wait ends, or a process closes a descriptor: nobody is asked (fs/locks.c, locks_remove_posix).
        yield Way("close" if asked.f == "close" else "cancel", ())


# include/uapi/linux/fcntl.h: F_SETOWN F_GETOWN F_SETSIG F_GETSIG F_GETOWNER_UIDS; F_SETOWN_EX F_GETOWN_EX; F_GETFL;
# leases
_FCNTLS: dict[int, tuple[str, str]] = {
    **dict.fromkeys((8, 9, 10, 11, 17), ("owner", "owner")),
    **dict.fromkeys((15, 16), ("owner", "owner-ex")),
    fcntl.F_GETFL: ("getfl", "getfl"),
    fcntl.F_SETLEASE: ("setlease", "setlease"),
    fcntl.F_GETLEASE: ("getlease", "getlease"),
}


def _fcntl(asked: Asked) -> Iterator[Way]:
    """Whether O_APPEND was on before is the file's own story: dropping it, and not, are both told by what was asked."""
    known = _FCNTLS.get(asked.args.get("cmd", fcntl.F_SETFL))
    for case, row in (known,) if known else (("setfl", "setfl"), ("setfl", "drop-append")):
        for tclass in classes(asked):
            yield Way(case, access.expected("fcntl", row, tclass, stranger=asked.stranger))


# FIONREAD FIBMAP FIGETBSZ FS_IOC_GETFLAGS FS_IOC_GETVERSION; FS_IOC_SETFLAGS FS_IOC_SETVERSION; FIONBIO FIOASYNC;
# KDSKBENT KDSKBSENT
_IOCTLS: dict[int, str] = {
    **dict.fromkeys((0x541B, 1, 2, 0x80086601, 0x80087601), "getattr"),
    **dict.fromkeys((0x40086602, 0x40087602), "setattr"),
    **dict.fromkeys((0x5421, 0x5452), "free"),
    **dict.fromkeys((0x4B47, 0x4B49), "tty"),
}
# FIOCLEX FIONCLEX: free under the capability ioctl_skip_cloexec
_CLOEXEC = frozenset({0x5451, 0x5450})


def _ioctl(asked: Asked) -> Iterator[Way]:
    cmd = asked.args.get("cmd", 0)
    cases = ("cloexec", "ioctl") if cmd in _CLOEXEC else (_IOCTLS.get(cmd, "ioctl"),)
    for tclass in classes(asked):
        for case in cases:
            yield Way("ioctl", access.expected("ioctl", case, tclass, stranger=asked.stranger))


def _mmap(asked: Asked) -> Iterator[Way]:
    prot, shared = asked.args.get("prot", 0), asked.args.get("flags", 1) & 3 == 1
    rights = ("w" if prot & 2 and shared else "") + ("x" if prot & 4 else "")
    case = "mmap" if asked.f == "mmap" else "mprotect"
    checks = "execmod" if case == "mprotect" and prot & 4 and asked.args.get("dirtied") and not shared else case
    for tclass in classes(asked):
        yield Way(case, access.expected("mmap", checks, tclass, access=rights, stranger=asked.stranger))


METHODS: dict[str, Method] = {
    "Mds/Open": _open,
    "Oss/Read": _data("read"),
    "Oss/Write": _data("write"),
    "Oss/Fallocate": _data("fallocate"),
    "Oss/Seek": _seek,
    "Mds/Readdir": _readdir,
    "Mds/Lock": _lock,
    "Mds/Fcntl": _fcntl,
    "Mds/Ioctl": _ioctl,
    "Mds/Mmap": _mmap,
}
