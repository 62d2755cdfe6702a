"""The kernel's VFS steps, and the table operation -> ordered steps; run by mds, oss and client alike.

DAC, ownership and structure (ENOENT, EEXIST, ENOTDIR ...) are no module: they are steps between the hooks, in the
kernel's order (fs/namei.c, fs/attr.c, fs/xattr.c, fs/open.c). An operation is a row of OPS; `run` walks it with the
objects and scalars in `p`, and a step that refuses ends it. Nothing here reads or writes a store.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lsm import acl, dac
from lsm.framework import Mediator
from lsm.hooks import (
    F_GETLEASE,
    F_GETLK,
    F_SETFL,
    F_SETLEASE,
    F_SETLK,
    FAN_PERM,
    MAY_ACCESS,
    MAY_EXEC,
    MAY_READ,
    MAY_WRITE,
    Mark,
)
from lsm.modules.capability import NUMBER
from lsm.objects import Obj

# include/uapi/asm-generic/fcntl.h
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
# include/uapi/asm-generic/mman-common.h
PROT_WRITE = 2

P = Mapping[str, Any]
Step = Callable[[Mediator, P], None]


def run(op: str, m: Mediator, **p: Any) -> None:
    """Walks the steps of `op`. Raises lsm.Denied for a decision, another OSError for structure; KeyError for no op."""
    for step in OPS[op]:
        step(m, p)


# --- steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class May:
    """inode_permission on the object in `role`; `mask` is a constant, or what open's flags ask for."""

    role: str
    mask: int | Callable[[int], int]

    def __call__(self, m: Mediator, p: P) -> None:
        mask = self.mask if isinstance(self.mask, int) else self.mask(p["flags"])
        dac.permission(m, p[self.role], mask)


@dataclass(frozen=True, slots=True)
class Hook:
    """A check hook with the named parameters, in the order of its signature."""

    name: str
    params: tuple[str, ...]

    def __call__(self, m: Mediator, p: P) -> None:
        m.check(self.name, *(p[name] for name in self.params))


@dataclass(frozen=True, slots=True)
class Refuse:
    """Structure: `error` when the condition holds. Known only to who passed the steps before it."""

    error: int
    when: Callable[[Mediator, P], bool]

    def __call__(self, m: Mediator, p: P) -> None:
        if self.when(m, p):
            raise OSError(self.error, os.strerror(self.error), p.get("what", ""))


def hook(name: str, *params: str) -> Hook:
    return Hook(name, params)


def _not_dir(role: str) -> Callable[[Mediator, P], bool]:
    return lambda m, p: not p[role].is_dir


def _is_dir(role: str) -> Callable[[Mediator, P], bool]:
    return lambda m, p: p[role].is_dir


def _sticky(m: Mediator, p: P) -> None:
    _may_go(m, p["parent"], p["object"])


def _may_go(m: Mediator, parent: Obj, obj: Obj) -> None:
    """fs/namei.c, may_delete: what keeps a name where it is, for who may write to its directory."""
    if parent.append_only:
        m.refuse_dac(obj, ("delete",), errno.EPERM, "may_delete")
    if dac.sticky(m, parent, obj):
        m.refuse_dac(obj, ("delete",), errno.EPERM, "check_sticky")
    if obj.append_only or obj.immutable:
        m.refuse_dac(obj, ("delete",), errno.EPERM, "may_delete")


def _needs(cap: str, error: int = errno.EPERM) -> Step:
    def step(m: Mediator, p: P) -> None:
        if not m.capable(NUMBER[cap]):
            raise OSError(error, f"{os.strerror(error)}: needs CAP_{cap.upper()}", p.get("what", ""))

    return step


def _mknod_capability(m: Mediator, p: P) -> None:
    """vfs_mknod: character and block devices only, and before the directory is asked anything but write; a whiteout
    (a character device 0:0) is anybody's."""
    new: Obj = p["new"]
    if stat.S_ISBLK(new.mode) or (stat.S_ISCHR(new.mode) and new.rdev):
        _needs("mknod")(m, p)


def _appends(m: Mediator, p: P) -> None:
    """fs/namei.c, may_open: what may only be appended to."""
    flags = p["flags"]
    overwrites = flags & os.O_TRUNC or (flags & os.O_ACCMODE != os.O_RDONLY and not flags & os.O_APPEND)
    if p["object"].append_only and overwrites:
        m.refuse_dac(p["object"], ("write",), errno.EPERM, "may_open")


