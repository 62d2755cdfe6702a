"""A used cluster that is made clean for the next test: after an ordinary test, and after one that killed a server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial

from harness import profile
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import POLICY
from harness.clusters import RUNTIMES, Cluster, clean
from harness.clusters.clean import Standing
from harness.policy import Policy
from harness.spec import ClusterSpec

AIMS_S = {"docker": 1.5, "netns": 0.5}
VICTIM = "oss0"


def run(bench: Bench) -> Iterator[Row]:
    """Two rows for each runtime that this machine can run."""
    for name, aim_s in AIMS_S.items():
        if reason := RUNTIMES[name]().available():
            bench.skip(f"runtime {name}: {reason}")
            continue
        spec = ClusterSpec(policy=Policy.own(POLICY), root_context=profile.of(POLICY).root)
        cluster = RUNTIMES[name]().start(spec, bench.clusters.folder() / "run")
        try:
            standing = clean.standing(cluster)
            systems = {
                "used": partial(_cleaned, cluster, standing, ""),
                "killed": partial(_cleaned, cluster, standing, VICTIM),
            }
            taken = measure.single(systems, bench.effort)
        finally:
            cluster.stop()
        yield row(f"{name}, used", "used", taken, beside=(), note=f"aim: {aim_s:g} s")
        yield row(f"{name}, {VICTIM} killed", "killed", taken, note=f"aim: {aim_s:g} s")


def _cleaned(cluster: Cluster, standing: Standing, victim: str) -> float:
    """Seconds for cleaning alone, after a task left a directory open and the victim, if there is one, was killed."""
    who = cluster.client().login(profile.of(POLICY).admin, uid=0, gid=0, caps="all")
    who.open("/", os.O_RDONLY)
    if victim:
        cluster.kill(victim)
    begin = time.perf_counter()
    clean.clean(cluster, standing)
    return time.perf_counter() - begin
