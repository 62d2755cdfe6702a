"""A file's data: reads and writes split over its stripes, all stripes at once."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine, Sequence
from operator import itemgetter
from typing import Any

from client import stripe
from client.file import OFFSET_MAX, OpenFile
from client.mdc import RESENDS
from client.stripe import Run
from host import stripes
from labelproof.v1 import oss_pb2 as pb
from lsm.hooks import MAY_READ, MAY_WRITE
from rpc import Caller, bulk, definite
from rpc.status import failure

# One rpc's data, and one read's or write's (which may be short, as POSIX allows).
RPC_BYTES_MAX = 1 << 20
IO_BYTES_MAX = 1 << 21

WriteRequest = bulk.kind(pb.WriteRequest)


class Osc:
    """Data calls of one task for one open file."""

    def __init__(self, file: OpenFile, caller: Caller) -> None:
        self._file = file
        self._caller = caller
        # Whether a server asked MAC again at a read or write, as label, policy or context have moved since the open.
        self.judged = False

    async def read(self, at: int, length: int) -> bytes:
        """Up to `length` bytes from `at`, holes as zeros; less only at the end of the file, or of IO_BYTES_MAX."""
        length = min(length, IO_BYTES_MAX)
        if not length:
            await self.ask(MAY_READ)
        parts: dict[int, memoryview | bytes] = {}
        sizes: dict[int, int] = {}
        short = False
        for run, reply in await self._each(self._runs(at, length), self._read):
            parts.update(run.scatter(reply.data))
            sizes[run.stripe] = reply.size
            short = short or len(reply.data) < run.length
        whole = b"".join(part for _, part in sorted(parts.items(), key=itemgetter(0)))
        return whole[: max(0, await self._size(sizes, at + length) - at)] if short else whole

    async def write(self, at: int, data: bytes) -> int:
        """Writes up to IO_BYTES_MAX of `data` at `at`; how many. EFBIG past the largest offset (loff_t)."""
        data = data[:IO_BYTES_MAX]
        if not data:
            await self.ask(MAY_WRITE)
        if at + len(data) > OFFSET_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

        def send(run: Run) -> Coroutine[Any, Any, Any]:
            request = WriteRequest(
                token=self._file.token, stripe=run.stripe, offset=run.offset, data=run.gather(data, at)
            )
            return self._send(run.stripe, "write", request)

        await self._each(self._runs(at, len(data)), send)
        return len(data)

    async def ask(self, mask: int) -> None:
        """Whether MAY_READ or MAY_WRITE is still allowed, by an access to no bytes at all (fs/read_write.c,
        rw_verify_area)."""
        if mask == MAY_READ:
            await self._send(0, "read", pb.ReadRequest(token=self._file.token))
        else:
            await self._send(0, "write", WriteRequest(token=self._file.token))

    async def allocate(self, at: int, length: int, *, zero: bool, grow: bool) -> None:
        """Room for a range, or zeros in its place; what an object has of a range lies in one piece there."""
        parts: dict[int, tuple[int, int]] = {}
        file = self._file
        for number in range(len(file.osts)):
            ends = [stripes.object_size(end, number, len(file.osts), file.stripe_size) for end in (at, at + length)]
            if ends[0] < ends[1]:
                parts[number] = (ends[0], ends[1] - ends[0])

        def send(run: Run) -> Coroutine[Any, Any, Any]:
            offset, size = parts[run.stripe]
            request = pb.FallocateRequest(
                token=file.token, stripe=run.stripe, offset=offset, length=size, zero=zero, grow=grow
            )
            return self._send(run.stripe, "fallocate", request)

        await self._each([Run((stripe.Piece(number, *part, 0),)) for number, part in parts.items()], send)

    async def seek(self, at: int, *, hole: bool) -> tuple[int | None, int]:
        """Where the next hole, or the next data, begins from `at` on, if there is any; and where the file ends."""
        file = self._file
        count, size = len(file.osts), file.stripe_size
        runs = [Run((stripe.Piece(n, stripes.object_size(at, n, count, size), 0, 0),)) for n in range(count)]

        def send(run: Run) -> Coroutine[Any, Any, Any]:
            request = pb.SeekRequest(token=file.token, stripe=run.stripe, offset=run.offset, hole=hole)
            return self._send(run.stripe, "seek", request)

        found = await self._each(runs, send)
        offsets = (stripes.file_offset(r.offset, n.stripe, count, size) for n, r in found if r.HasField("offset"))
        return min(offsets, default=None), self._end({run.stripe: reply.size for run, reply in found})

    async def _size(self, sizes: dict[int, int], enough: int) -> int:
        """The file's end, as far as `enough`; objects that were not asked yet tell it by a read of nothing."""
        if self._end(sizes) < enough:
            unseen = [Run((stripe.Piece(n, 0, 0, 0),)) for n in range(len(self._file.osts)) if n not in sizes]
            sizes |= {run.stripe: reply.size for run, reply in await self._each(unseen, self._read)}
        return min(self._end(sizes), enough)

    def _end(self, sizes: dict[int, int]) -> int:
        return stripes.file_size(sizes, self._file.stripe_size, len(self._file.osts))

    def _runs(self, at: int, length: int) -> list[Run]:
        file = self._file
        return stripe.runs(stripe.pieces(at, length, file.stripe_size, len(file.osts)), RPC_BYTES_MAX)

    def _read(self, run: Run) -> Coroutine[Any, Any, Any]:
        request = pb.ReadRequest(token=self._file.token, stripe=run.stripe, offset=run.offset, length=run.length)
        return self._send(run.stripe, "read", request)

    async def _send(self, number: int, rpc: str, request: Any) -> Any:
        ost = self._file.mount.ost(self._file.osts[number])
        reply = await getattr(ost, rpc)(request, self._caller, retry=RESENDS)
        self.judged = self.judged or (rpc in ("read", "write") and reply.judged)
        return reply

    async def _each(
        self, runs: Sequence[Run], send: Callable[[Run], Coroutine[Any, Any, Any]]
    ) -> list[tuple[Run, Any]]:
        """Every run with its reply. All end before the first failure is told, so that none goes on unseen."""
        if len(runs) == 1:
            return [(runs[0], await send(runs[0]))]
        answers = await asyncio.gather(*(send(run) for run in runs), return_exceptions=True)
        failed = [a for a in answers if isinstance(a, BaseException)]
        if failed:
            raise _failure(failed, len(answers))
        return list(zip(runs, answers, strict=True))


def _failure(failed: Sequence[BaseException], sent: int) -> BaseException:
    """The first failure; a call of which a part went through may have happened, whatever its error says."""
    first = failed[0]
    if isinstance(first, OSError) and (len(failed) < sent or not all(map(definite, failed))):
        return failure(first.errno or errno.EIO, f"{first.strerror} ({len(failed)} of {sent} parts)", sure=False)
    return first
