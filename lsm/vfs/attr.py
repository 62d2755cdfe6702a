"""Attributes and extended attributes (fs/attr.c, fs/open.c, fs/xattr.c)."""

from __future__ import annotations

import errno
import os
import stat

from lsm import acl, dac
from lsm.framework import Mediator
from lsm.hooks import MAY_ACCESS, MAY_EXEC, MAY_READ, MAY_WRITE
from lsm.modules.capability import NUMBER
from lsm.objects import Obj
from lsm.vfs.steps import May, P, Refuse, Step, fixed, hook, is_dir, needs, not_dir


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


def _drops_set_id(m: Mediator, p: P) -> None:
    """fs/open.c, do_truncate: which set-id bits go is settled, and CAP_FSETID asked about, before the hook. The store
    works it out, as `drops`."""
    if "drops" in p:
        p["drops"]()


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
            needs("sys_admin", refused)(m, p)
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


def _access(m: Mediator, p: P) -> None:
    dac.permission(m, p["object"], p["mask"] | MAY_ACCESS)


OPS: dict[str, tuple[Step, ...]] = {
    # what may be done (fs/open.c, do_faccessat and chdir)
    "access": (_access,),
    "chdir": (Refuse(errno.ENOTDIR, not_dir("object")), May("object", MAY_EXEC)),
    # attributes; a link that is to be followed is asked nothing (fs/namei.c, step_into)
    "getattr": (
        Refuse(errno.ELOOP, lambda m, p: p.get("follow", False) and stat.S_ISLNK(p["object"].mode)),
        hook("inode_getattr", "object"),
    ),
    "setattr": (_may_setattr, hook("inode_setattr", "object", "attrs"), fixed("immutable"), _setattr_prepare),
    "truncate": (
        Refuse(errno.EISDIR, is_dir("object")),
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISREG(p["object"].mode)),
        May("object", MAY_WRITE),
        fixed("append_only"),
        _drops_set_id,
        hook("inode_setattr", "object", "attrs"),
    ),
    "ftruncate": (
        Refuse(errno.EINVAL, lambda m, p: not stat.S_ISREG(p["object"].mode)),
        fixed("append_only"),
        _drops_set_id,
        hook("inode_setattr", "object", "attrs"),
        fixed("immutable"),
    ),
    # extended attributes
    "getxattr": (_xattr_permission(MAY_READ), _listed("inode_get_acl", "inode_getxattr", "object", "name")),
    "listxattr": (hook("inode_listxattr", "object"),),
    "setxattr": (
        _xattr_permission(MAY_WRITE),
        _listed("inode_set_acl", "inode_setxattr", "object", "name", "value", also=("fs",)),
    ),
    "removexattr": (_xattr_permission(MAY_WRITE), _listed("inode_remove_acl", "inode_removexattr", "object", "name")),
}
