"""What the mediation suite does: one row an operation, with how to do it and the row of the kernel's table it is.

The checks that a scenario needs come from harness/model/access.py, so that a scenario says only what is done. Each is
run in a directory of its own, laid out by the administrator:

  parent/          the directory that names the object    (role parent)
    o              the object, of the scenario's class    (role object)
  newparent/       where a rename goes                    (role newparent)
    t              what a rename replaces                 (role target)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.model import access

LABEL = "security.selinux"
FORMAT = {
    "file": stat.S_IFREG, "dir": stat.S_IFDIR, "lnk_file": stat.S_IFLNK, "chr_file": stat.S_IFCHR,
    "blk_file": stat.S_IFBLK, "fifo_file": stat.S_IFIFO, "sock_file": stat.S_IFSOCK,
}  # fmt: skip
DEVICES = ("chr_file", "blk_file")


@dataclass(slots=True)
class Place:
    """Where a scenario runs: paths, the label that its relabels and fscreate ask for, and the file it opened."""

    parent: str
    newparent: str
    new_label: str
    fd: Any = None

    @property
    def object(self) -> str:
        return f"{self.parent}/o"

    @property
    def name(self) -> str:
        return f"{self.parent}/n"


Act = Callable[[Any, Place], object]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One operation on one class. `op`, `case` and `params` name the row of the table; `act` does it as a task.

    `lays` says which of object, newparent, target are there before. `caps` are capabilities that DAC asks for here,
    which the policy must grant too. `then` are rows that `act` needs besides its own. `owner`: whether the object
    belongs to the task. `opens`: the task opens the object with these flags, and then it is relabelled to `moved`,
    where `act` needs `rejudged` again.
    """

    name: str
    op: str
    case: str
    tclass: str
    act: Act
    lays: tuple[str, ...] = ("object",)
    params: dict[str, Any] = field(default_factory=dict)
    caps: tuple[str, ...] = ()
    then: tuple[tuple[str, str], ...] = ()
    walk: bool = True
    owner: bool = True
    opens: int | None = None
    rejudged: str = ""

    def checks(self) -> tuple[access.Check, ...]:
        """The queries of the operation itself, in the kernel's order, then the capabilities."""
        if self.rejudged:
            return (_rejudged(self.rejudged),)
        own = access.expected(self.op, self.case, self.tclass, walk=self.walk, **self.params)
        return tuple(c for c in own if c.perms) + tuple(map(_capability, self.caps))

    def needs(self) -> tuple[access.Check, ...]:
        """All that a task needs for `act`: its own checks, and those of the rows in `then`."""
        more = (access.expected(op, case, self.tclass, walk=self.walk, **self.params) for op, case in self.then)
        return self.checks() + tuple(c for row in more for c in row if c.perms)


def _capability(cap: str) -> access.Check:
    return access.Check("capable", "subject", "subject", "subject", "capability", frozenset({cap}))


def _rejudged(permission: str) -> access.Check:
    """selinux_file_permission: the label has moved since open, so the descriptor is judged again."""
    return access.Check("file_permission", "object", "subject", "moved", "file", frozenset({permission}))


def scenarios() -> list[Scenario]:
    """Every scenario, in the order of the kernel's table."""
    return [
        *_held(),
        *_filesystem(),
        *_opens(),
        *_makes(),
        *_names(),
        *_attributes(),
        *_xattrs(),
        *_capabilities(),
        *_open_files(),
        *_tasks(),
    ]


def _filesystem() -> Iterator[Scenario]:
    yield Scenario(
        "mount", "getroot", "mount", "file", lambda t, p: t.lstat(p.object), then=(("getattr", "stat"),), walk=False
    )
    yield Scenario("statfs", "statfs", "statfs", "file", lambda t, p: t.statfs("/"), lays=(), walk=False)


def _opens() -> Iterator[Scenario]:
    modes = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR}
    for access_mode, flags in modes.items():
        for append in (False, True) if "w" in access_mode else (False,):
            extra = os.O_APPEND if append else 0
            params = {"access": access_mode, "append": append}
            suffix = f"{access_mode}{'a' if append else ''}"
            yield Scenario(f"open-{suffix}", "open", "existing", "file", _open("object", flags | extra), params=params)
            creating = _open("name", flags | extra | os.O_CREAT | os.O_EXCL)
            yield Scenario(f"create-{suffix}", "open", "new", "file", creating, lays=(), params=params)
    yield Scenario("open-dir", "open", "existing", "dir", _open("object", os.O_RDONLY | os.O_DIRECTORY))
    truncating = {"access": "w", "truncate": True}
    yield Scenario(
        "open-trunc", "open", "truncate", "file", _open("object", os.O_WRONLY | os.O_TRUNC), params=truncating
    )
    yield Scenario(
        "tmpfile", "open", "tmpfile", "file", lambda t, p: t.close(t.open(p.parent, os.O_TMPFILE | os.O_RDWR, 0o644)),
        lays=(), params={"access": "rw"}, walk=False,
    )  # fmt: skip
    yield Scenario(
        "readdir", "readdir", "plus", "dir", lambda t, p: t.readdir(p.object), then=(("open", "existing"),), walk=False
    )


