"""Fifos: their bytes pass between tasks of one node, as on any network filesystem; a server has but their names.

As a pipe of fs/pipe.c, sixteen pages. An open waits for the other end, but for O_NONBLOCK and O_RDWR.
"""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from client.device import Device
from lsm import Fid
from lsm.hooks import MAY_READ, MAY_WRITE

if TYPE_CHECKING:
    from client.file import OpenFile

PAGE_BYTES, PAGES_MAX = 4096, 16


@dataclass(slots=True)
class Page:
    """Some bytes, and how many of them were read. To those of a file that was sent none are added
    (PIPE_BUF_FLAG_CAN_MERGE)."""

    data: bytes
    done: int = 0
    merges: bool = True


class Pipe:
    """One fifo that is open: what was written and not read yet, page by page, and how many have which end.

    Who waits for the other end has its own already. `r_counter` and `w_counter` tell how often which end was opened, so
    that one that is closed again has been there all the same.
    """

    def __init__(self) -> None:
        self.readers = self.writers = 0
        self.r_counter = self.w_counter = 0
        self._pages: list[Page] = []
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def room(self) -> int:
        """How many pages it still takes."""
        return PAGES_MAX - len(self._pages)

    @property
    def unread(self) -> int:
        return sum(len(page.data) - page.done for page in self._pages)

    def take(self, length: int) -> bytes:
        """Up to that many of the bytes, oldest first."""
        taken = bytearray()
        while self._pages and len(taken) < length:
            page = self._pages[0]
            part = page.data[page.done : page.done + length - len(taken)]
            taken += part
            page.done += len(part)
            if page.done == len(page.data):
                del self._pages[0]
        self.wake()
        return bytes(taken)

    def merge(self, data: bytes) -> bytes:
        """Into the last page what is more than whole ones, if it has the room; the rest (fs/pipe.c, pipe_write)."""
        more = len(data) % PAGE_BYTES
        last = self._pages[-1] if self._pages else None
        if not more or last is None or not last.merges or len(last.data) + more > PAGE_BYTES:
            return data
        last.data += data[:more]
        return data[more:]

    def add(self, data: bytes) -> bytes:
        """As many pages more as there is room for; the rest."""
        while data and self.room:
            self._pages.append(Page(data[:PAGE_BYTES]))
            data = data[PAGE_BYTES:]
        self.wake()
        return data

    def splice(self, data: bytes, at: int) -> int:
        """As many pages of a file as there is room for, each as it lies in the file, where `data` begins `at`; how many
        bytes."""
        sent = 0
        while sent < len(data) and self.room:
            part = data[sent : sent + PAGE_BYTES - (at + sent) % PAGE_BYTES]
            self._pages.append(Page(part, merges=False))
            sent += len(part)
        self.wake()
        return sent

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


class End(Device):
    """What one open file has of a pipe."""

    def __init__(self, pipes: Pipes, fid: Fid, pipe: Pipe, file: OpenFile) -> None:
        self._pipes, self._fid, self.pipe, self._file = pipes, fid, pipe, file
        self._reads, self._writes = file.grants(MAY_READ), file.grants(MAY_WRITE)
        self._closed = False
        pipe.readers += self._reads
        pipe.r_counter += self._reads
        pipe.writers += self._writes
        pipe.w_counter += self._writes
        pipe.wake()

    async def partner(self) -> None:
        """Waits, unless with O_NONBLOCK, until somebody opens the other end, if nobody has it (fs/pipe.c,
        wait_for_partner). EINTR."""
        if self._file.flags & os.O_NONBLOCK or (self.pipe.readers and self.pipe.writers):
            return
        before = self._partners
        while self._partners == before:
            await self._changed()

    @property
    def _partners(self) -> int:
        """How often the other end was opened."""
        return self.pipe.w_counter if self._reads else self.pipe.r_counter

    async def read(self, at: int, length: int) -> bytes:
        """Empty when nobody writes any more. EAGAIN with O_NONBLOCK."""
        while length and not self.pipe.unread and self.pipe.writers:
            await self._wait()
        return self.pipe.take(length)

    async def write(self, at: int, data: bytes) -> int:
        """EPIPE when nobody reads any more; with O_NONBLOCK what there is room for, EAGAIN if for none."""
        left = data
        while left:
            if len(left) < len(data) and not self.pipe.readers:
                break
            self._check_readers()
            left = self.pipe.add(self.pipe.merge(left) if left is data else left)
            if left and self._file.flags & os.O_NONBLOCK and len(left) < len(data):
                break
            if left:
                await self._wait()
        return len(data) - len(left)

    async def room(self) -> int:
        """Waits for some; how many pages of it there are (fs/splice.c, wait_for_space). Errors as write."""
        self._check_readers()
        while not self.pipe.room:
            await self._wait()
            self._check_readers()
        return self.pipe.room

    def seek(self, pos: int, offset: int, whence: int) -> int:
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def close(self) -> None:
        """The last one takes what was not read with it."""
        self._closed = True
        self.pipe.readers -= self._reads
        self.pipe.writers -= self._writes
        self.pipe.wake()
        self._pipes.closed(self._fid, self.pipe)

    def _check_readers(self) -> None:
        """EPIPE where nobody reads."""
        if not self.pipe.readers:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    async def _wait(self) -> None:
        if self._file.flags & os.O_NONBLOCK:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        await self._changed()

    async def _changed(self) -> None:
        """EINTR for who has to wait no longer."""
        if not self._pipes.stopped:
            await self.pipe.changed()
        if self._closed or self._pipes.stopped:
            raise InterruptedError(errno.EINTR, f"the {'task' if self._closed else 'node'} is gone")


class Pipes:
    """Those of one node, by fifo."""

    def __init__(self) -> None:
        self.stopped = False
        self._open: dict[Fid, Pipe] = {}

    def stop(self) -> None:
        """Nobody waits any more."""
        self.stopped = True
        for pipe in self._open.values():
            pipe.wake()

    def opened(self, file: OpenFile) -> End:
        """An end, whose `partner` is still to be waited for. ENXIO to who would write with O_NONBLOCK and has no reader
        on this node (fs/pipe.c, fifo_open)."""
        fid = file.entry.fid
        pipe = self._open.setdefault(fid, Pipe())
        if file.flags & os.O_NONBLOCK and not file.grants(MAY_READ) and not pipe.readers:
            self.closed(fid, pipe)
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return End(self, fid, pipe, file)

    def closed(self, fid: Fid, pipe: Pipe) -> None:
        if not pipe.readers and not pipe.writers:
            self._open.pop(fid, None)
