"""A coroutine begun at once: one that never waits costs no task and no turn of the loop.

Most calls never wait: a lookup finds its locks free and nothing to commit. (Python 3.12 has eager tasks of its own.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | T:
    """Runs `work` up to where it first waits: its result, or the task that goes on from there.

    Raises what `work` raises before that. It must not ask for the current task until it has waited.
    """
    try:
        waited_for = work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    return asyncio.get_running_loop().create_task(_Begun(work, waited_for))


class _Begun(Coroutine[Any, Any, T]):
    """A coroutine that has run already, up to `waited_for`: its task's first step is told that, the others run it."""

    __slots__ = ("_waited_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], waited_for: Any) -> None:
        self._work = work
        self._waited_for: tuple[Any] | None = (waited_for,)

    def send(self, value: Any) -> Any:
        if self._waited_for is not None:
            (first,), self._waited_for = self._waited_for, None
            return first
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        self._waited_for = None
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise TypeError("this coroutine is its task's; await the task")