def _makes() -> Iterator[Scenario]:
    yield Scenario("mkdir", "mkdir", "new", "dir", lambda t, p: t.mkdir(p.name, 0o755), lays=())
    yield Scenario("symlink", "symlink", "new", "lnk_file", lambda t, p: t.symlink("elsewhere", p.name), lays=())
    yield Scenario("mknod-file", "mknod", "regular", "file", _mknod("file"), lays=())
    for tclass in ("fifo_file", "sock_file", *DEVICES):
        yield Scenario(f"mknod-{tclass}", "mknod", "special", tclass, _mknod(tclass), lays=())


def _names() -> Iterator[Scenario]:
    for tclass in FORMAT:
        if tclass == "dir":
            yield Scenario("rmdir", "rmdir", "rmdir", "dir", lambda t, p: t.rmdir(p.object))
        else:
            yield Scenario(f"unlink-{tclass}", "unlink", "unlink", tclass, lambda t, p: t.unlink(p.object))
            yield Scenario(f"link-{tclass}", "link", "link", tclass, lambda t, p: t.link(p.object, p.name), ("object",))
        yield Scenario(
            f"rename-{tclass}", "rename", "plain", tclass,
            lambda t, p: t.rename(p.object, f"{p.newparent}/n"), ("object", "newparent"), {"reparent": tclass == "dir"},
        )  # fmt: skip
        yield Scenario(
            f"replace-{tclass}", "rename", "replace", tclass,
            lambda t, p: t.rename(p.object, f"{p.newparent}/t"), ("object", "newparent", "target"),
            {"reparent": tclass == "dir"},
        )  # fmt: skip
    for tclass in ("file", "dir"):
        yield Scenario(
            f"exchange-{tclass}", "rename", "exchange", tclass,
            lambda t, p: t.rename(p.object, f"{p.newparent}/t", 2), ("object", "newparent", "target"),
            {"reparent": True},
        )  # fmt: skip
    yield Scenario(
        "whiteout", "rename", "whiteout", "file", lambda t, p: t.rename(p.object, f"{p.newparent}/n", 4),
        ("object", "newparent"),
    )  # fmt: skip
    yield Scenario("readlink", "readlink", "read", "lnk_file", lambda t, p: t.readlink(p.object))


def _attributes() -> Iterator[Scenario]:
    for letter, mode in (("r", 4), ("w", 2), ("rw", 6)):
        yield Scenario(
            f"access-{letter}", "access", "access", "file", _access(mode), params={"access": letter},
        )  # fmt: skip
    yield Scenario("chdir", "access", "chdir", "dir", lambda t, p: t.chdir(p.object))
    for tclass in FORMAT:
        yield Scenario(f"stat-{tclass}", "getattr", "stat", tclass, lambda t, p: t.lstat(p.object))
        yield Scenario(f"utimes-{tclass}", "setattr", "attr", tclass, lambda t, p: t.utimes(p.object, 1, 1, False))
        yield Scenario(f"touch-{tclass}", "setattr", "now", tclass, lambda t, p: t.utimes(p.object, None, None, False))
        if tclass != "lnk_file":
            yield Scenario(f"chmod-{tclass}", "setattr", "attr", tclass, lambda t, p: t.chmod(p.object, 0o700))
    yield Scenario("truncate", "setattr", "truncate", "file", lambda t, p: t.truncate(p.object, 3))


def _xattrs() -> Iterator[Scenario]:
    def user(f: Act, op: str, tclass: str) -> Scenario:
        return Scenario(f"{op}-user-{tclass}", op, "user", tclass, f)

    for tclass in FORMAT:
        yield Scenario(
            f"getxattr-{tclass}", "getxattr", "attr", tclass, lambda t, p: t.getxattr(p.object, LABEL, False)
        )
        yield Scenario(f"listxattr-{tclass}", "listxattr", "list", tclass, lambda t, p: t.listxattr(p.object, False))
        yield Scenario(
            f"relabel-{tclass}", "setxattr", "label", tclass,
            lambda t, p: t.setxattr(p.object, LABEL, p.new_label.encode(), 0, False),
        )  # fmt: skip
        yield Scenario(
            f"setxattr-{tclass}", "setxattr", "attr", tclass,
            lambda t, p: t.setxattr(p.object, "trusted.t", b"v", 0, False), caps=("sys_admin",),
        )  # fmt: skip
        yield Scenario(
            f"removexattr-{tclass}", "removexattr", "attr", tclass,
            lambda t, p: t.removexattr(p.object, "trusted.kept", False), caps=("sys_admin",),
        )  # fmt: skip
    for tclass in ("file", "dir"):
        yield user(lambda t, p: t.setxattr(p.object, "user.t", b"v"), "setxattr", tclass)
        yield user(lambda t, p: t.getxattr(p.object, "user.kept"), "getxattr", tclass)
        yield user(lambda t, p: t.removexattr(p.object, "user.kept"), "removexattr", tclass)


