"""Which rpcs an operation is made of: their sizes, and which of them are under way at the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from host.node import Environment, Node, PeerAddress
from rpc import Caller, Channel, Clock


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
    """A node's environment (host.node.Environment) whose channels can be listened to."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._waves: Waves | None = None

    @property
    def clock(self) -> Clock:
        return self._env.clock

    def rng(self, name: str) -> random.Random:
        return self._env.rng(name)

    def connect(self, node: Node, peer: PeerAddress) -> Channel:
        return _Traced(self, self._env.connect(node, peer))

    @contextmanager
    def waves(self) -> Iterator[Waves]:
        """The rpcs sent meanwhile."""
        self._waves = Waves()
        try:
            yield self._waves
        finally:
            self._waves = None

    async def told(self, channel: Channel, method: str, request: Message, options: dict[str, Any]) -> Any:
        """One rpc, listened to if somebody wants to know."""
        waves = self._waves
        if waves is None:
            return await channel.call(method, request, **options)
        wave = waves.begin()
        try:
            reply = await channel.call(method, request, **options)
            wave.append((request.ByteSize(), reply.ByteSize()))
        finally:
            waves.end()
        return reply


class _Traced:
    """See rpc.Channel."""

    def __init__(self, tracing: Tracing, channel: Channel) -> None:
        self.peer = channel.peer
        self._tracing = tracing
        self._channel = channel

    async def call(
        self, method: str, request: Message, *, caller: Caller, timeout_s: float | None = None, xid: int = 0,
        retry: int = 0,
    ) -> Any:  # fmt: skip
        options = {"caller": caller, "timeout_s": timeout_s, "xid": xid, "retry": retry}
        return await self._tracing.told(self._channel, method, request, options)

    async def close(self) -> None:
        await self._channel.close()
