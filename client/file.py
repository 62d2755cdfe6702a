"""An open file of a task."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from client.device import Device
from client.entry import Entry
from client.mount import Mount
from host.stripes import OBJECT_BYTES_MAX
from host.tasks import Task
from labelproof.v1 import mds_pb2 as pb
from lsm.hooks import MAY_READ, MAY_WRITE, Opened
from rpc import Caller

# include/linux/fs.h
OFFSET_MAX = (1 << 63) - 1
# RLIMIT_NOFILE's usual value; 0 to 2 are left to what they always are.
FD_FIRST, FD_MAX = 3, 1024


@dataclass(slots=True)
class OpenFile:
    """What open granted. `token` opens the objects on `osts`; a directory has none. `pos` is the file position."""

    mount: Mount
    opener: Caller
    handle: bytes
    token: bytes
    osts: tuple[str, ...]
    stripe_size: int
    flags: int
    entry: Entry
    opened: Opened
    pos: int = 0
    # One read or write at a time moves `pos` (fs/file.c, fdget_pos); see `positioned`.
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Whether the task may have POSIX locks here, and whether a wait for one was to end.
    locked: bool = False
    interrupted: bool = False
    # When it was last read from, ns of monotonic time; None: not yet, or with O_NOATIME only.
    read_ns: int | None = None
    # Who gets which signal of it: F_OWNER_* and an id (F_SETOWN_EX), who said so, a number (F_SETSIG). Nobody ever
    # gets one.
    owner: tuple[int, int] = (0, 0)
    owned_by: int = 0
    signal: int = 0
    # The way to it from the root, if that is known.
    path: bytes | None = None
    # What a device node stands for.
    device: Device | None = None
    # Its open waits: the descriptor is taken, and nothing yet (fs/file.c, get_unused_fd_flags).
    waits: bool = False

    @property
    def opened_by(self) -> Mapping[str, str]:
        """The labels of who opened it."""
        return self.opener.subject.labels if self.opener.subject else {}

    @property
    def bytes_max(self) -> int:
        """What the file may hold (struct super_block, s_maxbytes); of what has no objects any offset will do."""
        return OBJECT_BYTES_MAX * len(self.osts) if self.osts else OFFSET_MAX

    @property
    def direct(self) -> bool:
        """Whether its bytes can go past the page cache (fs/open.c, FMODE_CAN_ODIRECT)."""
        return stat.S_ISREG(self.entry.mode) or stat.S_ISBLK(self.entry.mode)

    def positioned(self) -> AbstractAsyncContextManager[None]:
        """While its position is used; a fifo has none, so that who waits there is in nobody's way."""
        return nullcontext() if stat.S_ISFIFO(self.entry.mode) else self.moving

    def moved(self, to: int) -> int:
        """The position after bytes up to `to` were read or written."""
        return to if self.device is None else self.device.moved(self.pos, to)

    def accessed(self, now_ns: int) -> None:
        """It was read from (include/linux/fs.h, file_accessed); close tells the server. Of a device its driver would
        tell that, of its own inode."""
        if not self.flags & os.O_NOATIME and self.device is None:
            self.read_ns = now_ns

    def closing(self, now_ns: int) -> pb.CloseRequest:
        """The request that gives it up; what is this node's of it is given up here."""
        if self.device is not None:
            self.device.close()
        age = None if self.read_ns is None else now_ns - self.read_ns
        return pb.CloseRequest(handle=self.handle, read_age_ns=age)

    def require(self, mask: int) -> None:
        """EBADF as `opened_for`, EISDIR for a directory's bytes."""
        self.opened_for(mask)
        if self.entry.is_dir:
            raise IsADirectoryError(errno.EISDIR, "a directory has no bytes; its entries are read by readdir")

    def grants(self, mask: int) -> bool:
        """Whether it was opened for that; the access mode 3 may do neither (fs.h, OPEN_FMODE)."""
        modes = {os.O_RDONLY: MAY_READ, os.O_WRONLY: MAY_WRITE, os.O_RDWR: MAY_READ | MAY_WRITE}
        return not mask & ~modes.get(self.flags & os.O_ACCMODE, 0)

    def opened_for(self, mask: int) -> None:
        """EBADF if the file was not opened for MAY_READ or MAY_WRITE."""
        if not self.grants(mask):
            raise OSError(errno.EBADF, f"the file is not open for {'writing' if mask == MAY_WRITE else 'reading'}")


def opened(task: Task, fd: int, *, path: bool = False) -> OpenFile:
    """The task's open file; EBADF. `path`: one opened with O_PATH will do."""
    found = task.fds.get(fd)
    if not isinstance(found, OpenFile) or found.waits:
        raise OSError(errno.EBADF, f"task {task.id} has no open file {fd}")
    if found.flags & os.O_PATH and not path:
        raise OSError(errno.EBADF, f"file {fd} was opened with O_PATH, which is good for its place only")
    return found


def install(task: Task, file: OpenFile) -> int:
    """The lowest free descriptor, now the file's; EMFILE."""
    for fd in range(FD_FIRST, FD_MAX):
        if fd not in task.fds:
            task.fds[fd] = file
            return fd
    raise OSError(errno.EMFILE, f"task {task.id} has {FD_MAX - FD_FIRST} files open; close some")