def _fixed(*flags: str) -> Step:
    """EPERM for an object with one of the flags, whoever asks."""

    def step(m: Mediator, p: P) -> None:
        if any(getattr(p["object"], flag) for flag in flags):
            m.refuse_dac(p["object"], ("write",), errno.EPERM, "vfs")

    return step


def _noatime(m: Mediator, p: P) -> None:
    """fs/namei.c, may_open: O_NOATIME is the owner's."""
    if p["flags"] & os.O_NOATIME and not dac.owner_or_capable(m, p["object"]):
        m.refuse_dac(p["object"], ("noatime",), errno.EPERM, "may_open")


def _may_setattr(m: Mediator, p: P) -> None:
    """fs/attr.c, may_setattr: utimes(now) by who is not the owner needs write permission."""
    obj: Obj = p["object"]
    fixed = p["attrs"] & {"mode", "uid", "gid", "atime_set", "mtime_set"} and (obj.immutable or obj.append_only)
    if fixed or ("touch" in p["attrs"] and obj.immutable):
        m.refuse_dac(obj, ("setattr",), errno.EPERM, "may_setattr")
    if "touch" in p["attrs"] and not dac.owner_or_capable(m, p["object"]):
        dac.permission(m, p["object"], MAY_WRITE)


def _setattr_prepare(m: Mediator, p: P) -> None:
    """fs/attr.c, setattr_prepare: ownership, after the hook (so that a MAC denial wins, as in the kernel)."""
    obj: Obj = p["object"]
    attrs, new = p["attrs"], p["new_attrs"]
    if "uid" in attrs and not (m.subject.uid == obj.uid == new["uid"]) and not m.capable(NUMBER["chown"]):
        m.refuse_dac(obj, ("chown",), errno.EPERM, "setattr_prepare")
    if "gid" in attrs and not _chgrp_ok(m, obj, new["gid"]) and not m.capable(NUMBER["chown"]):
        m.refuse_dac(obj, ("chgrp",), errno.EPERM, "setattr_prepare")
    if attrs & {"mode", "atime_set", "mtime_set"} and not dac.owner_or_capable(m, obj):
        m.refuse_dac(obj, ("setattr",), errno.EPERM, "setattr_prepare")
    if "mode" in attrs:
        dac.may_set_gid(m, new["gid"] if "gid" in attrs else obj.gid)


def _chgrp_ok(m: Mediator, obj: Obj, gid: int) -> bool:
    return m.subject.uid == obj.uid and (gid == obj.gid or m.subject.in_group(gid))


def _xattr_permission(mask: int) -> Step:
    """fs/xattr.c, xattr_permission. Reading what one may not see is ENODATA, writing it EPERM."""

    def step(m: Mediator, p: P) -> None:
        name, obj = p["name"], p["object"]
        if mask == MAY_WRITE and (obj.immutable or obj.append_only):
            m.refuse_dac(obj, ("setattr",), errno.EPERM, "may_write_xattr")
        refused = errno.ENODATA if mask == MAY_READ else errno.EPERM
        if name.startswith(("security.", "system.")):
            return
        if name.startswith("trusted."):
            _needs("sys_admin", refused)(m, p)
            return
        if name.startswith("user."):
            if not stat.S_ISREG(obj.mode) and not obj.is_dir:
                raise OSError(refused, f"{os.strerror(refused)}: user.* is for files and directories only", name)
            private = obj.is_dir and obj.mode & stat.S_ISVTX and mask == MAY_WRITE
            if private and not dac.owner_or_capable(m, obj):
                m.refuse_dac(obj, ("write",), errno.EPERM, "xattr_permission")
        dac.permission(m, obj, mask)

    return step


def _listed(own: str, other: str, *params: str, also: tuple[str, ...] = ()) -> Step:
    """The hook of an xattr: access control lists have their own (fs/posix_acl.c, vfs_set_acl and its like)."""
    of_acl, of_xattr = hook(own, *params), hook(other, *params, *also)
    return lambda m, p: (of_acl if p["name"] in acl.NAMES else of_xattr)(m, p)


