"""Random sequences from a seed: few names, so that most operations find something, and every argument that is special.

As fsstress does, operations have weights; as pjdfstest does, the arguments are those on which Linux decides.
"""

from __future__ import annotations

import fcntl
import os
import random
import stat
import struct
from collections.abc import Callable, Iterator
from typing import Any

from posixdiff.local import STICKY
from posixdiff.state import EXPLICIT_NS
from posixdiff.steps import GROUP, TASKS, Step
from posixdiff.syscalls import (
    FICLONE,
    FICLONERANGE,
    FIGETBSZ,
    FIOASYNC,
    FIONBIO,
    FIONREAD,
    FIOQSIZE,
    FITHAW,
    FS_IOC_FSGETXATTR,
    FS_IOC_FSSETXATTR,
    FS_IOC_GETFLAGS,
    FS_IOC_GETVERSION,
    FS_IOC_SETFLAGS,
)

SLOTS = 3
# What takes a path that begins at an open directory, as Python or the C library lets us ask for it.
AT = frozenset({"open", "mkdir", "mknod", "symlink", "readlink", "unlink", "rmdir", "stat", "lstat", "link", "rename"})
NAMES = ("a", "b", "c", "d")
MODES = (0o777, 0o775, 0o770, 0o755, 0o700, 0o666, 0o664, 0o660, 0o644, 0o600, 0o400, 0o077, 0)
SPECIAL = (0o4755, 0o4777, 0o2775, 0o2755, 0o2664, 0o6777, 0o2777, 0o777 | STICKY, 0o775 | STICKY, 0o4644)
O_TMPFILE, O_PATH = os.O_TMPFILE, os.O_PATH
# Every open has it, so that nothing waits for the other end of a fifo.
ALWAYS = os.O_NONBLOCK
# FIOCLEX, TCGETS, KDSKBENT, and what nobody knows, among them.
_COMMANDS = (
    FIONREAD, FIGETBSZ, FIONBIO, FIOASYNC, FIOQSIZE, FITHAW, FICLONE, FICLONERANGE, FS_IOC_FSGETXATTR,
    FS_IOC_FSSETXATTR, FS_IOC_GETVERSION, 0x5451, 0x5450, 0x5401, 0x4B47, 0x6666,
)  # fmt: skip
_ACL = {"posix": ("system.posix_acl_access", "system.posix_acl_default")}
XATTRS = (
    "user.a",
    "user.b",
    "trusted.a",
    "security.a",
    *_ACL["posix"],
    "security.capability",
    "system.a",
    "no.a",
    "user.",
)


