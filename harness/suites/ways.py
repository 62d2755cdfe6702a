"""Every way to make an object: of which class, how it is done, and what the kernel asks for it.

A socket bound to a path is made as by mknod (net/unix/af_unix.c, unix_bind_bsd); a directory entry for an object that
is there already, as by link or a plain rename, makes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from harness.tasks import Fd, Task

_WHITEOUT = 4  # include/uapi/linux/fs.h, RENAME_WHITEOUT
ASIDE = ".aside"


@dataclass(frozen=True, slots=True)
class Way:
    """`make` answers the open file, if it leaves one. `directory` is asked of the directory, `then` of the new object
    once it is there, so that its denial leaves the object behind; `moves`: what was there makes room for the new one.

    `named`: rules for file names apply. `created`: `create` and `associate` are asked, and `mknod` for a device.
    """

    tclass: str
    make: Callable[[Task, str], Fd | None]
    directory: tuple[str, ...] = ("search", "write", "add_name")
    then: tuple[str, ...] = ()
    named: bool = True
    created: bool = True
    moves: bool = False


def _opening(flags: int, *then: str) -> Way:
    def make(task: Task, path: str) -> Fd:
        return task.open(path, os.O_CREAT | flags, 0o644)

    return Way("file", make, then=("open", *then))


def _special(tclass: str, kind: int, rdev: int = 0) -> Way:
    return Way(tclass, lambda task, path: _nothing(task.mknod(path, kind | 0o644, rdev)))


def _tmpfile(task: Task, path: str) -> Fd:
    fd = task.open(path.rpartition("/")[0], os.O_TMPFILE | os.O_RDWR, 0o644)
    task.linkfd(fd, path)
    return fd


def _whiteout(task: Task, path: str) -> None:
    task.rename(path, path + ASIDE, _WHITEOUT)


def _nothing(_made: object) -> None:
    """What the call answers is not an open file."""


_NULL = os.makedev(1, 3)
WAYS = {
    "open": _opening(os.O_RDWR, "read", "write"),
    "open-exclusive": _opening(os.O_EXCL | os.O_WRONLY, "write"),
    "open-truncate": _opening(os.O_TRUNC | os.O_WRONLY, "write"),
    "open-append": _opening(os.O_APPEND | os.O_WRONLY, "append"),
    # A file without a name is asked nothing but to be opened; its name comes by a link (fs/namei.c, do_tmpfile).
    "tmpfile": Way("file", _tmpfile, then=("open", "read", "write", "link"), named=False, created=False),
    "mknod-file": _special("file", stat.S_IFREG),
    "mkdir": Way("dir", lambda task, path: _nothing(task.mkdir(path, 0o755))),
    "symlink": Way("lnk_file", lambda task, path: _nothing(task.symlink("elsewhere", path))),
    "mknod-fifo": _special("fifo_file", stat.S_IFIFO),
    "mknod-socket": _special("sock_file", stat.S_IFSOCK),
    "mknod-character": _special("chr_file", stat.S_IFCHR, _NULL),
    "mknod-block": _special("blk_file", stat.S_IFBLK, _NULL),
    # Nothing is asked for the device that a rename leaves behind (fs/namei.c, vfs_rename; xfs 70b589a37e1a).
    "whiteout": Way(
        "chr_file", _whiteout, ("search", "write", "add_name", "remove_name"), created=False, moves=True
    ),
}  # fmt: skip
