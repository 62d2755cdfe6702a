"""A task on a client node: syscalls as methods, each one recorded as an operation of the history.

Arguments are those of the os module: the path, or an open file in its place, comes first. A call that fails raises
the OSError of its errno; its attribute `definite` says that it surely did not happen.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from google.protobuf.message import Message

import rpc
from harness import values
from harness.subjects import SubjectSpec
from labelproof.v1 import client_pb2 as pb

Labels = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Fd:
    """An open file: its number `n` in the task, and what open said of it."""

    n: int
    fid: str
    labels: Labels
    created: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What mkdir, mknod, symlink and link answer."""

    fid: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Stat:
    """stat(2) with the labels: xattr -> context, None where the attribute is absent."""

    fid: str
    mode: int
    uid: int
    gid: int
    nlink: int
    size: int
    blocks: int
    rdev: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    labels: Labels
    label_version: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a directory; `type` holds the S_IF* bits, `offset` is the place behind it."""

    name: str
    fid: str
    type: int
    labels: Labels
    offset: int = 0


@dataclass(frozen=True, slots=True)
class At:
    """A path that begins at an open directory, if it is relative (openat(2) and its like)."""

    dir: Fd | int
    path: str | bytes


Path = str | bytes | At
Where = Path | Fd | int


class Operations(Protocol):
    """What a task needs of its cluster."""

    def run(self, work: Any) -> Any: ...
    def begin(self, client: str, mount: str, task: str, name: str, args: Mapping[str, Any]) -> str: ...
    def end(self, op: str, phase: str, **fields: object) -> None: ...
    async def agent(self, client: str, method: str, request: Message, op: str = "") -> Any: ...


@dataclass(slots=True)
class Task:
    """One task. `last` is the id of its last operation; `on` gives the same task on another mount."""

    cluster: Operations
    client: str
    id: str
    spec: SubjectSpec
    pid: int
    mount: str = "/"
    last: str = ""

    @property
    def context(self) -> str | None:
        return self.spec.context

    def on(self, mount: str) -> Task:
        """The same task, its calls going through `mount` of its node."""
        return replace(self, mount=mount, last="")

    def logout(self) -> None:
        """Ends the task; what it has open is closed."""
        self.cluster.run(self.cluster.agent(self.client, "logout", pb.LogoutRequest(task=self.id)))

    def call(self, name: str, /, **args: Any) -> Any:
        """Any operation by name, its arguments as in the history; the plain result."""
        return self.cluster.run(self.acall(name, **args))

    async def acall(self, name: str, /, **args: Any) -> Any:
        """The same as a coroutine, so that `cluster.run` can have several under way at once."""
        cluster, args = self.cluster, _at(args)
        op = self.last = cluster.begin(self.client, self.mount, self.id, name, values.told(args))
        request = pb.SyscallRequest(task=self.id, mount=self.mount, op=op, name=name, args=_travelling(name, args))
        try:
            reply = await cluster.agent(self.client, "syscall", request, op)
        except OSError as error:
            raise _failed(cluster, op, error.errno or errno.EIO, str(error.strerror), rpc.definite(error)) from None
        if reply.errno:
            raise _failed(cluster, op, reply.errno, reply.message, reply.definite)
        result = values.plain(reply.value)
        cluster.end(op, "ok", ret=values.told(result))
        return result

    # --- files ----------------------------------------------------------------------------------------------------

    def open(self, path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> Fd:
        found = self.call("open", path=path, flags=flags, mode=mode)
        return Fd(found["fd"], found["fid"], found["labels"], found["created"])

    def reopen(self, fd: Fd | int, flags: int = os.O_RDONLY) -> Fd:
        """The file behind a descriptor, opened once more (/proc/self/fd/N)."""
        found = self.call("reopen", flags=flags, **_where(fd))
        return Fd(found["fd"], found["fid"], found["labels"], found["created"])

    def close(self, fd: Fd | int) -> None:
        self.call("close", **_where(fd))

    def read(self, fd: Fd | int, length: int) -> bytes:
        return bytes(self.call("read", length=length, **_where(fd)))

    def write(self, fd: Fd | int, data: bytes) -> int:
        return int(self.call("write", data=data, **_where(fd)))

    def pread(self, fd: Fd | int, length: int, offset: int) -> bytes:
        return bytes(self.call("pread", length=length, offset=offset, **_where(fd)))

    def pwrite(self, fd: Fd | int, data: bytes, offset: int) -> int:
        return int(self.call("pwrite", data=data, offset=offset, **_where(fd)))

    def lseek(self, fd: Fd | int, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self.call("lseek", offset=offset, whence=whence, **_where(fd)))

    def fallocate(self, fd: Fd | int, mode: int, offset: int, length: int) -> None:
        """`mode` 0, or FALLOC_FL_KEEP_SIZE 1, with _PUNCH_HOLE 2 or _ZERO_RANGE 16."""
        self.call("fallocate", mode=mode, offset=offset, length=length, **_where(fd))

    def copy_file_range(
        self, fd: Fd | int, to: Fd | int, length: int, offset: int | None = None, to_offset: int | None = None
    ) -> int:
        """Without an offset: at the file position, which moves on."""
        other = _where(to)["fd"]
        args = {"to": other, "length": length, "offset": offset, "to_offset": to_offset}
        return int(self.call("copy_file_range", **args, **_where(fd)))

    def sendfile(self, fd: Fd | int, to: Fd | int, length: int, offset: int | None = None) -> int:
        return int(self.call("sendfile", to=_where(to)["fd"], length=length, offset=offset, **_where(fd)))

    def fsync(self, fd: Fd | int) -> None:
        self.call("fsync", **_where(fd))

    def sync(self) -> None:
        self.call("sync")

    def dup(self, fd: Fd | int) -> int:
        return int(self.call("dup", **_where(fd)))

    def fcntl(self, fd: Fd | int, cmd: int, arg: int = 0) -> int:
        """F_GETFL, F_SETFL, F_DUPFD."""
        return int(self.call("fcntl", cmd=cmd, arg=arg, **_where(fd)))

    def flock(self, fd: Fd | int, operation: int) -> None:
        self.call("flock", operation=operation, **_where(fd))

    def lockf(self, fd: Fd | int, type: int, start: int = 0, length: int = 0, wait: bool = False) -> None:
        """A POSIX lock: `type` F_RDLCK, F_WRLCK or F_UNLCK; length 0 reaches to the end."""
        self.call("lockf", type=type, start=start, length=length, wait=wait, **_where(fd))

    def getlk(self, fd: Fd | int, type: int, start: int = 0, length: int = 0) -> dict[str, int] | None:
        """The POSIX lock that is in the way, if one is."""
        found = self.call("getlk", type=type, start=start, length=length, **_where(fd))
        return None if found is None else dict(found)

    def interrupt(self, fd: Fd | int) -> None:
        """Ends the task's waits for locks on the file, as a signal does."""
        self.call("interrupt", **_where(fd))

    def ioctl(self, fd: Fd | int, cmd: int, arg: int = 0, data: bytes = b"") -> int | bytes:
        """`arg` is the argument, or the number that it points to; `data` the structure, if it points to one."""
        more = {"data": data} if data else {}
        found: int | bytes = self.call("ioctl", cmd=cmd, arg=arg, **more, **_where(fd))
        return found

    def mmap(self, fd: Fd | int, prot: int, flags: int = 1) -> None:
        """What mapping the file asks; `flags` MAP_SHARED or MAP_PRIVATE."""
        self.call("mmap", prot=prot, flags=flags, **_where(fd))

    def mprotect(self, fd: Fd | int, prot: int, flags: int = 1, dirtied: bool = False) -> None:
        self.call("mprotect", prot=prot, flags=flags, dirtied=dirtied, **_where(fd))

    def watch(self, path: Path, mask: int) -> int:
        return int(self.call("watch", path=path, mask=mask))

    def fanotify(self, path: Path, mask: int, mark: str = "inode", follow: bool = True) -> None:
        """Asks for events FAN_* of the object, or of its "mount" or "filesystem" (fanotify_mark)."""
        self.call("fanotify", path=path, mask=mask, mark=mark, follow=follow)

    # --- names ----------------------------------------------------------------------------------------------------

    def mkdir(self, path: Path, mode: int = 0o777) -> Made:
        return _made(self.call("mkdir", path=path, mode=mode))

    def mknod(self, path: Path, mode: int = 0o600, rdev: int = 0) -> Made:
        return _made(self.call("mknod", path=path, mode=mode, rdev=rdev))

    def symlink(self, target: Path, path: Path) -> Made:
        return _made(self.call("symlink", target=target, path=path))

    def readlink(self, path: Path) -> str:
        return os.fsdecode(self.call("readlink", path=path))

    def link(self, path: Path, to: Path) -> Made:
        return _made(self.call("link", path=path, to=to))

    def linkfd(self, fd: Fd | int, to: Path) -> Made:
        """Gives an open file a name (linkat of /proc/self/fd/N)."""
        return _made(self.call("linkfd", to=to, **_where(fd)))

    def rename(self, path: Path, to: Path, flags: int = 0) -> None:
        self.call("rename", path=path, to=to, flags=flags)

    def unlink(self, path: Path) -> None:
        self.call("unlink", path=path)

    def rmdir(self, path: Path) -> None:
        self.call("rmdir", path=path)

    def readdir(self, where: Where, *, plus: bool = True) -> list[Entry]:
        """Every entry but `.` and `..`; `plus` asks for the labels."""
        found = self.call("readdir", plus=plus, **_where(where))
        return _entries(found)

    def getdents(self, fd: Fd | int, count: int = 256, *, plus: bool = False) -> list[Entry]:
        """The next entries of an open directory."""
        return _entries(self.call("getdents", count=count, plus=plus, **_where(fd)))

    def telldir(self, fd: Fd | int) -> int:
        """Where an open directory is read next; for seekdir."""
        return self.lseek(fd, 0, os.SEEK_CUR)

    def seekdir(self, fd: Fd | int, offset: int) -> None:
        self.lseek(fd, offset, os.SEEK_SET)

    # --- attributes -----------------------------------------------------------------------------------------------

    def stat(self, path: Path) -> Stat:
        return Stat(**self.call("stat", path=path))

    def lstat(self, path: Path) -> Stat:
        return Stat(**self.call("lstat", path=path))

    def fstat(self, fd: Fd | int) -> Stat:
        return Stat(**self.call("fstat", **_where(fd)))

    def access(self, where: Where, mode: int = os.F_OK, flags: int = 0) -> None:
        """PermissionError unless all of `mode` is allowed."""
        self.call("access", mode=mode, flags=flags, **_where(where))

    def chdir(self, where: Where) -> None:
        """Where relative paths begin on this mount from now on; before, they begin at its root."""
        self.call("chdir", **_where(where))

    def chmod(self, where: Where, mode: int) -> None:
        self.call("chmod", mode=mode, **_where(where))

    def chown(self, where: Where, uid: int, gid: int, follow: bool = True) -> None:
        self.call("chown", uid=uid, gid=gid, follow=follow, **_where(where))

    def utimes(
        self, where: Where, atime_ns: int | None = None, mtime_ns: int | None = None, follow: bool = True
    ) -> None:
        """Both None: now."""
        self.call("utimes", atime_ns=atime_ns, mtime_ns=mtime_ns, follow=follow, **_where(where))

    def truncate(self, path: Path, length: int) -> None:
        self.call("truncate", path=path, length=length)

    def ftruncate(self, fd: Fd | int, length: int) -> None:
        self.call("ftruncate", length=length, **_where(fd))

    def getxattr(self, where: Where, name: str, follow: bool = True) -> bytes:
        return bytes(self.call("getxattr", name=name, follow=follow, **_where(where)))

    def setxattr(self, where: Where, name: str, value: bytes, flags: int = 0, follow: bool = True) -> None:
        self.call("setxattr", name=name, value=value, flags=flags, follow=follow, **_where(where))

    def listxattr(self, where: Where, follow: bool = True) -> list[str]:
        return list(self.call("listxattr", follow=follow, **_where(where)))

    def removexattr(self, where: Where, name: str, follow: bool = True) -> None:
        self.call("removexattr", name=name, follow=follow, **_where(where))

    def statfs(self, path: Path = "/") -> dict[str, int]:
        return dict(self.call("statfs", path=path))

    # --- the task itself ------------------------------------------------------------------------------------------

    def setfscreate(self, context: str | None) -> None:
        """The label of what the task creates from now on; None: the policy's again."""
        self.call("setfscreate", context=context)
        self.spec = replace(self.spec, fscreate=context)

    def getfscreate(self) -> str | None:
        found = self.call("getfscreate")
        return None if found is None else str(found)

    def setexec(self, context: str | None) -> None:
        """The context of what the task executes next; None: the policy's again."""
        self.call("setexec", context=context)

    def getexec(self) -> str | None:
        found = self.call("getexec")
        return None if found is None else str(found)

    def setkeycreate(self, context: str | None) -> None:
        """The label of the keys that the task makes from now on; None: the policy's again."""
        self.call("setkeycreate", context=context)

    def getkeycreate(self) -> str | None:
        found = self.call("getkeycreate")
        return None if found is None else str(found)

    def setsockcreate(self, context: str | None) -> None:
        """The label of the sockets that the task makes from now on; None: the policy's again."""
        self.call("setsockcreate", context=context)

    def getsockcreate(self) -> str | None:
        found = self.call("getsockcreate")
        return None if found is None else str(found)

    def setcon(self, context: str) -> None:
        """Changes the task's own context."""
        self.call("setcon", context=context)
        self.spec = replace(self.spec, context=context)

    def getcon(self) -> str | None:
        found = self.call("getcon")
        return None if found is None else str(found)

    def umask(self, mask: int) -> int:
        """The mask as it was."""
        return int(self.call("umask", mask=mask))


