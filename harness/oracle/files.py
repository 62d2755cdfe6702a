"""Steps that open, read, write, make, move and remove."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import Any

from harness.oracle.actor import ANY, Actor, Map, Op, Ops, flags
from harness.oracle.folder import Step

_BYTES = 100
_FORMATS = {
    "fifo": stat.S_IFIFO, "reg": stat.S_IFREG, "sock": stat.S_IFSOCK, "chr": stat.S_IFCHR, "blk": stat.S_IFBLK,
}  # fmt: skip


def _create(actor: Actor, step: Step) -> None:
    actor.task.close(actor.task.open(actor.path(step), os.O_WRONLY | os.O_CREAT | os.O_EXCL, step.get("mode", 0o644)))


def _cat(actor: Actor, step: Step) -> Any:
    fd = actor.task.open(actor.path(step), os.O_RDONLY)
    try:
        return _content(actor, bytes(actor.call("read", fd=fd.n, length=_BYTES)))
    finally:
        actor.task.close(fd)


def _open(actor: Actor, step: Step) -> None:
    fd = actor.task.open(actor.path(step), flags(step.get("flags", "O_RDONLY")), step.get("mode", 0o644))
    if "fd" in step:
        actor.fds[step["fd"]] = fd
    else:
        actor.task.close(fd)


def _close(actor: Actor, step: Step) -> None:
    fd = actor.fd(step)
    del actor.fds[step["fd"]]
    actor.task.close(fd)


def _read(actor: Actor, step: Step) -> Any:
    return _content(actor, bytes(actor.call("pread", fd=actor.fd(step).n, length=_BYTES, offset=0)))


def _content(actor: Actor, data: bytes) -> Any:
    return ANY if actor.poked else data.decode()


def _mknod(actor: Actor, step: Step) -> None:
    device = os.makedev(1, 3) if step["kind"] in ("chr", "blk") else 0
    actor.call("mknod", path=actor.path(step), mode=_FORMATS[step["kind"]] | 0o644, rdev=device)


def _bind(actor: Actor, step: Step) -> None:
    """net/unix/af_unix.c, unix_bind_bsd: of the filesystem it is a mknod, with the socket's mode."""
    try:
        actor.call("mknod", path=actor.path(step), mode=stat.S_IFSOCK | 0o777, rdev=0)
    except FileExistsError as error:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), step["path"]) from error


def _calls(name: str, *paths: str, **defaults: Any) -> Op:
    """A call named as its op, with the step's `paths` and those of its other values that `defaults` names."""

    def op(actor: Actor, step: Step) -> None:
        more = {key: step.get(key, value) for key, value in defaults.items()}
        actor.call(name, **{key: actor.path(step, key) for key in paths}, **more)

    return op


def _symlink(actor: Actor, step: Step) -> None:
    actor.call("symlink", target=step["target"], path=actor.path(step))


def _readlink(actor: Actor, step: Step) -> str:
    return os.fsdecode(actor.call("readlink", path=actor.path(step)))


def _rename(actor: Actor, step: Step) -> None:
    actor.call("rename", path=actor.path(step), to=actor.path(step, "to"), flags=step.get("rflags", 0))


def _readdir(actor: Actor, step: Step) -> list[str]:
    return sorted(os.fsdecode(e["name"]) for e in actor.call("readdir", path=actor.path(step), plus=False))


def _write(actor: Actor, step: Step) -> int:
    return int(actor.call("write", fd=actor.fd(step).n, data=b"w" * step.get("n", 1)))


def _fallocate(actor: Actor, step: Step) -> None:
    """posix_fallocate(3)."""
    actor.call("fallocate", fd=actor.fd(step).n, length=4096)


def _copy_range(actor: Actor, step: Step) -> int:
    source, target = actor.fd(step, "src").n, actor.fd(step, "dst").n
    return int(actor.call("copy_file_range", fd=source, to=target, length=4, offset=0, to_offset=0))


def _sendfile(actor: Actor, step: Step) -> int:
    source, target = actor.fd(step, "src").n, actor.fd(step, "dst").n
    return int(actor.call("sendfile", fd=source, to=target, length=4, offset=0))


def _reopen(actor: Actor, step: Step) -> None:
    actor.task.close(actor.task.reopen(actor.fd(step), flags(step["flags"])))


def _mmap(actor: Actor, step: Step) -> None:
    fd = actor.fd(step)
    actor.task.mmap(fd, step["prot"], step["mflags"])
    # A mapping keeps the file open (struct vm_area_struct, vm_file).
    actor.maps[step.get("map", "m")] = Map(actor.task.dup(fd), step["mflags"])


def _mprotect(actor: Actor, step: Step) -> None:
    found = actor.map(step)
    actor.task.mprotect(found.fd, step["prot"], found.flags, found.dirtied)


def _poke(actor: Actor, step: Step) -> None:
    """A byte of memory, which nobody is asked for; there is none behind a mapping here, so what files hold from now on
    cannot be compared."""
    actor.map(step).dirtied = actor.poked = True


FILES: Ops = {
    "create": _create,
    "cat": _cat,
    "open": _open,
    "close": _close,
    "read": _read,
    "write": _write,
    "ftruncate": lambda actor, step: actor.call("ftruncate", fd=actor.fd(step).n, length=0),
    "fallocate": _fallocate,
    "fsync": lambda actor, step: actor.call("fsync", fd=actor.fd(step).n),
    "truncate": lambda actor, step: actor.call("truncate", path=actor.path(step), length=step.get("size", 0)),
    "mkdir": _calls("mkdir", "path", mode=0o755),
    "mknod": _mknod,
    "bind": _bind,
    "symlink": _symlink,
    "readlink": _readlink,
    "link": _calls("link", "path", "to"),
    "unlink": _calls("unlink", "path"),
    "rmdir": _calls("rmdir", "path"),
    "rename": _rename,
    "readdir": _readdir,
    "copy_range": _copy_range,
    "sendfile": _sendfile,
    "linkfd": lambda actor, step: _quietly(actor.task.linkfd(actor.fd(step), actor.path(step, "to"))),
    "reopen": _reopen,
    "flock": lambda actor, step: actor.task.flock(actor.fd(step), fcntl.LOCK_EX | fcntl.LOCK_NB),
    "fcntllock": lambda actor, step: actor.task.lockf(actor.fd(step), fcntl.F_RDLCK),
    "setfl": lambda actor, step: _quietly(actor.task.fcntl(actor.fd(step), fcntl.F_SETFL, flags(step["flags"]))),
    "ioctl": lambda actor, step: _quietly(actor.task.ioctl(actor.fd(step), step["cmd"])),
    "watch": lambda actor, step: _quietly(actor.task.watch(actor.path(step), step["mask"])),
    "mmap": _mmap,
    "mprotect": _mprotect,
    "poke": _poke,
}


def _quietly(_value: object) -> None:
    """The runner of the cases did not write down what these give."""
