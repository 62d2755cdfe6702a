"""What an open file is asked: bytes, locks, fcntl, ioctl, mmap; and watches, which need no open file."""

from __future__ import annotations

import errno
import os
import stat

from lsm import dac
from lsm.framework import Mediator
from lsm.hooks import (
    F_GETFL,
    F_GETLEASE,
    F_GETLK,
    F_SETFL,
    F_SETLEASE,
    F_SETLK,
    FAN_PERM,
    MAY_READ,
    MAY_WRITE,
    Mark,
)
from lsm.modules.capability import NUMBER
from lsm.vfs.steps import May, P, Refuse, Step, hook, needs

# include/uapi/asm-generic/fcntl.h
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
# include/uapi/asm-generic/mman-common.h
PROT_WRITE = 2


def _fcntl(cmd: int | None = None) -> Step:
    """The hook for a command; for the one that `p` names, where none is given."""

    def step(m: Mediator, p: P) -> None:
        m.check("file_fcntl", p["object"], p["cmd"] if cmd is None else cmd, p.get("drops_append", False))

    return step


def _leaser(m: Mediator, p: P) -> None:
    """fs/locks.c, vfs_setlease: a lease is the owner's to set, or CAP_LEASE's."""
    if m.subject.uid != p["object"].uid and not m.capable(NUMBER["lease"]):
        m.refuse_dac(p["object"], ("lease",), errno.EACCES, "vfs_setlease")


def _setfl_append(m: Mediator, p: P) -> None:
    """fs/fcntl.c, setfl: what may only be appended to stays open as it is."""
    if p["object"].append_only and p.get("turns_append"):
        m.refuse_dac(p["object"], ("write",), errno.EPERM, "setfl")


def _setfl_noatime(m: Mediator, p: P) -> None:
    """fs/fcntl.c, setfl: O_NOATIME is the owner's to set."""
    if p["flags"] & os.O_NOATIME and not dac.owner_or_capable(m, p["object"]):
        m.refuse_dac(p["object"], ("noatime",), errno.EPERM, "setfl")


def _fanotify(m: Mediator, p: P) -> None:
    """fanotify_init: who has no CAP_SYS_ADMIN may watch single objects only, and let nothing wait for an answer."""
    if p["mark"] != Mark.INODE or p["mask"] & FAN_PERM:
        needs("sys_admin")(m, p)


def _mappable(m: Mediator, p: P) -> None:
    """mm/mmap.c, do_mmap: only what was opened for reading, and shared to write only if for writing. After the hook."""
    shared_write = p["shared"] and p["prot"] & PROT_WRITE and not p["mask"] & MAY_WRITE
    if not p["mask"] & MAY_READ or shared_write:
        raise PermissionError(errno.EACCES, "the file was not opened for that mapping")
    if not stat.S_ISREG(p["object"].mode):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


_OPENED_FOR = Refuse(errno.EBADF, lambda m, p: not p["opened"])
OPS: dict[str, tuple[Step, ...]] = {
    # an open file
    "flock": (_OPENED_FOR, hook("file_lock", "object", "cmd")),
    "setlk": (_fcntl(F_SETLK), _OPENED_FOR, hook("file_lock", "object", "cmd")),
    "getlk": (_fcntl(F_GETLK),),
    "getfl": (_fcntl(F_GETFL),),
    "setfl": (_fcntl(F_SETFL), _setfl_append, _setfl_noatime),
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
