"""The loop on which the harness speaks gRPC."""

import errno

import pytest

from harness.clusters import loops


def test_an_error_is_the_one_that_was_raised() -> None:
    """What is on it stays on it, also where asyncio would make another: a TimeoutError that says it is definite."""
    raised = OSError(errno.ETIMEDOUT, "no reply")
    raised.definite = False

    async def fail() -> None:
        raise raised

    with pytest.raises(TimeoutError) as caught:
        loops.shared().run(fail())

    assert caught.value is raised
    assert caught.value.definite is False
