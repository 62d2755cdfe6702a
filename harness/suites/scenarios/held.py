"""What a descriptor is asked: its file is relabelled after the open, so that only the new label can answer. Watches."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from harness.model import access
from harness.suites.scenarios.scenario import FORMAT, Act, Scenario, capability, own, unwaiting

# include/uapi/linux/fs.h, include/uapi/asm-generic/ioctls.h
_FIGETBSZ, _GETFLAGS, _SETFLAGS, _SETVERSION = 2, 0x80086601, 0x40086602, 0x40087602
_FIONBIO, _KDSKBENT = 0x5421, 0x4B47
_FSGETXATTR, _TCGETS = 0x801C581F, 0x5401
_NODUMP = 0x40
_IN_ACCESS, _IN_MODIFY, _IN_DONT_FOLLOW = 1, 2, 0x02000000
# include/uapi/linux/fanotify.h
_OPEN_PERM, _ACCESS_PERM = 0x10000, 0x20000
_FILESYSTEM = {"perm": _OPEN_PERM, "reads": _IN_ACCESS, "perm-reads": _ACCESS_PERM}
_RW, _RX = mmap.PROT_READ | mmap.PROT_WRITE, mmap.PROT_READ | mmap.PROT_EXEC
_RWX = _RW | mmap.PROT_EXEC
_BYTES = ("file_permission", "object", "subject", "moved", "file")


def rows() -> Iterator[Scenario]:
    yield from _data()
    for tclass in ("file", "dir", "fifo_file", "chr_file", "blk_file"):
        yield _held("fstat", "getattr", "open", tclass, lambda t, fd: t.fstat(fd))
        yield from _locks(tclass)
        yield from _ioctls(tclass)
        yield from _flags(tclass)
        if tclass != "file":
            yield _unmappable(tclass)
    yield from _maps()
    yield from _leases()
    yield from _foreign()
    for tclass in FORMAT:
        yield from _watches(tclass)
        yield from _marks(tclass)


def _held(name: str, op: str, case: str, tclass: str, act: Callable[[Any, Any], object], **more: Any) -> Scenario:
    """`act` is given the task and its descriptor."""
    more = {**more, "opens": more.get("opens", os.O_RDONLY) | unwaiting(tclass)}
    return Scenario(f"{name}-{tclass}", op, case, tclass, lambda t, p: act(t, p.fd), **more)


def _data() -> Iterator[Scenario]:
    """Reads and writes, which are judged again once the label has moved (selinux_file_permission)."""
    reading: dict[str, Any] = {"opens": os.O_RDONLY, "rejudged": "read"}
    writing: dict[str, Any] = {"opens": os.O_WRONLY, "rejudged": "write"}
    yield _held("read", "read", "token", "file", lambda t, fd: t.read(fd, 4), **reading)
    yield _held("pread", "read", "token", "file", lambda t, fd: t.pread(fd, 4, 0), **reading)
    yield _held("write", "write", "token", "file", lambda t, fd: t.write(fd, b"more"), **writing)
    yield _held("pwrite", "write", "token", "file", lambda t, fd: t.pwrite(fd, b"more", 0), **writing)
    yield _held(
        "append", "write", "token", "file", lambda t, fd: t.write(fd, b"more"), opens=os.O_WRONLY | os.O_APPEND,
        rejudged="append",
    )  # fmt: skip
    yield _held("fallocate", "fallocate", "token", "file", lambda t, fd: t.fallocate(fd, 0, 0, 4096), **writing)
    yield _held(
        "fallocate-append", "fallocate", "token", "file", lambda t, fd: t.fallocate(fd, 0, 0, 4096),
        opens=os.O_WRONLY | os.O_APPEND, rejudged="append",
    )  # fmt: skip
    yield _held("ftruncate", "setattr", "ftruncate", "file", lambda t, fd: t.ftruncate(fd, 0), opens=os.O_WRONLY)
    both: dict[str, Any] = {
        "opens": os.O_RDWR, "rejudged": "read", "data": b"data", "asks": (access.Check(*_BYTES, frozenset({"write"})),)
    }  # fmt: skip
    yield _held("copy", "read", "token", "file", lambda t, fd: t.copy_file_range(fd, fd, 4, 0, 8), **both)
    yield _held("sendfile", "read", "token", "file", lambda t, fd: t.sendfile(fd, fd, 4, 0), **both)


def _locks(tclass: str) -> Iterator[Scenario]:
    yield _held("flock", "flock", "flock", tclass, lambda t, fd: t.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
    yield _held("lockf", "flock", "setlk", tclass, lambda t, fd: t.lockf(fd, fcntl.F_RDLCK))
    yield _held("getlk", "flock", "getlk", tclass, lambda t, fd: t.getlk(fd, fcntl.F_WRLCK))


def _ioctls(tclass: str) -> Iterator[Scenario]:
    """A command of each kind: like stat, like chmod, by number. What the class does not know is ENOTTY, once asked."""
    yield _ioctl("size", "getattr", tclass, _FIGETBSZ)
    if tclass == "file":
        yield _by_command()
        yield _ioctl("kdskbent", "tty", tclass, _KDSKBENT, answers=errno.ENOTTY)
    if tclass in ("file", "dir"):
        yield _ioctl("getflags", "getattr", tclass, _GETFLAGS)
        yield _ioctl("setflags", "setattr", tclass, _SETFLAGS, _NODUMP)
        yield _ioctl("fsgetxattr", "ioctl", tclass, _FSGETXATTR)
        return
    yield _ioctl("setversion", "setattr", tclass, _SETVERSION, answers=errno.ENOTTY)
    yield _ioctl("tcgets", "ioctl", tclass, _TCGETS, answers=errno.ENOTTY)


def _by_command() -> Scenario:
    """Who has `ioctl` for other commands only lacks it for this one (avc.c, avc_has_extended_perms)."""
    ruled = access.Check("file_ioctl", "object", "subject", "moved", "file", frozenset({"allowx"}))
    return replace(_ioctl("by-command", "ioctl", "file", _FSGETXATTR), asks=(ruled,))


def _ioctl(name: str, case: str, tclass: str, cmd: int, arg: int = 0, answers: int = 0) -> Scenario:
    return _held(f"ioctl-{name}", "ioctl", case, tclass, lambda t, fd: t.ioctl(fd, cmd, arg), answers=answers)


def _flags(tclass: str) -> Iterator[Scenario]:
    """Giving O_APPEND up is writing, whatever the file was opened for."""
    mode = os.O_RDONLY if tclass in ("dir", "fifo_file") else os.O_WRONLY
    yield _held(
        "setfl", "fcntl", "drop-append", tclass, lambda t, fd: t.fcntl(fd, fcntl.F_SETFL, 0), opens=mode | os.O_APPEND
    )  # fmt: skip


def _maps() -> Iterator[Scenario]:
    """Mappings by what they can do; private pages that are written and run are the task's own execmem."""
    flavours = {
        "r": (mmap.PROT_READ, mmap.MAP_SHARED), "w": (_RW, mmap.MAP_SHARED), "x": (_RX, mmap.MAP_PRIVATE),
        "wx": (_RWX, mmap.MAP_PRIVATE),
    }  # fmt: skip
    for name, (prot, flags) in flavours.items():
        for op, hook in (("mmap", "mmap_file"), ("mprotect", "file_mprotect")):
            yield _held(
                f"{op}-{name}", "mmap", op, "file", _mapping(op, prot, flags), opens=os.O_RDWR,
                params={"access": _access(prot, flags)}, asks=(own(hook, "execmem"),) if name == "wx" else (),
            )  # fmt: skip
    yield _held(
        "mprotect-dirtied", "mmap", "execmod", "file", lambda t, fd: t.mprotect(fd, _RX, mmap.MAP_PRIVATE, True),
        params={"access": "rx"},
    )  # fmt: skip