def _protected_hardlink(m: Mediator, p: P) -> None:
    """fs/namei.c, may_linkat with fs.protected_hardlinks=1: a source that is not safe needs its owner or CAP_FOWNER."""
    obj: Obj = p["object"]
    if not _safe_hardlink_source(m, obj) and not dac.owner_or_capable(m, obj):
        m.refuse_dac(obj, ("link",), errno.EPERM, "may_linkat")


def _safe_hardlink_source(m: Mediator, obj: Obj) -> bool:
    group_exec_setgid = obj.mode & (stat.S_ISGID | stat.S_IXGRP) == stat.S_ISGID | stat.S_IXGRP
    if not stat.S_ISREG(obj.mode) or obj.mode & stat.S_ISUID or group_exec_setgid:
        return False
    try:
        dac.permission(m, obj, MAY_READ | MAY_WRITE)
    except PermissionError:
        return False
    return True


def _access(m: Mediator, p: P) -> None:
    dac.permission(m, p["object"], p["mask"] | MAY_ACCESS)


def _fcntl(cmd: int | None = None) -> Step:
    """The hook for a command; for the one that `p` names, where none is given."""

    def step(m: Mediator, p: P) -> None:
        m.check("file_fcntl", p["object"], p["cmd"] if cmd is None else cmd, p.get("drops_append", False))

    return step


def _leaser(m: Mediator, p: P) -> None:
    """fs/locks.c, vfs_setlease: a lease is the owner's to set, or CAP_LEASE's."""
    if m.subject.uid != p["object"].uid and not m.capable(NUMBER["lease"]):
        m.refuse_dac(p["object"], ("lease",), errno.EACCES, "vfs_setlease")


def _setfl_noatime(m: Mediator, p: P) -> None:
    """fs/fcntl.c, setfl: O_NOATIME is the owner's to set."""
    if p["flags"] & os.O_NOATIME and not dac.owner_or_capable(m, p["object"]):
        m.refuse_dac(p["object"], ("noatime",), errno.EPERM, "setfl")


def _fanotify(m: Mediator, p: P) -> None:
    """fanotify_init: who has no CAP_SYS_ADMIN may watch single objects only, and let nothing wait for an answer."""
    if p["mark"] != Mark.INODE or p["mask"] & FAN_PERM:
        _needs("sys_admin")(m, p)


def _mappable(m: Mediator, p: P) -> None:
    """mm/mmap.c, do_mmap: only what was opened for reading, and shared to write only if for writing. After the hook."""
    shared_write = p["shared"] and p["prot"] & PROT_WRITE and not p["mask"] & MAY_WRITE
    if not p["mask"] & MAY_READ or shared_write:
        raise PermissionError(errno.EACCES, "the file was not opened for that mapping")
    if not stat.S_ISREG(p["object"].mode):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


def _moved_dir(m: Mediator, p: P) -> None:
    """fs/namei.c, vfs_rename: a directory's `..` changes when it moves, so it must be writable."""
    if p["object"].is_dir and p["parent"].fid != p["newparent"].fid:
        dac.permission(m, p["object"], MAY_WRITE)


def _may_swap(m: Mediator, p: P) -> None:
    """RENAME_EXCHANGE: may_delete on the new side too; then either that is a directory and moves must be writable."""
    dac.permission(m, p["newparent"], MAY_WRITE | MAY_EXEC)
    _may_go(m, p["newparent"], p["target"])
    if p["parent"].fid != p["newparent"].fid:
        for role in ("object", "target"):
            if p[role].is_dir:
                dac.permission(m, p[role], MAY_WRITE)


def _may_replace(m: Mediator, p: P) -> None:
    """may_create or may_delete on the new side, by whether the name exists."""
    target, obj = p["target"], p["object"]
    dac.permission(m, p["newparent"], MAY_WRITE | MAY_EXEC)
    if target is None:
        return
    _may_go(m, p["newparent"], target)
    if obj.is_dir and not target.is_dir:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), target.name)
    if target.is_dir and not obj.is_dir:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target.name)


_OPENED_FOR = Refuse(errno.EBADF, lambda m, p: not p["opened"])
_WX = MAY_WRITE | MAY_EXEC
_EXISTS = Refuse(errno.EEXIST, lambda m, p: p["exists"])
_NO_ENTRY = Refuse(errno.ENOENT, lambda m, p: p["object"] is None)
_REMOVE: tuple[Step, ...] = (_NO_ENTRY, May("parent", _WX), _sticky)


