"""A cluster that boots: containers against trivial ones by the engine alone, network namespaces against processes."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from harness import profile
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import POLICY, Clusters
from harness.clusters import RUNTIMES, docker_image, docker_networks, engine
from harness.clusters.engine import Engine
from harness.clusters.reaper import Reaper, remove
from harness.policy import Policy
from harness.spec import ClusterSpec

# How much longer than its fellow a cluster of five may take to be ready, in seconds.
AIMS_S = {"docker": 1.0, "netns": 0.4}
NODES = 5


def run(bench: Bench) -> Iterator[Row]:
    """One row for each runtime that this machine can run."""
    for name, beside in (("docker", "the engine alone"), ("netns", "processes")):
        if reason := RUNTIMES[name]().available():
            bench.skip(f"runtime {name}: {reason}")
            continue
        fellow = partial(_by_engine, bench.clusters) if name == "docker" else partial(_ready_s, bench.clusters, beside)
        systems = {name: partial(_ready_s, bench.clusters, name), beside: fellow}
        systems[name]()
        taken = measure.single(systems, bench.effort)
        more = [a - b for a, b in zip(taken[name].seconds, taken[beside].seconds, strict=True)]
        yield row(f"{NODES} nodes, {name}", name, taken, note=longer(more, AIMS_S[name]))


def longer(more: Sequence[float], aim_s: float) -> str:
    """By how much it took longer, as the median of the rounds with their middle half, and what is hoped for."""
    low, high = measure.quartiles(more)
    return f"{statistics.median(more):.2f} s longer ({low:.2f}-{high:.2f}; aim: {aim_s:g})"


def _ready_s(clusters: Clusters, runtime: str) -> float:
    """Seconds from nothing to a cluster that tests may use: nodes up, introduced, under their policy, mounted."""
    spec = ClusterSpec(policy=Policy.own(POLICY), root_context=profile.of(POLICY).root)
    begin = time.perf_counter()
    cluster = RUNTIMES[runtime]().start(spec, clusters.folder() / "run")
    took_s = time.perf_counter() - begin
    cluster.stop()
    return took_s


def _by_engine(clusters: Clusters) -> float:
    """Seconds until as many containers of the same image sleep on a network of their own, asked for side by side."""
    there = engine.connect()
    image, cluster = docker_image.ready(there, clusters.folder()), f"labelproof-{secrets.token_hex(4)}"
    reaper = Reaper(f"{engine.CLUSTER}={cluster}", there.environ)
    labels = engine.labels("bench", cluster)
    begin = time.perf_counter()
    with ThreadPoolExecutor(NODES) as threads:
        network = docker_networks.make(there, cluster, labels, NODES).name
        list(threads.map(lambda number: _sleeper(there, image, f"{cluster}-{number}", network, labels), range(NODES)))
    took_s = time.perf_counter() - begin
    remove(there.api, f"{engine.CLUSTER}={cluster}")
    reaper.dismiss()
    there.api.close()
    return took_s


def _sleeper(there: Engine, image: str, name: str, network: str, labels: dict[str, str]) -> None:
    api = there.api
    made = api.create_container(
        image, name=name, labels=labels, entrypoint=["sleep", "infinity"], healthcheck={"test": ["NONE"]},
        host_config=api.create_host_config(network_mode=network, cap_drop=["ALL"]), stop_signal="SIGKILL",
    )  # fmt: skip
    api.start(made["Id"])
