"""The driver's end of the bare echo: the messages of an operation, without the operation."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import time
from dataclasses import asdict
from typing import Any

from harness.bench.tracing import Waves
from rpc.call import Peer
from rpc.echo import EchoChannel
from rpc.identity import Identity

PEER = Peer("bench", "mds", "echo")


class Echo:
    """The channel to the echo, made when it is first asked for."""

    def __init__(self) -> None:
        self._channel: EchoChannel | None = None

    async def run(self, address: str, identity: str, waves: str, tasks: int, count: int, **_: Any) -> dict[str, int]:
        """What the rpcs of `waves` take `count` times by each of `tasks`, all tasks at once, in ns."""
        if self._channel is None:
            self._channel = EchoChannel(address, unpacked(identity), PEER)
        wanted = Waves.parse(waves).sizes
        gc.collect()
        begin, cpu = time.monotonic_ns(), os.times()
        await asyncio.gather(*(_loop(self._channel, wanted, count) for _ in range(tasks)))
        took, spent = time.monotonic_ns() - begin, os.times()
        return {"ns": took, "cpu_ns": int((spent.user + spent.system - cpu.user - cpu.system) * 1e9)}


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