def _capabilities() -> Iterator[Scenario]:
    """DAC refuses unless a capability overrules it, which the policy must grant too."""
    yield Scenario(
        "chown", "setattr", "attr", "file", lambda t, p: t.chown(p.object, 4321, -1), caps=("chown",)
    )  # fmt: skip
    yield Scenario(
        "chmod-of-another", "setattr", "attr", "file", lambda t, p: t.chmod(p.object, 0o700), caps=("fowner",),
        owner=False,
    )  # fmt: skip
    yield Scenario(
        "write-of-another", "open", "existing", "file", _open("object", os.O_WRONLY), params={"access": "w"},
        caps=("dac_override",), owner=False,
    )  # fmt: skip


def _open_files() -> Iterator[Scenario]:
    """A held descriptor after a relabel: the next read or write asks for the new label."""
    then = (("open", "existing"),)
    yield Scenario(
        "read-moved", "read", "token", "file", lambda t, p: t.pread(p.fd, 4, 0), then=then,
        opens=os.O_RDONLY, rejudged="read",
    )  # fmt: skip
    yield Scenario(
        "write-moved", "write", "token", "file", lambda t, p: t.pwrite(p.fd, b"more", 0), params={"access": "w"},
        then=then, opens=os.O_WRONLY, rejudged="write",
    )  # fmt: skip
    yield Scenario(
        "append-moved", "write", "token", "file", lambda t, p: t.write(p.fd, b"more"),
        params={"access": "w", "append": True}, then=then, opens=os.O_WRONLY | os.O_APPEND, rejudged="append",
    )  # fmt: skip


def _held() -> Iterator[Scenario]:
    """What an open file is asked; the descriptor is opened by each task itself."""
    then = (("open", "existing"),)

    def held(name: str, op: str, case: str, act: Act, flags: int = os.O_RDONLY) -> Scenario:
        return Scenario(name, op, case, "file", _opened(act, flags), then=then)

    yield held("flock", "flock", "flock", lambda t, fd: t.flock(fd, 6))
    yield held("lockf", "flock", "setlk", lambda t, fd: t.lockf(fd, 0))
    yield held("getlk", "flock", "getlk", lambda t, fd: t.getlk(fd, 1))
    yield held("ioctl-getflags", "ioctl", "getattr", lambda t, fd: t.ioctl(fd, 0x80086601))
    yield held("ioctl-setflags", "ioctl", "setattr", lambda t, fd: t.ioctl(fd, 0x40086602, 0x40))
    yield held("ioctl", "ioctl", "ioctl", lambda t, fd: t.ioctl(fd, 0x801C581F))
    yield Scenario(
        "setfl-append", "fcntl", "drop-append", "file",
        _opened(lambda t, fd: t.fcntl(fd, 4, 0), os.O_WRONLY | os.O_APPEND), params={"access": "w", "append": True},
        then=then,
    )  # fmt: skip
    yield Scenario("watch", "watch", "watch", "file", lambda t, p: t.watch(p.object, 2))
    yield Scenario("watch-reads", "watch", "reads", "file", lambda t, p: t.watch(p.object, 1))


def _opened(act: Act, flags: int) -> Act:
    def with_fd(task: Any, place: Place) -> object:
        return act(task, task.open(place.object, flags))

    return with_fd


def _tasks() -> Iterator[Scenario]:
    yield Scenario(
        "setfscreate", "setprocattr", "attr", "process", lambda t, p: t.setfscreate(p.new_label), lays=(), walk=False
    )


def _open(where: str, flags: int) -> Act:
    def act(task: Any, place: Place) -> object:
        return task.close(task.open(getattr(place, where), flags, 0o644))

    return act


def _access(mode: int) -> Act:
    return lambda task, place: task.access(place.object, mode)


def _mknod(tclass: str) -> Act:
    rdev = os.makedev(1, 3) if tclass in DEVICES else 0
    return lambda task, place: task.mknod(place.name, FORMAT[tclass] | 0o644, rdev)
