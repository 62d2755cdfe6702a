"""Operations by the rpcs that they send: those that send one only, and which sends which first; a place for each."""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from harness.suites.sites import LABEL, Site
from harness.tasks import Fd, Task
from labelproof.v1 import mds_pb2, oss_pb2


@dataclass(frozen=True, slots=True)
class Costs:
    """An operation, and how many rpcs it may send besides the walk to its directories and the close: what Lustre sends
    for it uncached. It tells an operation by its name where it can, and looks up first what it has to name by FID."""

    act: Callable[[Task, str], object]
    rpcs: int = 1


CALLS = {
    "stat": Costs(lambda task, path: task.lstat(path)),
    "stat-followed": Costs(lambda task, path: task.stat(path)),
    "touch": Costs(lambda task, path: task.close(task.open(f"{path}-new", os.O_CREAT | os.O_EXCL | os.O_WRONLY))),
    "cat": Costs(lambda task, path: task.close(task.open(path))),
    "overwrite": Costs(lambda task, path: task.close(task.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY))),
    "truncate": Costs(lambda task, path: task.truncate(path, 0), 2),
    "chmod": Costs(lambda task, path: task.chmod(path, 0o600), 2),
    "getfattr": Costs(lambda task, path: task.listxattr(path), 2),
    "rename": Costs(lambda task, path: task.rename(path, f"{path}-renamed")),
    "link": Costs(lambda task, path: task.link(path, f"{path}-linked"), 2),
    "unlink": Costs(lambda task, path: task.unlink(path)),
    "mkdir": Costs(lambda task, path: task.mkdir(f"{path}-dir")),
    "mkfifo": Costs(lambda task, path: task.mknod(f"{path}-fifo", stat.S_IFIFO | 0o600)),
    "symlink": Costs(lambda task, path: task.symlink(path, f"{path}-symlink")),
    "ls": Costs(lambda task, path: task.readdir(path.rpartition("/")[0]), 2),
}


@dataclass(frozen=True, slots=True)
class Laid:
    """What the other client has open: a file and a directory."""

    file: Fd
    folder: Fd


# rpc -> what a task does that sends it first, the directories on the way being known: {p} lies in the root directory,
# {at} is open there
RPCS: dict[str, Callable[[Task, str, Laid], object]] = {
    "Mds/Lookup": lambda task, path, at: task.access(path, os.R_OK),
    "Mds/Access": lambda task, path, at: task.access(at.file, os.R_OK),
    "Mds/Getattr": lambda task, path, at: task.fstat(at.file),
    "Mds/Setattr": lambda task, path, at: task.chmod(at.file, 0o600),
    "Mds/Open": lambda task, path, at: task.open(path, os.O_RDWR),
    "Mds/Mkdir": lambda task, path, at: task.mkdir(f"{path}-new"),
    "Mds/Mknod": lambda task, path, at: task.mknod(f"{path}-new", stat.S_IFIFO | 0o600),
    "Mds/Symlink": lambda task, path, at: task.symlink("elsewhere", f"{path}-new"),
    "Mds/Link": lambda task, path, at: task.linkfd(at.file, f"{path}-linked"),
    "Mds/Readdir": lambda task, path, at: task.readdir(at.folder),
    "Mds/Readlink": lambda task, path, at: task.readlink(f"{path}-symlink"),
    "Mds/Unlink": lambda task, path, at: task.unlink(path),
    "Mds/Rmdir": lambda task, path, at: task.rmdir(f"{path}-dir"),
    "Mds/Rename": lambda task, path, at: task.rename(path, f"{path}-new"),
    "Mds/Getxattr": lambda task, path, at: task.getxattr(at.file, LABEL),
    "Mds/Setxattr": lambda task, path, at: task.setxattr(at.file, "user.n", b"n"),
    "Mds/Removexattr": lambda task, path, at: task.removexattr(at.file, "user.kept"),
    "Mds/Listxattr": lambda task, path, at: task.listxattr(at.file),
    "Mds/Statfs": lambda task, path, at: task.statfs("/"),
    "Mds/Lock": lambda task, path, at: task.flock(at.file, fcntl.LOCK_EX | fcntl.LOCK_NB),
    "Mds/Fcntl": lambda task, path, at: task.fcntl(at.file, fcntl.F_SETFL, os.O_APPEND),
    "Mds/Ioctl": lambda task, path, at: task.ioctl(at.file, 0x541B),  # FIONREAD
    "Mds/Mmap": lambda task, path, at: task.mmap(at.file, mmap.PROT_READ),
    "Mds/Watch": lambda task, path, at: task.watch("/", 0x100),  # IN_CREATE
    "Oss/Read": lambda task, path, at: task.pread(at.file, 4, 0),
    "Oss/Write": lambda task, path, at: task.pwrite(at.file, b"more", 0),
    "Oss/Seek": lambda task, path, at: task.lseek(at.file, 0, os.SEEK_DATA),
    "Oss/Fallocate": lambda task, path, at: task.fallocate(at.file, 0, 0, 4096),
}
# What a mount does, what only an open file's own end does, and what servers send one another.
OTHER_RPCS = frozenset({
    "Mds/Connect", "Mds/GetRoot", "Mds/Close", "Oss/Connect", "Oss/SetLabel", "Oss/Setattr",
    "Oss/Punch", "Oss/Glimpse", "Oss/Destroy",
})  # fmt: skip


METHODS = sorted(
    {
        f"{service.name}/{method.name}"
        for file in (mds_pb2, oss_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    - OTHER_RPCS
)


def laid(site: Site, path: str) -> Laid:
    """A file with an attribute, a directory and a link at `path`; file and directory opened by the other client."""
    fd = site.other.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    site.other.pwrite(fd, b"data", 0)
    site.other.setxattr(fd, "user.kept", b"kept")
    site.other.mkdir(f"{path}-dir", 0o755)
    site.other.symlink("elsewhere", f"{path}-symlink")
    return Laid(fd, site.other.open(f"{path}-dir", os.O_RDONLY | os.O_DIRECTORY))


# What is laid out beside a path, and what the operations make there.
_ENDS = ("", "-dir", "-symlink", "-new", "-linked")


def picture(site: Site, path: str) -> list[object]:
    """What there is of a place, with data and attributes; looking changes nothing, the times neither."""
    here = {end: _identity(site.admin, path + end) for end in _ENDS}
    data = site.admin.open(path, os.O_RDONLY | os.O_NOATIME)
    try:
        return [here, site.admin.fstat(data), site.admin.pread(data, 9, 0), site.admin.listxattr(data)]
    finally:
        site.admin.close(data)


def _identity(task: Task, path: str) -> tuple[str, str | None] | None:
    """FID and label; None where nothing is."""
    try:
        found = task.lstat(path)
    except FileNotFoundError:
        return None
    return found.fid, found.labels[LABEL]
