"""The simulated network: the memory transport, each direction between two nodes with delays of its own.

A message is never overtaken by a later one of the same direction: nodes speak over connections, not datagrams.
"""

from __future__ import annotations

import asyncio
import random

from rpc.memory import Network

# One way, in seconds: a quiet local network. Long enough that no two nodes agree on an order by chance.
DELAY_S = (0.000_05, 0.000_5)


class SimNetwork(Network):
    """Delays depend on the seed and the two nodes alone, so that traffic elsewhere does not change them."""

    def __init__(self, seed: int) -> None:
        super().__init__(random.Random(f"{seed}:network"), DELAY_S)  # noqa: S311  # repeats by design
        self._seed = seed
        self._links: dict[tuple[str, str], _Link] = {}

    async def travel(self, source: str, target: str) -> None:
        """One message's way from `source` to `target`."""
        link = self._links.get((source, target))
        if link is None:
            link = self._links[source, target] = _Link(f"{self._seed}:{source}>{target}")
        await asyncio.sleep(link.delay_s(asyncio.get_running_loop().time()))


class _Link:
    """One direction between two nodes."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)  # noqa: S311  # repeats by design
        self._arrived_s = 0.0

    def delay_s(self, now_s: float) -> float:
        """How long a message that leaves now is under way."""
        self._arrived_s = max(self._arrived_s, now_s + self._rng.uniform(*DELAY_S))
        return self._arrived_s - now_s
