"""The driver's end of the bare echo: the messages of an operation, without the operation."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import resource
import time
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from harness.bench.tracing import Waves
from rpc.call import Peer
from rpc.echo import EchoChannel
from rpc.identity import Identity

PEER = Peer("bench", "mds", "echo")


class Echo:
    """The channel to the echo, made when it is first asked for."""

    def __init__(self) -> None:
        self._channel: EchoChannel | None = None

    async def run(
        self, address: str, identity: str, waves: str, count: int, start_ns: int, **_: Any
    ) -> dict[str, int]:  # fmt: skip
        """What the rpcs of `waves` take `count` times, as the driver's `bench` tells it."""
        if self._channel is None:
            self._channel = EchoChannel(address, unpacked(identity), PEER)
        wanted = Waves.parse(waves).sizes
        async with Stopwatch(start_ns) as watch:
            await _loop(self._channel, wanted, count)
        return watch.told()


class Stopwatch:
    """What happens within it: from when to when by the machine's monotonic clock, ns, and the process's page faults.

    It begins at `start_ns` of that clock, or at once where that is past.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns

    async def __aenter__(self) -> Self:
        gc.collect()
        # The next time only what is new is looked at: sixteen at once would still be at it when they are to begin.
        gc.freeze()
        await asyncio.sleep(max(0, self._start_ns - time.monotonic_ns()) / 1e9)
        self._faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        self._begin_ns = time.monotonic_ns()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_ns = time.monotonic_ns()
        self._faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - self._faults

    def told(self) -> dict[str, int]:
        """As a driver answers."""
        return {"begin_ns": self._begin_ns, "end_ns": self._end_ns, "faults": self._faults}


async def _loop(channel: EchoChannel, waves: list[list[tuple[int, int]]], count: int) -> None:
    for _ in range(count):
        for wave in waves:
            if len(wave) == 1:
                await channel.exchange(*wave[0])
            else:
                await asyncio.gather(*(channel.exchange(*sizes) for sizes in wave))


def packed(identity: Identity) -> str:
    """An identity as one line; it holds a private key, which lives as long as the run does."""
    return json.dumps({name: base64.b64encode(pem).decode() for name, pem in asdict(identity).items()})


def unpacked(line: str) -> Identity:
    """The inverse of `packed`."""
    return Identity(**{name: base64.b64decode(pem) for name, pem in json.loads(line).items()})
