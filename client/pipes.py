"""Fifos: their bytes pass between tasks of one node, as on any network filesystem; a server has but their names.

As a pipe of fs/pipe.c, sixteen pages. An open does not wait for the other end, as if it were with O_NONBLOCK.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING

from lsm import Fid
from lsm.hooks import MAY_READ, MAY_WRITE

if TYPE_CHECKING:
    from client.file import OpenFile

PAGE_BYTES, PAGES_MAX = 4096, 16


class Pipe:
    """One fifo that is open: what was written and not read yet, page by page, and how many have which end."""

    def __init__(self) -> None:
        self.readers = self.writers = 0
        # The bytes of a page, and how many of them were read.
        self._pages: list[tuple[bytearray, int]] = []
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def full(self) -> bool:
        return len(self._pages) >= PAGES_MAX

    @property
    def unread(self) -> int:
        return sum(len(page) - done for page, done in self._pages)

    def take(self, length: int) -> bytes:
        """Up to that many of the bytes, oldest first."""
        taken = bytearray()
        while self._pages and len(taken) < length:
            page, done = self._pages[0]
            part = page[done : done + length - len(taken)]
            taken += part
            self._pages[0] = (page, done + len(part))
            if done + len(part) == len(page):
                del self._pages[0]
        self.wake()
        return bytes(taken)

    def merge(self, data: bytes) -> bytes:
        """Into the last page what is more than whole ones, if it has the room; the rest (fs/pipe.c, pipe_write)."""
        more = len(data) % PAGE_BYTES
        if not (more and self._pages and len(self._pages[-1][0]) + more <= PAGE_BYTES):
            return data
        self._pages[-1][0].extend(data[:more])
        return data[more:]

    def add(self, data: bytes) -> bytes:
        """As many pages more as there is room for; the rest."""
        while data and not self.full:
            self._pages.append((bytearray(data[:PAGE_BYTES]), 0))
            data = data[PAGE_BYTES:]
        self.wake()
        return data

    async def changed(self) -> None:
        """Waits until somebody reads, writes or closes."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)


class End:
    """What one open file has of a pipe; a device, as client/devices.py has them."""

    judged = False

    def __init__(self, pipes: Pipes, fid: Fid, pipe: Pipe, file: OpenFile) -> None:
        self._pipes, self._fid, self.pipe, self._file = pipes, fid, pipe, file
        self._reads, self._writes = file.grants(MAY_READ), file.grants(MAY_WRITE)
        self._closed = False
        pipe.readers += self._reads
        pipe.writers += self._writes
        pipe.wake()

    async def read(self, at: int, length: int) -> bytes:
        """Empty when nobody writes any more. EAGAIN with O_NONBLOCK."""
        while length and not self.pipe.unread and self.pipe.writers:
            await self._wait()
        return self.pipe.take(length)

    async def write(self, at: int, data: bytes) -> int:
        """EPIPE when nobody reads any more; with O_NONBLOCK what there is room for, EAGAIN if for none."""
        left = data
        while left:
            if not self.pipe.readers:
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
            left = self.pipe.add(self.pipe.merge(left) if left is data else left)
            if left and self._file.flags & os.O_NONBLOCK and len(left) < len(data):
                break
            if left:
                await self._wait()
        return len(data) - len(left)

    async def ask(self, mask: int) -> None:
        pass

    def moved(self, pos: int, to: int) -> int:
        return pos

    def seek(self, pos: int, offset: int, whence: int) -> int:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def close(self) -> None:
        """The last one takes what was not read with it."""
        self._closed = True
        self.pipe.readers -= self._reads
        self.pipe.writers -= self._writes
        self.pipe.wake()
        self._pipes.closed(self._fid, self.pipe)

    async def _wait(self) -> None:
        if self._file.flags & os.O_NONBLOCK:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        await self.pipe.changed()
        if self._closed:
            raise InterruptedError(errno.EINTR, "the task is gone")


class Pipes:
    """Those of one node, by fifo."""

    def __init__(self) -> None:
        self._open: dict[Fid, Pipe] = {}

    def opened(self, file: OpenFile) -> End:
        """ENXIO to who would write with O_NONBLOCK and has no reader on this node (fs/pipe.c, fifo_open)."""
        fid = file.entry.fid
        pipe = self._open.setdefault(fid, Pipe())
        if file.flags & os.O_NONBLOCK and not file.grants(MAY_READ) and not pipe.readers:
            self.closed(fid, pipe)
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return End(self, fid, pipe, file)

    def closed(self, fid: Fid, pipe: Pipe) -> None:
        if not pipe.readers and not pipe.writers:
            self._open.pop(fid, None)
