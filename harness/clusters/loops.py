"""The loop on which the harness speaks gRPC: one thread for the whole process, however many clusters there are.

gRPC's asyncio has one poller a process, and loops of several threads contend for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


class LoopThread:
    """A loop in a thread of its own, which ends with the process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="labelproof-loop", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine. Ctrl-C cancels it. Never to be called from the loop itself."""
        future = asyncio.run_coroutine_threadsafe(_outcome(work), self.loop)
        try:
            result, timeout = future.result()
        except BaseException:
            future.cancel()
            raise
        if timeout is not None:
            raise timeout
        return cast("T", result)


async def _outcome(work: Coroutine[Any, Any, T]) -> tuple[T | None, TimeoutError | None]:
    """The result, or the TimeoutError itself: asyncio hands another one over, without what is on it (`definite`)."""
    try:
        return await work, None
    except TimeoutError as error:
        return None, error


@cache
def shared() -> LoopThread:
    """The one of this process, made when it is first needed."""
    return LoopThread()