# The history calls the object that an operation is about `path`, and where it goes `to`; the agent has names of its
# own for some.
_WIRE: dict[str, dict[str, str]] = {
    "link": {"path": "target", "to": "path"},
    "linkfd": {"to": "path"},
    "rename": {"path": "source", "to": "target"},
    "mknod": {"rdev": "dev"},
}


def _travelling(name: str, args: Mapping[str, Any]) -> pb.Fields:
    names = _WIRE.get(name, {})
    return values.fields({names.get(key, key): value for key, value in args.items()})


def _at(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with each At as a path and a descriptor."""
    given = {key: value for key, value in args.items() if isinstance(value, At)}
    numbers = {key: at.dir.n if isinstance(at.dir, Fd) else at.dir for key, at in given.items()}
    dirfds = {"to_dirfd" if key == "to" else "dirfd": number for key, number in numbers.items()}
    return {**args, **{key: at.path for key, at in given.items()}, **dirfds}


def _where(where: Where) -> dict[str, Any]:
    """The argument that says which file: an open one by number, else by path."""
    if isinstance(where, Fd):
        return {"fd": where.n}
    return {"fd": where} if isinstance(where, int) else {"path": where}


def _entries(found: Any) -> list[Entry]:
    return [Entry(os.fsdecode(e["name"]), e["fid"], e["type"], e["labels"], e["offset"]) for e in found]


def _made(found: Mapping[str, Any]) -> Made:
    return Made(found["fid"], found["labels"])


def _failed(cluster: Operations, op: str, number: int, message: str, definite: bool) -> OSError:
    """Ends the operation in the history: `fail` surely did not happen, `info` may have. The error to raise."""
    cluster.end(op, "fail" if definite else "info", errno=number, message=message)
    error = OSError(number, message)
    error.definite = definite  # type: ignore[attr-defined]
    return error
