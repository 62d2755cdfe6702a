"""The Clock of simulated nodes: the loop's virtual time."""

from __future__ import annotations

import asyncio

# 2026-01-01 00:00:00 UTC, so that times in a simulated history look like times.
EPOCH_NS = 1_767_225_600 * 10**9


class SimClock:
    """One for all nodes of a simulated cluster: they share a time, as the processes of one machine do."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def wall_ns(self) -> int:
        return EPOCH_NS + self.mono_ns()

    def mono_ns(self) -> int:
        return round(self._loop.time() * 1e9)
