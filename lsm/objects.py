"""The values that hooks take: who asks (Subject), about what (Obj), and what came of it (Decision)."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

# include/uapi/linux/fs.h
FS_IMMUTABLE_FL, FS_APPEND_FL = 0x10, 0x20


class Fid(NamedTuple):
    """File identifier: 64-bit sequence, 32-bit object id, 32-bit version (struct lu_fid); never reused."""

    seq: int
    oid: int
    ver: int = 0

    def __str__(self) -> str:
        return f"[{self.seq:#x}:{self.oid:#x}:{self.ver:#x}]"


@dataclass(frozen=True, slots=True)
class Caps:
    """A task's capability sets, as bit masks (include/uapi/linux/capability.h)."""

    effective: int = 0
    permitted: int = 0
    inheritable: int = 0
    bounding: int = 0
    ambient: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """The caller: credentials, and one label a module. Immutable; `digest` names it in tickets and tokens."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    caps: Caps = Caps()
    pid: int = 0
    comm: str = ""
    nid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    fscreate: str | None = None
    keycreate: str | None = None
    sockcreate: str | None = None
    digest: bytes = b""

    @property
    def task(self) -> tuple[object, ...]:
        """What stays the same of a task whatever it sets of itself (/proc/self/attr)."""
        return self.nid, self.pid, self.uid, self.gid, self.groups, self.caps, self.comm

    def in_group(self, gid: int) -> bool:
        """Whether `gid` is the subject's own or one of its supplementary groups (kernel/groups.c, in_group_p)."""
        return gid == self.gid or gid in self.groups


class Obj(NamedTuple):
    """An object of an operation, in its `role` there (parent, object, fs ...), with its labels as values.

    `labels` maps module -> context; a module that is missing or None has no label on the object.
    """

    role: str
    tclass: str
    labels: Mapping[str, str | None] = MappingProxyType({})
    version: int = 0
    uid: int = 0
    gid: int = 0
    mode: int = 0
    fid: Fid | None = None
    name: str = ""
    rdev: int = 0
    # The POSIX access control list, as its xattr holds it; empty: the mode says it all.
    acl: bytes = b""
    # FS_*_FL (include/uapi/linux/fs.h), of which VFS steps look at two.
    flags: int = 0
    # Of an open file: the labels of the subject that opened it, where that is not quite the one that asks.
    opener: Mapping[str, str] | None = None

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def immutable(self) -> bool:
        return bool(self.flags & FS_IMMUTABLE_FL)

    @property
    def append_only(self) -> bool:
        return bool(self.flags & FS_APPEND_FL)


# security/selinux/hooks.c, inode_mode_to_security_class
_CLASS_OF_FORMAT = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "lnk_file",
    stat.S_IFCHR: "chr_file",
    stat.S_IFBLK: "blk_file",
    stat.S_IFIFO: "fifo_file",
    stat.S_IFSOCK: "sock_file",
}


def file_class(mode: int) -> str:
    """The class of an inode by its mode; what is none of the known kinds is a `file`, as in the kernel."""
    return _CLASS_OF_FORMAT.get(stat.S_IFMT(mode), "file")


class Decision(NamedTuple):
    """One answered query: what was asked, by and about whom, and why the answer is what it is.

    `allowed` is the verdict after the mode of enforcement; `denied` names the missing permissions only, also
    where a permissive domain or mode let them pass. `reason` is te, constraint, rbac, bounds, mls, dac,
    capability or rule; empty where nothing was missing. `told` are the permissions that the audit record names,
    where dontaudit or auditallow speak of some of them only; `ioctlcmd` the number by which an ioctl was decided.
    """

    hook: str
    module: str
    requested: tuple[str, ...]
    denied: tuple[str, ...]
    scontext: str
    tcontext: str
    tclass: str
    allowed: bool
    reason: str = ""
    permissive: bool = False
    audited: bool = False
    role: str = ""
    fid: Fid | None = None
    name: str = ""
    version: int = 0
    seqno: int = 0
    digest: str = ""
    errno: int = errno.EACCES
    told: tuple[str, ...] = ()
    ioctlcmd: int | None = None

    # By position, as every check comes by here: `role` to `version` are 11 to 14. (_replace takes twice the time.)

    def of(self, obj: Obj, name: str = "") -> Decision:
        """The same of `obj`, by another name of it if one is given."""
        return Decision(*self[:11], obj.role, obj.fid, name or obj.name, obj.version, *self[15:])

    def placed(self, hook: str, module: str, about: Obj | None) -> Decision:
        """The same with what only the framework knows; a module may have named another object itself."""
        if about is None or self.role:
            return Decision(hook, module, *self[2:])
        name = self.name or about.name
        return Decision(hook, module, *self[2:11], about.role, about.fid, name, about.version, *self[15:])


class Denied(PermissionError):
    """A hook refused. Raised by the framework, and only there; `decision` says which and why."""

    def __init__(self, decision: Decision) -> None:
        d = decision
        missing = " ".join(d.denied or d.requested)
        what = d.name or (str(d.fid) if d.fid else d.role)
        super().__init__(d.errno, f"{d.hook}: {d.scontext} lacks {d.tclass} {{ {missing} }} on {d.tcontext} ({what})")
        self.decision = decision