def _foreign() -> Iterator[Scenario]:
    """What another context opened has to be usable, whatever is asked of the file then (file_has_perm)."""
    reading: dict[str, Any] = {"foreign": True, "opens": os.O_RDWR}
    yield _held("foreign-read", "read", "token", "file", lambda t, fd: t.pread(fd, 4, 0), **reading)
    yield _held("foreign-write", "write", "token", "file", lambda t, fd: t.pwrite(fd, b"x", 0), **reading)
    dirtied = _held(
        "foreign-dirtied", "mmap", "execmod", "file", lambda t, fd: t.mprotect(fd, _RX, mmap.MAP_PRIVATE, True),
        params={"access": "rx"}, **reading,
    )  # fmt: skip
    yield dirtied
    yield _held("foreign-fallocate", "fallocate", "token", "file", lambda t, fd: t.fallocate(fd, 0, 0, 9), **reading)
    for case in ("names", "plus"):
        yield _held(f"foreign-{case}", "readdir", case, "dir", _all_entries(case), foreign=True)
    yield _held("foreign-flock", "flock", "flock", "file", lambda t, fd: t.flock(fd, fcntl.LOCK_SH), **reading)
    yield _held("foreign-setlk", "flock", "setlk", "file", lambda t, fd: t.lockf(fd, fcntl.F_RDLCK), **reading)
    yield _held("foreign-getlk", "flock", "getlk", "file", lambda t, fd: t.getlk(fd, fcntl.F_WRLCK), **reading)
    lease = _fcntl(fcntl.F_SETLEASE, fcntl.F_RDLCK)
    yield _held("foreign-setlease", "fcntl", "setlease", "file", lease, foreign=True)
    for case, command, arg in _FOREIGN_FCNTL:
        yield _held(f"foreign-{case}", "fcntl", case, "file", _fcntl(command, arg), **reading)
    yield _held(
        "foreign-drop-append", "fcntl", "drop-append", "file", _fcntl(fcntl.F_SETFL, 0), foreign=True,
        opens=os.O_WRONLY | os.O_APPEND,
    )  # fmt: skip
    for case, command in {"free": _FIONBIO, "getattr": _FIGETBSZ, "setattr": _SETFLAGS, "ioctl": _FSGETXATTR}.items():
        yield _held(f"foreign-ioctl-{case}", "ioctl", case, "file", _commanding(command), **reading)
    for op in ("mmap", "mprotect"):
        act = _mapping(op, mmap.PROT_READ, mmap.MAP_SHARED)
        yield _held(f"foreign-{op}", "mmap", op, "file", act, params={"access": "r"}, **reading)


