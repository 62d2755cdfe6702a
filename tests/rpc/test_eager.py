"""rpc.eager: a coroutine that never waits needs no task; one that waits goes on as one."""

import asyncio

import pytest

from rpc import eager


def test_one_that_never_waits_is_done_at_once() -> None:
    """What does not wait has its result before the loop turns, and before there is a loop at all."""

    async def work() -> int:
        return 7

    assert eager.begin(work()) == 7


def test_its_error_is_raised_at_once() -> None:
    """What fails before it waits fails in the caller."""

    async def work() -> None:
        raise FileNotFoundError(2, "gone")

    with pytest.raises(FileNotFoundError, match="gone"):
        eager.begin(work())


def test_one_that_waits_goes_on_as_a_task() -> None:
    """Every kind of waiting works as in a task: a future, a bare turn of the loop, another task."""

    async def work(ready: asyncio.Future[str]) -> list[str]:
        got = [await ready]
        await asyncio.sleep(0)
        got.append(await asyncio.create_task(asyncio.sleep(0, "slept")))
        return got

    async def test() -> tuple[bool, list[str]]:
        ready = asyncio.get_running_loop().create_future()
        task = eager.begin(work(ready))
        assert isinstance(task, asyncio.Task)
        waiting = not task.done()
        ready.set_result("ready")
        return waiting, await task

    assert asyncio.run(test()) == (True, ["ready", "slept"])


@pytest.mark.parametrize("turns", [0, 2])
def test_it_is_cancelled_like_a_task(turns: int) -> None:
    """Cancelled where it first waits, also before the loop has turned, the coroutine sees it and may clean up."""
    seen = []

    async def work(ready: asyncio.Future[None]) -> None:
        try:
            await ready
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def test() -> bool:
        task = eager.begin(work(asyncio.get_running_loop().create_future()))
        assert isinstance(task, asyncio.Task)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(test())
    assert seen == ["cancelled"]


def test_an_error_of_what_it_waited_for_reaches_it() -> None:
    """The exception of a future is raised where the coroutine waits, and may be handled there."""

    async def work(ready: asyncio.Future[None]) -> str:
        try:
            await ready
        except OSError as error:
            return error.strerror
        return "nothing raised"

    async def test() -> str:
        ready = asyncio.get_running_loop().create_future()
        task = eager.begin(work(ready))
        ready.set_exception(OSError(5, "lost"))
        assert isinstance(task, asyncio.Task)
        return await task

    assert asyncio.run(test()) == "lost"
