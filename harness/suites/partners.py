"""Two tasks that open a fifo, of which the first waits for the other (fs/pipe.c, fifo_open)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.suites.sites import LOOKS_MAX
from harness.tasks import Task
from labelproof.v1 import admin_pb2


@dataclass(frozen=True, slots=True)
class Open:
    """A task's open of one end."""

    task: Task
    path: str
    flags: int

    async def done(self) -> int:
        """The descriptor."""
        return int((await self.task.acall("open", path=self.path, flags=self.flags))["fd"])

    async def refused(self) -> tuple[str, int]:
        """The operation's id, and its errno; 0: it was done."""
        try:
            await self.done()
        except OSError as error:
            return self.task.last, error.errno or -1
        return self.task.last, 0


async def begun(cluster: Any, first: Open) -> asyncio.Task[int]:
    """An open that waits by now, as its node says: it has one open file more. AssertionError if it comes to no wait."""
    before = await _open_files(cluster, first.task.client)
    waits = asyncio.create_task(first.done())
    for _ in range(LOOKS_MAX):
        if waits.done() or await _open_files(cluster, first.task.client) > before:
            return waits
    waits.cancel()
    raise AssertionError(f"the open of {first.path} neither waits nor ends")


async def meet(cluster: Any, first: Open, strangers: Sequence[Open], partner: Open) -> list[tuple[str, int]]:
    """Strangers try to open the other end while the first one waits; then its partner does, and both have theirs.

    What became of the strangers. AssertionError if the first one did not wait so long.
    """
    waits = await begun(cluster, first)
    try:
        tried = [await stranger.refused() for stranger in strangers]
        assert not waits.done(), "nobody has opened the other end"
        await partner.done()
        await waits
    finally:
        waits.cancel()
    return tried


async def _open_files(cluster: Any, node: str) -> int:
    return int((await cluster.asked(node, "stats", admin_pb2.StatsRequest())).counters["open_files"])