class Generator:
    """Steps drawn from `rng`."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        table = _weights(self)
        self._makers = [make for make, _ in table]
        self._weights = [weight for _, weight in table]

    def sequence(self, length: int) -> list[Step]:
        """The first ones make something to work on."""
        steps = list(self._beginning())
        return [*steps, *(self.step() for _ in range(length - len(steps)))]

    def step(self) -> Step:
        task = self._rng.choices(tuple(TASKS), (2, 4, 3, 2))[0]
        (make,) = self._rng.choices(self._makers, self._weights)
        name, args = make()
        for key, path in (("dirfd", "path"), ("to_dirfd", "to")):
            if name in AT and path in args and not (name == "linkfd" or key in args) and self.chance(8):
                args[key] = self.slot()
        return Step(task, name, args)

    def _beginning(self) -> Iterator[Step]:
        for task, name, mode in (("owner", "a", 0o2775), ("member", "b", 0o777), ("root", "a/d", 0o777 | STICKY)):
            yield Step(task, "mkdir", {"path": name, "mode": mode})
            yield Step(task, "chmod", {"path": name, "mode": mode})
        for task, name in (("owner", "c"), ("owner", "a/a"), ("member", "b/a"), ("other", "a/d/b")):
            yield Step(task, "open", {"path": name, "flags": os.O_CREAT | os.O_RDWR | ALWAYS, "mode": 0o664, "into": 0})

    # --- arguments --------------------------------------------------------------------------------------------------

    def one(self, *of: Any) -> Any:
        return self._rng.choice(of)

    def chance(self, percent: int) -> bool:
        return self._rng.randrange(100) < percent

    def path(self) -> str:
        depth = self._rng.choices((1, 2, 3), (40, 45, 15))[0]
        parts = [self.name() for _ in range(depth)]
        path = "/".join(parts) + ("/" if self.chance(4) else "")
        return f"/{path}" if self.chance(10) else path

    def name(self) -> str:
        return self.one(*NAMES) if self.chance(94) else self.one(".", "..", "..", "x" * 255, "x" * 256, "")

    def slot(self) -> int:
        return self._rng.randrange(SLOTS)

    def where(self) -> dict[str, Any]:
        """A path, or an open file."""
        return {"path": self.path()} if self.chance(70) else {"fd": self.slot()}

    def followed(self) -> dict[str, Any]:
        where = self.where()
        return where | {"follow": False} if "path" in where and self.chance(30) else where

    def mode(self) -> int:
        return int(self.one(*MODES) if self.chance(65) else self.one(*SPECIAL))

    def offset(self) -> int:
        return int(self.one(0, 0, 1, 100, 4095, 4096, 5000, 8192, 12288, 20000))

    def length(self) -> int:
        return int(self.one(0, 1, 10, 100, 4096, 5000, 9000))

    def data(self) -> bytes:
        return bytes([self._rng.randrange(65, 91)]) * self.length()

    # --- operations -------------------------------------------------------------------------------------------------

    def open(self) -> tuple[str, dict[str, Any]]:
        flags = self.one(os.O_RDONLY, os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR) | ALWAYS
        for flag, percent in (
            (os.O_CREAT, 40), (os.O_EXCL, 10), (os.O_TRUNC, 15), (os.O_APPEND, 15), (os.O_NOFOLLOW, 10),
            (os.O_DIRECTORY, 8), (os.O_NOATIME, 8), (O_PATH, 6), (O_TMPFILE, 5),
        ):  # fmt: skip
            flags |= flag if self.chance(percent) else 0
        if self.chance(1):
            flags |= os.O_ACCMODE
        return "open", {"path": self.path(), "flags": flags, "mode": self.mode(), "into": self.slot()}

    def reopen(self) -> tuple[str, dict[str, Any]]:
        flags = self.one(os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, O_PATH, os.O_RDONLY | os.O_DIRECTORY)
        return "reopen", {"fd": self.slot(), "flags": flags | ALWAYS, "into": self.slot()}

    def dup(self) -> tuple[str, dict[str, Any]]:
        return "dup", {"fd": self.slot(), "into": self.slot()}

    def close(self) -> tuple[str, dict[str, Any]]:
        return "close", {"fd": self.slot()}

    def read(self) -> tuple[str, dict[str, Any]]:
        return "read", {"fd": self.slot(), "length": self.length()}

    def pread(self) -> tuple[str, dict[str, Any]]:
        return "pread", {"fd": self.slot(), "length": self.length(), "offset": self.offset()}

    def write(self) -> tuple[str, dict[str, Any]]:
        return "write", {"fd": self.slot(), "data": self.data()}

    def pwrite(self) -> tuple[str, dict[str, Any]]:
        return "pwrite", {"fd": self.slot(), "data": self.data(), "offset": self.offset()}

    def lseek(self) -> tuple[str, dict[str, Any]]:
        offset = self.one(self.offset(), -self.offset())
        if self.chance(10):
            # Outside of any file; inside of one see test_sparse.py.
            return "lseek", {"fd": self.slot(), "offset": self.one(-1, 1 << 20), "whence": self.one(3, 4)}
        return "lseek", {"fd": self.slot(), "offset": offset, "whence": self.one(0, 0, 1, 2, 9)}

    def fallocate(self) -> tuple[str, dict[str, Any]]:
        # Those that ext4 does otherwise, if it does them, are test_space.py's; 65 is FALLOC_FL_UNSHARE_RANGE.
        mode = self.one(0, 1, 3, 2, 16, 17, 65)
        return "fallocate", {"fd": self.slot(), "mode": mode, "offset": self.offset(), "length": self.length()}

    def copy(self) -> tuple[str, dict[str, Any]]:
        args = {"fd": self.slot(), "to": self.slot(), "length": self.length(), "offset": self.one(None, self.offset())}
        if self.chance(30):
            return "sendfile", args
        return "copy_file_range", args | {"to_offset": self.one(None, self.offset())}

    def fsync(self) -> tuple[str, dict[str, Any]]:
        return "fsync", {"fd": self.slot()}

    def fcntl(self) -> tuple[str, dict[str, Any]]:
        if self.chance(50):
            return "fcntl", {"fd": self.slot(), "cmd": fcntl.F_GETFL}
        arg = self.one(0, os.O_APPEND, os.O_NOATIME, os.O_APPEND | os.O_NOATIME) | ALWAYS
        return "fcntl", {"fd": self.slot(), "cmd": fcntl.F_SETFL, "arg": arg}

    def flock(self) -> tuple[str, dict[str, Any]]:
        return "flock", {"fd": self.slot(), "operation": self.one(1 | 4, 2 | 4, 8)}

    def lockf(self) -> tuple[str, dict[str, Any]]:
        args = {"fd": self.slot(), "start": self.offset(), "length": self.length()}
        if self.chance(30):
            return "getlk", args | {"type": self.one(0, 1)}
        return "lockf", args | {"type": self.one(0, 1, 2)}

    def mmap(self) -> tuple[str, dict[str, Any]]:
        return "mmap", {"fd": self.slot(), "prot": self.one(1, 2, 3), "flags": self.one(1, 2)}

    def ioctl(self) -> tuple[str, dict[str, Any]]:
        cmd = self.one(FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, *_COMMANDS)
        args = {"fd": self.slot(), "cmd": cmd}
        if cmd in (FICLONE, FICLONERANGE):
            return "ioctl", args | {"src": self.slot()}
        if cmd in (FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR):
            return "ioctl", args | {"data": struct.pack("=5I8x", self.one(0, 0x80, 0x40, 0xC0, 0x1000), 0, 0, 0, 0)}
        arg = self.one(0, 0, 0x40, 0x80, 0xC0) if cmd == FS_IOC_SETFLAGS else int(cmd in (FIONBIO, FIOASYNC))
        return "ioctl", args | {"arg": arg}

    def mkdir(self) -> tuple[str, dict[str, Any]]:
        return "mkdir", {"path": self.path(), "mode": self.mode()}

    def mknod(self) -> tuple[str, dict[str, Any]]:
        kind, rdev = self.one(
            (stat.S_IFREG, 0), (stat.S_IFIFO, 0), (stat.S_IFSOCK, 0), (stat.S_IFCHR, os.makedev(1, 3)), (0, 0),
            (stat.S_IFCHR, 0), (stat.S_IFDIR, 0), (stat.S_IFLNK, 0),
        )  # fmt: skip
        return "mknod", {"path": self.path(), "mode": kind | self.mode(), "rdev": rdev}

    def symlink(self) -> tuple[str, dict[str, Any]]:
        target = self.path() if self.chance(95) else self.one("", "y" * 4095, "y" * 4096, "../..")
        return "symlink", {"target": target, "path": self.path()}

    def readlink(self) -> tuple[str, dict[str, Any]]:
        return "readlink", {"path": self.path()}

    def link(self) -> tuple[str, dict[str, Any]]:
        return "link", {"path": self.path(), "to": self.path()}

    def linkfd(self) -> tuple[str, dict[str, Any]]:
        return "linkfd", {"fd": self.slot(), "to": self.path()}

    def rename(self) -> tuple[str, dict[str, Any]]:
        return "rename", {"path": self.path(), "to": self.path(), "flags": self.one(0, 0, 0, 0, 1, 2, 2, 4, 5, 3, 8)}

    def unlink(self) -> tuple[str, dict[str, Any]]:
        return "unlink", {"path": self.path()}

    def rmdir(self) -> tuple[str, dict[str, Any]]:
        return "rmdir", {"path": self.path()}

    def readdir(self) -> tuple[str, dict[str, Any]]:
        return ("getdents", {"fd": self.slot(), "count": 3}) if self.chance(25) else ("readdir", self.where())

    def stat(self) -> tuple[str, dict[str, Any]]:
        return self.one(
            ("stat", {"path": self.path()}), ("lstat", {"path": self.path()}), ("fstat", {"fd": self.slot()})
        )  # fmt: skip

    def chdir(self) -> tuple[str, dict[str, Any]]:
        return "chdir", self.where()

    def access(self) -> tuple[str, dict[str, Any]]:
        return "access", {
            "path": self.path(),
            "mode": self.one(0, 1, 2, 4, 6, 7, 8),
            "flags": self.one(0, 0, 0x200, 0x100),
        }

    def chmod(self) -> tuple[str, dict[str, Any]]:
        return "chmod", self.where() | {"mode": self.mode()}

    def chown(self) -> tuple[str, dict[str, Any]]:
        uid, gid = self.one(-1, -1, 0, 3001, 3002, 3003), self.one(-1, GROUP, 3200, 3300, 0)
        return "chown", self.followed() | {"uid": uid, "gid": gid}

    def utimes(self) -> tuple[str, dict[str, Any]]:
        pick = lambda: self.one(None, *EXPLICIT_NS)  # noqa: E731
        return "utimes", self.followed() | {"atime_ns": pick(), "mtime_ns": pick()}

    def truncate(self) -> tuple[str, dict[str, Any]]:
        if self.chance(50):
            return "truncate", {"path": self.path(), "length": self.one(self.offset(), self.offset(), -1)}
        return "ftruncate", {"fd": self.slot(), "length": self.offset()}

    def getxattr(self) -> tuple[str, dict[str, Any]]:
        if self.chance(30):
            return "listxattr", self.followed() | {"size": self.one(0, 0, 1, 5, 500)}
        return "getxattr", self.followed() | {"name": self.xattr(), "size": self.one(0, 0, 1, 5, 500)}

    def setxattr(self) -> tuple[str, dict[str, Any]]:
        name = self.xattr()
        return "setxattr", self.followed() | {
            "name": name,
            "value": self.value(name),
            "flags": self.one(0, 0, 0, 1, 2, 3),
        }

    def removexattr(self) -> tuple[str, dict[str, Any]]:
        return "removexattr", self.followed() | {"name": self.xattr()}

    def xattr(self) -> str:
        """None that is wrong in itself, as no flags are: since 6.13 Linux sees that before it looks for the object, and
        the kernels whose answers we give after (fs/xattr.c). test_table.py has them, on objects that are there."""
        return str(self.one(*XATTRS) if self.chance(97) else self.one("user." + "z" * 250, "a"))

    def value(self, name: str) -> bytes:
        if name in _ACL["posix"]:
            return self.acl()
        if name == "security.capability":
            return self.capability()
        return bytes(self.one(b"", b"v", b"value", b"w" * 40))

    def acl(self) -> bytes:
        """Mostly valid: owner, perhaps somebody by name, group, mask, others.

        Never empty: since 6.2 that is no list at all, and EINVAL to the kernels whose answers we give.
        """
        if self.chance(10):
            return bytes(self.one(b"\2\0\0\0", b"\1\0\0\0", b"\2\0\0\0abc", struct.pack("<IHHI", 2, 1, 7, 0)))
        named = self.one(
            [], [(2, self.one(0, 4, 6, 7), self.one(3002, 3003))], [(8, self.one(0, 4, 7), self.one(3300, 3400))]
        )
        rest = [
            (1, self.one(7, 6, 4), 0xFFFFFFFF),
            (4, self.one(7, 5, 4, 0), 0xFFFFFFFF),
            (32, self.one(7, 4, 0), 0xFFFFFFFF),
        ]
        if named or self.chance(30):
            rest.append((16, self.one(7, 5, 4, 0), 0xFFFFFFFF))
        entries = sorted(rest + named)
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)

    def capability(self) -> bytes:
        v2 = struct.pack("<5I", self.one(0x02000000, 0x02000001), 0x400, 0, 0, 0)
        v3 = struct.pack("<6I", 0x03000001, 0x400, 0, 0, 0, self.one(0, 1000))
        # Not an empty one: the kernel lets anybody set that (fs/xattr.c, vfs_setxattr), we want CAP_SETFCAP for it too.
        return bytes(self.one(v2, v2, v3, b"junk", v2[:12], struct.pack("<3I", 0x01000000, 1, 0)))


def _weights(g: Generator) -> list[tuple[Callable[[], tuple[str, dict[str, Any]]], int]]:
    return [
        (g.open, 150), (g.reopen, 10), (g.dup, 8), (g.close, 30), (g.read, 20), (g.pread, 15), (g.write, 35),
        (g.pwrite, 20), (g.lseek, 12), (g.fallocate, 15), (g.copy, 15), (g.fsync, 3), (g.fcntl, 15), (g.flock, 12),
        (g.lockf, 20), (g.mmap, 6), (g.ioctl, 10), (g.mkdir, 40), (g.mknod, 30), (g.symlink, 30), (g.readlink, 12),
        (g.link, 35), (g.linkfd, 15), (g.rename, 60), (g.unlink, 40), (g.rmdir, 20), (g.readdir, 20), (g.stat, 25),
        (g.access, 20), (g.chdir, 12), (g.chmod, 35), (g.chown, 35), (g.utimes, 20), (g.truncate, 25), (g.getxattr, 25),
        (g.setxattr, 40), (g.removexattr, 12),
    ]  # fmt: skip