_FOREIGN_FCNTL = (
    ("owner", fcntl.F_GETOWN, 0), ("getfl", fcntl.F_GETFL, 0), ("setfl", fcntl.F_SETFL, os.O_NONBLOCK),
)  # fmt: skip


def _all_entries(case: str) -> Callable[[Any, Any], object]:
    return lambda task, fd: task.readdir(fd, plus=case == "plus")


def _fcntl(command: int, arg: int) -> Callable[[Any, Any], object]:
    return lambda task, fd: task.fcntl(fd, command, arg)


def _commanding(command: int) -> Callable[[Any, Any], object]:
    return lambda task, fd: task.ioctl(fd, command, 0)


def _leases() -> Iterator[Scenario]:
    """A lease is a lock once it is known whose file it is (fs/locks.c, vfs_setlease)."""
    row = _held("setlease", "fcntl", "setlease", "file", lambda t, fd: t.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK))
    yield row
    yield replace(row, name="setlease-of-another", owner=False, asks=(capability("lease"),))


def _unmappable(tclass: str) -> Scenario:
    """The hook comes before the file's own mmap, which there is none of (mm/util.c, vm_mmap_pgoff: ENODEV)."""
    prot, mode = (_RX, os.O_RDONLY) if tclass == "dir" else (_RWX, os.O_RDWR)
    act = _mapping("mmap", prot, mmap.MAP_SHARED)
    params = {"access": _access(prot, mmap.MAP_SHARED)}
    return _held("mmap", "mmap", "mmap", tclass, act, opens=mode, params=params, answers=errno.ENODEV)


def _mapping(op: str, prot: int, flags: int) -> Callable[[Any, Any], object]:
    return lambda task, fd: getattr(task, op)(fd, prot, flags)


def _access(prot: int, flags: int) -> str:
    shared = flags == mmap.MAP_SHARED
    return "r" + ("w" if prot & mmap.PROT_WRITE and shared else "") + ("x" if prot & mmap.PROT_EXEC else "")


def _watches(tclass: str) -> Iterator[Scenario]:
    for case, mask in (("watch", _IN_MODIFY), ("reads", _IN_ACCESS)):
        yield Scenario(f"{case}-{tclass}", "watch", case, tclass, _watching(mask), whole=tclass == "file")


def _watching(mask: int) -> Act:
    return lambda task, place: task.watch(place.object, mask | _IN_DONT_FOLLOW)


def _marks(tclass: str) -> Iterator[Scenario]:
    """fanotify: events that wait for an answer, whole mounts and filesystems; who asks needs CAP_SYS_ADMIN."""
    cases = {"perm": ("inode", _OPEN_PERM), "mount": ("mount", _IN_MODIFY), "filesystem": ("filesystem", _IN_MODIFY)}
    if tclass == "file":
        cases |= {"perm-reads": ("inode", _ACCESS_PERM), "mount-reads": ("mount", _IN_ACCESS)}
        cases |= {"mount-perm": ("mount", _OPEN_PERM), "mount-perm-reads": ("mount", _ACCESS_PERM)}
        cases |= {f"filesystem-{name}": ("filesystem", mask) for name, mask in _FILESYSTEM.items()}
    for case, (mark, mask) in cases.items():
        yield Scenario(
            f"fanotify-{case}-{tclass}", "watch", case, tclass, _marking(mask, mark),
            asks=(capability("sys_admin"),), whole=tclass == "file",
        )  # fmt: skip


def _marking(mask: int, mark: str) -> Act:
    return lambda task, place: task.fanotify(place.object, mask, mark, False)
