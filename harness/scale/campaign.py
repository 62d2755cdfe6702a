"""One number of clients: the cluster is booted in the simulator, driven, and judged."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import checkers, recheck
from harness.clusters.cluster import Cluster
from harness.clusters.simulated import Sim
from harness.policy import Policy
from harness.scale import load
from harness.scale.busy import BusyNetwork
from harness.scale.costs import Costs
from harness.spec import ClusterSpec
from rpc import SystemClock

OSS = 4


@dataclass(frozen=True, slots=True)
class Load:
    """`each` client does so many operations, with pauses of `pause_s` on average between them."""

    clients: int
    each: int = 20
    pause_s: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it. Times and rates are virtual, but for `real_s`, which this machine took; `memory_mb` is its peak.

    `latency_ms` holds the median and the 99th percentile by operation, `busy` the share of the time that a server
    worked, by role (the busiest), `rpcs` how many calls one operation cost, on average.
    """

    load: Load
    operations: int
    per_second: float
    latency_ms: dict[str, tuple[float, float]]
    busy: dict[str, float]
    rpcs: float
    decisions: int
    denied: int
    verdict: str
    events: int
    boot_s: float
    real_s: float
    memory_mb: int


def run(wanted: Load, costs: Costs, run_dir: Path) -> Figures:
    """Raises what booting raises; AssertionError where an operation that the policy denies was served."""
    network = BusyNetwork(wanted.seed, costs)
    policy = Policy.own(load.POLICY)
    spec = ClusterSpec(oss=OSS, client=wanted.clients, policy=policy, root_context=load.WHO.root, seed=wanted.seed)
    clock = SystemClock()
    begin = clock.mono_ns()
    cluster = Sim(lambda seed: network).start(spec, run_dir)
    booted = clock.mono_ns()
    try:
        load.prepare(cluster)
        mark = cluster.mark()
        before = dict(network.busy_s)
        took_s, latencies = _driven(cluster, wanted)
        busy = {address: (spent - before.get(address, 0.0)) / took_s for address, spent in network.busy_s.items()}
        roles = {cluster.address(node.name): node.role for node in cluster.nodes.values()}
        calls = sum(event["e"] == "rpc" and event["phase"] == "send" for event in cluster.events(mark))
        cluster.collect()
    finally:
        cluster.stop()
    driven = clock.mono_ns()
    judged = recheck.of_part(run_dir)
    events = cluster.events()
    operations = sum(map(len, latencies.values()))
    return Figures(
        load=wanted,
        operations=operations,
        per_second=operations / took_s,
        latency_ms={name: _quantiles(values) for name, values in latencies.items()},
        busy={role: max((busy[a] for a in busy if roles[a] == role), default=0.0) for role in ("mds", "oss")},
        rpcs=calls / operations,
        decisions=sum(event["e"] == "avc" for event in events),
        denied=sum(event["e"] == "avc" and not event["allowed"] for event in events),
        verdict=checkers.merge(judged.verdicts).valid,
        events=len(events),
        boot_s=(booted - begin) / 1e9,
        real_s=(driven - booted) / 1e9,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def _driven(cluster: Cluster, wanted: Load) -> tuple[float, dict[str, list[float]]]:
    """How long all clients took together, in virtual seconds, and how long each operation took, by its name."""
    latencies: dict[str, list[float]] = {name: [] for name, _, _ in load.MIX}
    clients = [
        load.Client(cluster.client(node.name).login(load.WHO.user, umask=0), load.generator(wanted.seed, node.name))
        for node in cluster.nodes.values()
        if node.role == "client"
    ]

    async def one(client: load.Client) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(wanted.each):
            await asyncio.sleep(client.rng.expovariate(1 / wanted.pause_s))
            name, act = load.choose(client.rng)
            begin_s = loop.time()
            await act(client)
            latencies[name].append(loop.time() - begin_s)

    async def everybody() -> float:
        begin_s = asyncio.get_running_loop().time()
        await asyncio.gather(*map(one, clients))
        return asyncio.get_running_loop().time() - begin_s

    return cluster.run(everybody()), latencies


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile, in ms; zeros where there is nothing."""
    ranked = sorted(seconds) or [0.0]
    return ranked[len(ranked) // 2] * 1e3, ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)] * 1e3
