"""An asyncio loop with virtual time: no selector, no thread, no socket. What runs on it depends on nothing but itself.

Time stands still while anything can run, and then jumps to the next timer. Order is asyncio's own: first come, first
served. Every way out to the machine raises, since it would bring in time and order that a seed does not give.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, NoReturn, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_HOUR_S = 3600.0

# What would leave the simulator, and what to do instead.
WAYS_OUT = {
    "run_in_executor": "a thread is wanted; call the function directly, or through the environment",
    "create_connection": "a real connection is wanted; use the node's channels",
    "create_server": "a real listening socket is wanted; serve on the simulated network",
    "create_datagram_endpoint": "a real datagram socket is wanted; use the node's channels",
    "getaddrinfo": "a name is looked up on the real network; nodes have simulated addresses",
    "getnameinfo": "an address is looked up on the real network; nodes have simulated addresses",
    "subprocess_exec": "a process is wanted; it would not share the simulator's time",
    "subprocess_shell": "a shell is wanted; it would not share the simulator's time",
    "add_reader": "a real file descriptor is to be watched; there is no selector",
    "add_writer": "a real file descriptor is to be watched; there is no selector",
    "add_signal_handler": "a signal is to be handled; it would come at a time of its own",
}


class Deadlock(RuntimeError):
    """Nothing can run and no timer is set; the text says which tasks wait, and where."""


class Escape(RuntimeError):
    """Simulated code reached for the machine: a socket, a thread, another process."""


class SimLoop(asyncio.BaseEventLoop):
    """`run` drives it; between two runs nothing moves, time included."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._clock_resolution = 1e-9
        # BaseEventLoop asks its selector how long to sleep: the one place where time passes.
        self._selector = _VirtualSleep(self)
        self._thread = threading.get_ident()

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def run(self, main: Coroutine[Any, Any, T], *, limit_s: float = _HOUR_S) -> T:
        """Runs until `main` ends, in no time. Deadlock if it cannot; TimeoutError after `limit_s` of virtual time."""
        with _collector_off():
            return self.run_until_complete(asyncio.wait_for(main, limit_s))

    def shutdown(self) -> None:
        """Cancels what is left, in the order in which it was made, and closes the loop."""
        if self.is_closed():
            return
        left = sorted(asyncio.all_tasks(self), key=_number)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.wait(left, timeout=_HOUR_S))
        self.close()

    def jump(self, seconds: float | None) -> None:
        """Lets `seconds` pass; None: there is nothing to wait for."""
        if seconds is None:
            raise Deadlock(_waiting(self))
        self._now_s += seconds

    # --- what BaseEventLoop leaves open ---------------------------------------------------------------------------

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no events but timers."""

    def _write_to_self(self) -> None:
        """Wakes a selector elsewhere; here nobody sleeps."""

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise Escape("another thread called into the simulator; do its work on the loop")
        return self.call_soon(callback, *args, context=context)


class _VirtualSleep:
    """Stands where the selector is: instead of sleeping until the next timer, it is then."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.jump(timeout)
        return []

    def close(self) -> None:
        """Nothing to close."""


@contextmanager
def _collector_off() -> Generator[None]:
    """No cyclic garbage collection meanwhile: finalizers of generators would run when it happens to, not when due."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _waiting(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=_number)
    lines = [f"  {task.get_name()}: {_place(task)}" for task in tasks]
    return "deadlock: nothing can run and no timer is set; these tasks wait:\n" + "\n".join(lines)


def _place(task: asyncio.Task[Any]) -> str:
    """The coroutines of a task from the outside in, each with the line where it waits."""
    chain: list[str] = []
    current: Any = task.get_coro()
    while (frame := getattr(current, "cr_frame", None)) is not None:
        chain.append(f"{current.__qualname__} ({frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno})")
        current = current.cr_await
    return " > ".join(chain) or repr(task.get_coro())


def _number(task: asyncio.Task[Any]) -> tuple[int, str]:
    """Tasks in the order in which they were made: asyncio numbers those without a name."""
    name = task.get_name()
    number = name.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0, name)


def _escape(name: str, why: str) -> Callable[..., NoReturn]:
    def escape(self: SimLoop, *args: object, **kwargs: object) -> NoReturn:
        raise Escape(f"{name}: {why}")

    return escape


for _way, _why in WAYS_OUT.items():
    setattr(SimLoop, _way, _escape(_way, _why))
