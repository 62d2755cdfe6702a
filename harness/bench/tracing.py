"""Which rpcs an operation is made of: their sizes, and which of them are under way at the same time."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from host.node import Environment, Node, PeerAddress
from rpc import Channel, Clock


class Waves:
    """Request and reply sizes in bytes, in waves: an rpc that begins when none is under way begins a new one."""

    def __init__(self, sizes: list[list[tuple[int, int]]] | None = None) -> None:
        self.sizes = sizes or []
        self._under_way = 0

    def begin(self) -> list[tuple[int, int]]:
        """The wave that an rpc which begins now belongs to."""
        if not self._under_way:
            self.sizes.append([])
        self._under_way += 1
        return self.sizes[-1]

    def end(self) -> None:
        self._under_way -= 1

    def text(self) -> str:
        """As `parse` reads it: "120:64 80:300,80:300"."""
        return " ".join(",".join(f"{sent}:{got}" for sent, got in wave) for wave in self.sizes)

    @classmethod
    def parse(cls, text: str) -> Waves:
        """The inverse of `text`."""
        waves = (wave.split(",") for wave in text.split())
        return cls([[(int(sent), int(got)) for sent, got in (pair.split(":") for pair in wave)] for wave in waves])

    def __len__(self) -> int:
        """How many rpcs there are in all."""
        return sum(map(len, self.sizes))


class Tracing:
    """A node's environment (host.node.Environment) whose channels can be listened to; while nobody does it is free."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._channels: list[Channel] = []

    @property
    def clock(self) -> Clock:
        return self._env.clock

    def rng(self, name: str) -> random.Random:
        return self._env.rng(name)

    def connect(self, node: Node, peer: PeerAddress) -> Channel:
        self._channels.append(self._env.connect(node, peer))
        return self._channels[-1]

    @contextmanager
    def waves(self) -> Iterator[Waves]:
        """The rpcs sent meanwhile."""
        waves = Waves()
        for channel in self._channels:
            channel.__dict__["call"] = _listening(waves, channel.call)
        try:
            yield waves
        finally:
            for channel in self._channels:
                del channel.__dict__["call"]


def _listening(waves: Waves, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Channel.call, with the sizes of each message told."""

    async def told(method: str, request: Message, **options: Any) -> Any:
        wave = waves.begin()
        try:
            reply = await call(method, request, **options)
            wave.append((request.ByteSize(), reply.ByteSize()))
        finally:
            waves.end()
        return reply

    return told
