"""open(2) of what is new and of what is there (fs/namei.c, do_open and may_open)."""

from __future__ import annotations

import errno
import os
import stat

from lsm import dac
from lsm.framework import Mediator
from lsm.hooks import MAY_EXEC, MAY_WRITE
from lsm.objects import Obj
from lsm.vfs.steps import May, P, Refuse, Step, hook, not_dir


def _appends(m: Mediator, p: P) -> None:
    """fs/namei.c, may_open: what may only be appended to."""
    flags = p["flags"]
    overwrites = flags & os.O_TRUNC or (flags & os.O_ACCMODE != os.O_RDONLY and not flags & os.O_APPEND)
    if p["object"].append_only and overwrites:
        m.refuse_dac(p["object"], ("write",), errno.EPERM, "may_open")


def _noatime(m: Mediator, p: P) -> None:
    """fs/namei.c, may_open: O_NOATIME is the owner's."""
    if p["flags"] & os.O_NOATIME and not dac.owner_or_capable(m, p["object"]):
        m.refuse_dac(p["object"], ("noatime",), errno.EPERM, "may_open")


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

# Only what is on disks can be read past the page cache (fs/open.c, do_dentry_open).
_NO_DIRECT = Refuse(
    errno.EINVAL,
    lambda m, p: (
        bool(p["flags"] & os.O_DIRECT) and not (stat.S_ISREG(p["object"].mode) or stat.S_ISBLK(p["object"].mode))
    ),
)

OPS: dict[str, tuple[Step, ...]] = {
    "open_new": (hook("file_open", "object", "mask"),),
    "open": (
        *_MAY_OPEN,
        May("object", dac.access_mask),
        _appends,
        _noatime,
        hook("file_open", "object", "mask"),
        _NO_OPEN,
        _NO_END,
        _NO_DIRECT,
    ),
    # fs/namei.c, do_tmpfile: the directory, then the file as it is opened; nothing is named, so nothing is added.
    "tmpfile": (Refuse(errno.ENOTDIR, not_dir("directory")), May("directory", MAY_WRITE | MAY_EXEC)),
    # fs/namei.c, do_o_path: whatever there is, links too if they are not to be followed.
    "open_path": (
        Refuse(errno.ENOTDIR, lambda m, p: bool(p["flags"] & os.O_DIRECTORY) and not p["object"].is_dir),
        Refuse(errno.ELOOP, lambda m, p: stat.S_ISLNK(p["object"].mode) and not p["flags"] & os.O_NOFOLLOW),
    ),
}
