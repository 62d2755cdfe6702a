"""The simulated network in which a server does one call after the other, each for what it costs its processor.

A node of ours is one process with one loop; so its calls queue, and what a queue does to a cluster of many clients is
what the simulator is asked for. The harness itself is no node: what it says arrives at once.
"""

from __future__ import annotations

import asyncio

from harness.clusters.history import HARNESS
from harness.scale.costs import Costs
from harness.sim.network import SimNetwork


class BusyNetwork(SimNetwork):
    """`busy_s` tells for how long the node at an address was at work, in virtual seconds."""

    def __init__(self, seed: int, costs: Costs) -> None:
        super().__init__(seed)
        self._costs = costs
        self._free_s: dict[str, float] = {}
        self.busy_s: dict[str, float] = {}

    async def travel(self, source: str, target: str) -> None:
        if HARNESS not in {source, target}:
            await super().travel(source, target)

    async def turn(self, address: str, path: str) -> None:
        cost_s = self._costs.get(path.rpartition(".")[2], 0.0)
        if not cost_s:
            return
        now_s = asyncio.get_running_loop().time()
        done_s = self._free_s[address] = max(now_s, self._free_s.get(address, 0.0)) + cost_s
        self.busy_s[address] = self.busy_s.get(address, 0.0) + cost_s
        await asyncio.sleep(done_s - now_s)
