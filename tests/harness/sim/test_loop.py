"""The simulator's loop."""

import asyncio
import subprocess
import sys

import pytest

from harness.sim.clock import EPOCH_NS, SimClock
from harness.sim.loop import Deadlock, Escape, SimLoop


@pytest.fixture
def loop():
    loop = SimLoop()
    yield loop
    loop.shutdown()


def test_sleeping_takes_no_time_and_moves_the_clock(loop: SimLoop) -> None:
    """An hour of sleep is over at once, and the clock shows exactly that hour."""
    clock = SimClock(loop)

    loop.run(asyncio.sleep(3599))

    assert (clock.mono_ns(), clock.wall_ns()) == (3599 * 10**9, EPOCH_NS + 3599 * 10**9)


def test_timers_fire_in_order_and_ties_in_the_order_set(loop: SimLoop) -> None:
    """Callbacks run by time, and those of one time first come, first served."""
    fired: list[str] = []

    async def main() -> None:
        for name, delay in (("c", 2.0), ("a", 1.0), ("b", 1.0)):
            asyncio.get_running_loop().call_later(delay, fired.append, name)
        await asyncio.sleep(3)

    loop.run(main())

    assert fired == ["a", "b", "c"]


def test_a_deadlock_is_an_error_that_says_who_waits(loop: SimLoop) -> None:
    """A future that nobody will ever set is found at once, with the coroutine and the line that wait for it."""

    async def waits_forever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        # Without a limit: a timer would end the wait.
        await waits_forever()

    with pytest.raises(Deadlock) as found:
        loop.run_until_complete(main())

    assert "waits_forever (test_loop.py:" in str(found.value)


def test_a_run_that_only_waits_for_timers_is_limited(loop: SimLoop) -> None:
    """A loop of sleeps that never gets anywhere ends with TimeoutError, in virtual time."""

    async def spins() -> None:
        while True:
            await asyncio.sleep(1)

    with pytest.raises(TimeoutError):
        loop.run(spins(), limit_s=100)

    assert loop.time() == pytest.approx(100)


async def _connection() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def _server() -> None:
    await asyncio.start_server(print, "127.0.0.1", 0)


async def _process() -> None:
    await asyncio.create_subprocess_exec("true")


async def _name() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 1)


@pytest.mark.parametrize("way", [lambda: asyncio.to_thread(print), _connection, _server, _process, _name])
def test_every_way_to_the_machine_raises(loop: SimLoop, way) -> None:
    """Threads, sockets, name lookups and processes are refused loudly."""
    with pytest.raises(Escape):
        loop.run(way())


def test_shutdown_cancels_what_is_left(loop: SimLoop) -> None:
    """Tasks that still wait at the end are cancelled, their cleanup included."""
    cleaned: list[int] = []

    async def background(number: int) -> None:
        try:
            await asyncio.sleep(10**6)
        finally:
            cleaned.append(number)

    async def main() -> None:
        main.tasks = [asyncio.create_task(background(n)) for n in range(3)]  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    loop.run(main())
    loop.shutdown()

    assert cleaned == [0, 1, 2]


PROGRAM = """
import asyncio
import random
from harness.sim.loop import SimLoop
loop, rng, order = SimLoop(), random.Random(5), []
async def worker(name):
    for step in range(20):
        await asyncio.sleep(rng.random())
        order.append(f"{name}{step}@{loop.time():.9f}")
async def main():
    await asyncio.gather(*(worker(name) for name in "abc"))
loop.run(main())
print(*order)
"""


def test_the_order_depends_on_the_seed_alone() -> None:
    """Two processes with different hash seeds go through the same steps at the same times."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]

    assert runs[0] == runs[1] != ""
