"""DAC: who may do what to an inode by its owner, mode bits and access control list, and what overrides that.

No module: VFS steps between the hooks (fs/namei.c, fs/inode.c). MAY_* are those of lsm/hooks.py.
"""

from __future__ import annotations

import errno
import os
import stat

from lsm import acl
from lsm.framework import Mediator
from lsm.hooks import MAY_APPEND, MAY_EXEC, MAY_READ, MAY_WRITE
from lsm.modules.capability import NUMBER
from lsm.objects import Obj


def permission(m: Mediator, obj: Obj, mask: int) -> None:
    """fs/namei.c, inode_permission: what nobody may write to, mode bits, then the hook. `mask` of MAY_*."""
    if mask & MAY_WRITE and obj.immutable:
        m.refuse_dac(obj, ("write",), errno.EPERM, "inode_permission")
    if not dac_allows(m, obj, mask):
        m.refuse_dac(obj, words(mask), hook="inode_permission")
    m.check("inode_permission", obj, mask)


def dac_allows(m: Mediator, obj: Obj, mask: int) -> bool:
    """fs/namei.c, generic_permission: the one class of mode bits that applies, or the access control list, else DAC
    capabilities."""
    wanted = mask & (MAY_READ | MAY_WRITE | MAY_EXEC)
    if obj.uid == m.subject.uid:
        granted = obj.mode >> 6
    elif obj.acl and obj.mode & stat.S_IRWXG:
        listed = acl.allows(acl.parse(obj.acl), m.subject, obj.uid, obj.gid, wanted)
        granted = wanted if listed else 0
    elif m.subject.in_group(obj.gid):
        granted = obj.mode >> 3
    else:
        granted = obj.mode
    if not wanted & ~granted & 7:
        return True
    read_search, override = NUMBER["dac_read_search"], NUMBER["dac_override"]
    if obj.is_dir:
        return (not wanted & MAY_WRITE and m.capable(read_search)) or m.capable(override)
    if wanted == MAY_READ and m.capable(read_search):
        return True
    executable = bool(obj.mode & 0o111)
    return (not wanted & MAY_EXEC or executable) and m.capable(override)


def owner_or_capable(m: Mediator, obj: Obj) -> bool:
    """fs/inode.c, inode_owner_or_capable."""
    return m.subject.uid == obj.uid or m.capable(NUMBER["fowner"])


def may_set_gid(m: Mediator, gid: int) -> bool:
    """Whether a set-gid bit is the subject's to give (fs/inode.c, in_group_or_capable)."""
    return m.subject.in_group(gid) or m.capable(NUMBER["fsetid"])


def copied_mode(m: Mediator, obj: Obj, mode: int, gid: int) -> int:
    """What becomes of a new `mode` in the end: a set-gid bit stays if it is the subject's to give, which is asked
    whatever the mode is, and once more for an access control list (fs/attr.c, setattr_copy; fs/posix_acl.c,
    posix_acl_update_mode)."""
    for _ in range(2 if obj.acl else 1):
        if not may_set_gid(m, gid):
            mode &= ~stat.S_ISGID
    return mode


def lost_with_owner(m: Mediator, obj: Obj) -> int:
    """The set-id bits that a change of owner takes, whoever makes it; of a directory none (fs/attr.c,
    setattr_should_drop_sgid; fs/open.c, chown_common)."""
    if obj.is_dir:
        return 0
    stays = not obj.mode & stat.S_ISGID or (not obj.mode & stat.S_IXGRP and may_set_gid(m, obj.gid))
    return obj.mode & (stat.S_ISUID if stays else stat.S_ISUID | stat.S_ISGID)


def lost_with_content(m: Mediator, obj: Obj) -> int:
    """The set-id bits that a change of content takes, but for CAP_FSETID, which is asked where there are any to take
    (fs/attr.c, setattr_should_drop_suidgid)."""
    bits = lost_with_owner(m, obj)
    return 0 if not bits or m.capable(NUMBER["fsetid"]) else bits


def sticky(m: Mediator, parent: Obj, obj: Obj) -> bool:
    """fs/namei.c, check_sticky: whether the sticky bit of `parent` keeps the subject from removing `obj`."""
    if not parent.mode & stat.S_ISVTX or m.subject.uid in (obj.uid, parent.uid):
        return False
    return not m.capable(NUMBER["fowner"])


def access_mask(flags: int) -> int:
    """MAY_* of open flags, as fs/open.c, build_open_flags: O_TRUNC implies write, O_APPEND narrows it."""
    mode = flags & os.O_ACCMODE
    mask = {os.O_RDONLY: MAY_READ, os.O_WRONLY: MAY_WRITE}.get(mode, MAY_READ | MAY_WRITE)
    if flags & os.O_TRUNC:
        mask |= MAY_WRITE
    return mask | MAY_APPEND if flags & os.O_APPEND else mask


def file_mask(flags: int) -> int:
    """MAY_* of an open file, by its mode alone (security/selinux/hooks.c, file_to_av): O_TRUNC adds nothing.

    The access mode 3 is asked for as read and write, and then may do neither (fs.h, OPEN_FMODE): no bit.
    """
    return 0 if flags & os.O_ACCMODE == os.O_ACCMODE else access_mask(flags & ~os.O_TRUNC)


def words(mask: int) -> tuple[str, ...]:
    """MAY_* as permissions."""
    names = {MAY_READ: "read", MAY_WRITE: "write", MAY_EXEC: "execute"}
    return tuple(word for bit, word in names.items() if mask & bit)