def _making(name: str, *before: Step) -> tuple[Step, ...]:
    return (_EXISTS, May("parent", _WX), *before, hook(name, "parent", "new", "fs"))


def _may_create_in_sticky(m: Mediator, p: P) -> None:
    """fs/namei.c, may_create_in_sticky, with fs.protected_regular and protected_fifos 0: no O_CREAT on somebody else's
    device, socket or link in a sticky directory that all may write to."""
    obj: Obj = p["object"]
    if not p["flags"] & os.O_CREAT or stat.S_ISREG(obj.mode) or stat.S_ISFIFO(obj.mode):
        return
    if stat.S_ISLNK(obj.mode) and not p["flags"] & os.O_NOFOLLOW:
        return
    parent: Obj | None = p["parent"]
    if parent is None or parent.mode & (stat.S_ISVTX | stat.S_IWOTH) != stat.S_ISVTX | stat.S_IWOTH:
        return
    if obj.uid not in (parent.uid, m.subject.uid):
        m.refuse_dac(obj, ("create",), hook="may_create_in_sticky")


# What `open` asks of an inode that is there, by its kind (fs/namei.c, may_open).
_MAY_OPEN: tuple[Step, ...] = (
    Refuse(errno.EISDIR, lambda m, p: p["object"].is_dir and bool(p["flags"] & os.O_CREAT)),
    _may_create_in_sticky,
    Refuse(errno.ENOTDIR, lambda m, p: bool(p["flags"] & os.O_DIRECTORY) and not p["object"].is_dir),
    Refuse(errno.ELOOP, lambda m, p: stat.S_ISLNK(p["object"].mode)),
    Refuse(errno.EISDIR, lambda m, p: p["object"].is_dir and bool(dac.access_mask(p["flags"]) & MAY_WRITE)),
)
_FIFO_FLAGS = os.O_ACCMODE | os.O_NONBLOCK
# Who may open a socket learns that it cannot be opened (fs/inode.c, no_open); so does the writer of a fifo that will
# not wait for a reader (fs/pipe.c, fifo_open). What fifos and devices do else is their own client's business.
_NO_OPEN = Refuse(
    errno.ENXIO,
    lambda m, p: (
        stat.S_ISSOCK(p["object"].mode)
        or (
            stat.S_ISFIFO(p["object"].mode)
            and p["flags"] & _FIFO_FLAGS == os.O_WRONLY | os.O_NONBLOCK
            and not p.get("readers")
        )
    ),
)
# A fifo is opened for one end or for both (fs/pipe.c, fifo_open).
_NO_END = Refuse(
    errno.EINVAL, lambda m, p: stat.S_ISFIFO(p["object"].mode) and p["flags"] & os.O_ACCMODE == os.O_ACCMODE
)  # fmt: skip

