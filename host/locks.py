"""Who may take steps on a FID of one target that belong together over several awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lsm import Fid


@dataclass(slots=True)
class _Turn:
    """The lock of one FID, and how many hold it or wait for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Locks:
    """Who may take steps on a FID that belong together over several awaits; first come, first served."""

    def __init__(self) -> None:
        self._table: dict[Fid, _Turn] = {}

    @asynccontextmanager
    async def hold(self, *fids: Fid) -> AsyncIterator[None]:
        """Waits for all of `fids`, in FID order, so that no two holders wait for each other."""
        held: list[Fid] = []
        try:
            for fid in sorted(set(fids)):
                await self._acquire(fid)
                held.append(fid)
            yield
        finally:
            for fid in held:
                self._table[fid].lock.release()
                self._leave(fid)

    async def _acquire(self, fid: Fid) -> None:
        turn = self._table.setdefault(fid, _Turn())
        turn.users += 1
        try:
            await turn.lock.acquire()
        except BaseException:
            self._leave(fid)
            raise

    def _leave(self, fid: Fid) -> None:
        turn = self._table[fid]
        turn.users -= 1
        if not turn.users:
            del self._table[fid]
