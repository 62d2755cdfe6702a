"""Names: a step of the walk, and what makes, links, moves and removes them (fs/namei.c)."""

from __future__ import annotations

import errno
import os
import stat

from lsm import dac
from lsm.framework import Mediator
from lsm.hooks import MAY_EXEC, MAY_READ, MAY_WRITE
from lsm.objects import Obj
from lsm.vfs.steps import May, P, Refuse, Step, fixed, hook, is_dir, may_go, needs, not_dir

_WX = MAY_WRITE | MAY_EXEC
_EXISTS = Refuse(errno.EEXIST, lambda m, p: p["exists"])
_NO_ENTRY = Refuse(errno.ENOENT, lambda m, p: p["object"] is None)


def _sticky(m: Mediator, p: P) -> None:
    may_go(m, p["parent"], p["object"])


def _mknod_capability(m: Mediator, p: P) -> None:
    """vfs_mknod: character and block devices only, and before the directory is asked anything but write; a whiteout
    (a character device 0:0) is anybody's."""
    new: Obj = p["new"]
    if stat.S_ISBLK(new.mode) or (stat.S_ISCHR(new.mode) and new.rdev):
        needs("mknod")(m, p)


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


def _moved_dir(m: Mediator, p: P) -> None:
    """fs/namei.c, vfs_rename: a directory's `..` changes when it moves, so it must be writable."""
    if p["object"].is_dir and p["parent"].fid != p["newparent"].fid:
        dac.permission(m, p["object"], MAY_WRITE)


def _may_swap(m: Mediator, p: P) -> None:
    """RENAME_EXCHANGE: may_delete on the new side too; then either that is a directory and moves must be writable."""
    dac.permission(m, p["newparent"], MAY_WRITE | MAY_EXEC)
    may_go(m, p["newparent"], p["target"])
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
    may_go(m, p["newparent"], target)
    if obj.is_dir and not target.is_dir:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), target.name)
    if target.is_dir and not obj.is_dir:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target.name)


_REMOVE: tuple[Step, ...] = (_NO_ENTRY, May("parent", _WX), _sticky)


def _making(name: str, *before: Step) -> tuple[Step, ...]:
    return (_EXISTS, May("parent", _WX), *before, hook(name, "parent", "new", "fs"))


OPS: dict[str, tuple[Step, ...]] = {
    # a path component, and the last one before the operation itself
    "lookup": (Refuse(errno.ENOTDIR, not_dir("parent")), May("parent", MAY_EXEC)),
    # new objects
    "create": _making("inode_create"),
    "mkdir": _making("inode_mkdir"),
    "symlink": _making("inode_symlink"),
    "mknod": (_EXISTS, May("parent", _WX), _mknod_capability, hook("inode_mknod", "parent", "new", "fs")),
    "mknod_regular": _making("inode_create"),
    # names
    "link": (
        _EXISTS,
        _protected_hardlink,
        May("parent", _WX),
        fixed("append_only", "immutable"),
        Refuse(errno.EPERM, is_dir("object")),
        hook("inode_link", "object", "parent"),
    ),
    "unlink": (*_REMOVE, Refuse(errno.EISDIR, is_dir("object")), hook("inode_unlink", "parent", "object")),
    "rmdir": (
        *_REMOVE,
        Refuse(errno.ENOTDIR, not_dir("object")),
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
}