OPS: dict[str, tuple[Step, ...]] = {
    # a path component, and the last one before the operation itself
    "lookup": (Refuse(errno.ENOTDIR, _not_dir("parent")), May("parent", MAY_EXEC)),
    "mount": (hook("sb_kern_mount", "fs"),),
    "statfs": (hook("sb_statfs", "fs"),),
    # new objects
    "create": _making("inode_create"),
    "mkdir": _making("inode_mkdir"),
    "symlink": _making("inode_symlink"),
    "mknod": (_EXISTS, May("parent", _WX), _mknod_capability, hook("inode_mknod", "parent", "new", "fs")),
    "mknod_regular": _making("inode_create"),
    "open_new": (hook("file_open", "object", "mask"),),
    "open": (
        *_MAY_OPEN,
        May("object", dac.access_mask),
        _appends,
        _noatime,
        hook("file_open", "object", "mask"),
        _NO_OPEN,
        _NO_END,
    ),
    # fs/namei.c, do_tmpfile: the directory, then the file as it is opened; nothing is named, so nothing is added.
    "tmpfile": (Refuse(errno.ENOTDIR, _not_dir("directory")), May("directory", _WX)),
    # fs/namei.c, do_o_path: whatever there is, links too if they are not to be followed.
    "open_path": (
        Refuse(errno.ENOTDIR, lambda m, p: bool(p["flags"] & os.O_DIRECTORY) and not p["object"].is_dir),
        Refuse(errno.ELOOP, lambda m, p: stat.S_ISLNK(p["object"].mode) and not p["flags"] & os.O_NOFOLLOW),
    ),
    # names
    "link": (
        _EXISTS,
        _protected_hardlink,
        May("parent", _WX),
        _fixed("append_only", "immutable"),
        Refuse(errno.EPERM, _is_dir("object")),
        hook("inode_link", "object", "parent"),
    ),
    "unlink": (*_REMOVE, Refuse(errno.EISDIR, _is_dir("object")), hook("inode_unlink", "parent", "object")),
    "rmdir": (
        *_REMOVE,
        Refuse(errno.ENOTDIR, _not_dir("object")),
        hook("inode_rmdir", "parent", "object"),
        Refuse(errno.ENOTEMPTY, lambda m, p: p["entries"] > 0),
    ),
    "rename": (
        *_REMOVE,
        _may_replace,
        _moved_dir,
        hook("inode_rename", "parent", "object", "newparent", "target"),
        Refuse(errno.ENOTEMPTY, lambda m, p: p["entries"] > 0),
    ),
    # The hook is called for both ways, the way back first (security/security.c, security_inode_rename).
    "exchange": (
        *_REMOVE,
        _may_swap,
        hook("inode_rename", "newparent", "target", "parent", "object"),
        hook("inode_rename", "parent", "object", "newparent", "target"),
    ),
    "readlink": (
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISLNK(p["object"].mode)),
        hook("inode_readlink", "object"),
    ),
    # what may be done (fs/open.c, do_faccessat and chdir)
    "access": (_access,),
    "chdir": (Refuse(errno.ENOTDIR, _not_dir("object")), May("object", MAY_EXEC)),
    # attributes
    "getattr": (hook("inode_getattr", "object"),),
    "setattr": (_may_setattr, hook("inode_setattr", "object", "attrs"), _fixed("immutable"), _setattr_prepare),
    "truncate": (
        Refuse(errno.EISDIR, _is_dir("object")),
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISREG(p["object"].mode)),
        May("object", MAY_WRITE),
        _fixed("append_only"),
        hook("inode_setattr", "object", "attrs"),
    ),
    "ftruncate": (
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISREG(p["object"].mode)),
        _fixed("append_only"),
        hook("inode_setattr", "object", "attrs"),
        _fixed("immutable"),
    ),
    # extended attributes
    "getxattr": (_xattr_permission(MAY_READ), _listed("inode_get_acl", "inode_getxattr", "object", "name")),
    "listxattr": (hook("inode_listxattr", "object"),),
    "setxattr": (
        _xattr_permission(MAY_WRITE),
        _listed("inode_set_acl", "inode_setxattr", "object", "name", "value", also=("fs",)),
    ),
    "removexattr": (_xattr_permission(MAY_WRITE), _listed("inode_remove_acl", "inode_removexattr", "object", "name")),
    # an open file
    "flock": (_OPENED_FOR, hook("file_lock", "object", "cmd")),
    "setlk": (_fcntl(F_SETLK), _OPENED_FOR, hook("file_lock", "object", "cmd")),
    "getlk": (_fcntl(F_GETLK),),
    "setfl": (_fcntl(F_SETFL), _setfl_noatime),
    # fs/locks.c, fcntl_setlease and vfs_setlease
    "setlease": (
        _fcntl(F_SETLEASE),
        Refuse(errno.EINVAL, lambda m, p: p["cmd"] not in (F_RDLCK, F_WRLCK, F_UNLCK)),
        _leaser,
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISREG(p["object"].mode)),
        hook("file_lock", "object", "cmd"),
    ),
    "getlease": (_fcntl(F_GETLEASE),),
    "owner": (_fcntl(),),
    "ioctl": (hook("file_ioctl", "object", "cmd"),),
    "mmap": (hook("mmap_file", "object", "prot", "shared"), _mappable),
    # mm/mprotect.c, do_mprotect_pkey: what the mapping may become is settled before the hook; mm/mmap.c asks it first.
    "mprotect": (_mappable, hook("file_mprotect", "object", "prot", "shared", "dirtied")),
    # fs/notify/inotify/inotify_user.c, inotify_find_inode; fs/notify/fanotify/fanotify_user.c, fanotify_find_path
    "watch": (_fanotify, May("object", MAY_READ), hook("path_notify", "object", "mask", "mark", "fs")),
    "file": (hook("file_permission", "object", "mask", "opened"),),
}
