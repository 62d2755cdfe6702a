"""Devices: a node of the filesystem names a driver of the client's own, as on any network filesystem.

There are drivers for what memory is enough for: the character devices null, zero and full (drivers/char/mem.c), and RAM
disks (drivers/block/brd.c). A node of another number is ENXIO to open (fs/char_dev.c, chrdev_open; block/bdev.c).
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from client.device import Device
from client.pipes import Pipes

if TYPE_CHECKING:
    from client.file import OpenFile

MEM_MAJOR = RAM_MAJOR = 1
NULL, ZERO, FULL = 3, 5, 7
# CONFIG_BLK_DEV_RAM_SIZE and _COUNT as the kernel proposes them.
RAM_BYTES, RAM_COUNT = 4096 << 10, 16


class Mem(Device):
    """null, zero or full: no position is another (null_lseek)."""

    def __init__(self, minor: int) -> None:
        self._minor = minor

    async def read(self, at: int, length: int) -> bytes:
        return b"" if self._minor == NULL else bytes(length)

    async def write(self, at: int, data: bytes) -> int:
        if self._minor == FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    def seek(self, pos: int, offset: int, whence: int) -> int:
        return 0


class Ram(Device):
    """A RAM disk, empty until it is written to."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    async def read(self, at: int, length: int) -> bytes:
        end = min(at + length, RAM_BYTES)
        return bytes(self._bytes[at:end]).ljust(max(0, end - at), b"\0")

    async def write(self, at: int, data: bytes) -> int:
        """block/fops.c, blkdev_write_iter: short at the end, ENOSPC from there on."""
        if at >= RAM_BYTES and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[: RAM_BYTES - at]
        self._bytes.extend(bytes(max(0, at + len(data) - len(self._bytes))))
        self._bytes[at : at + len(data)] = data
        return len(data)

    def moved(self, pos: int, to: int) -> int:
        return to

    def seek(self, pos: int, offset: int, whence: int) -> int:
        """block/fops.c, blkdev_llseek: within the disk, which is all data."""
        if whence in (os.SEEK_DATA, os.SEEK_HOLE):
            if not 0 <= offset < RAM_BYTES:
                raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
            return RAM_BYTES if whence == os.SEEK_HOLE else offset
        to = offset + {os.SEEK_SET: 0, os.SEEK_CUR: pos, os.SEEK_END: RAM_BYTES}[whence]
        if not 0 <= to <= RAM_BYTES:
            raise OSError(errno.EINVAL, f"argument 'offset' leads to {to}")
        return to


class Devices:
    """The drivers of one node, and its fifos."""

    def __init__(self) -> None:
        self._disks: dict[int, Ram] = {}
        self._pipes = Pipes()

    def stop(self) -> None:
        """Nobody waits for another task any more."""
        self._pipes.stop()

    def opened(self, file: OpenFile, number: int) -> Device | None:
        """What is behind a node that was opened, if it is a fifo or a device of that `number`; ENXIO if there is no
        driver."""
        mode, major, minor = file.entry.mode, os.major(number), os.minor(number)
        if stat.S_ISFIFO(mode):
            return self._pipes.opened(file)
        if stat.S_ISCHR(mode) and major == MEM_MAJOR and minor in (NULL, ZERO, FULL):
            return Mem(minor)
        if stat.S_ISBLK(mode) and major == RAM_MAJOR and minor < RAM_COUNT:
            return self._disks.setdefault(minor, Ram())
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.ENXIO, f"no driver for the device {major}:{minor}")
        return None
