"""Runtime `docker`: each node a container of its own, of the image that would be deployed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from harness.clusters import debris, docker_image, docker_networks, engine, real
from harness.clusters.cluster import Cluster
from harness.clusters.docker_machine import AwayMachine, NearMachine
from harness.clusters.engine import Engine, refusals
from harness.clusters.plan import Runs
from harness.spec import ClusterSpec
from rpc.clock import boot_id


class Docker:
    """Nodes as users of no right, on networks that lead nowhere else."""

    name = "docker"

    def available(self) -> str | None:
        """None, or why no engine can be used here, and the remedy."""
        return engine.problem()

    def clusters_max(self) -> tuple[int, str]:
        """How many more clusters the engine has networks for, and the words for what there is no more of."""
        there = engine.connect()
        try:
            with refusals("the engine's networks cannot be counted"):
                subnets = docker_networks.room(there)
        finally:
            there.api.close()
        return subnets if there.shares_files else subnets // 2, f"subnets of {docker_networks.RANGE} for a cluster each"

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""
        spec.validate()
        there = engine.connect()
        try:
            return self._start(there, spec, run_dir.absolute())
        except BaseException:
            there.api.close()
            raise

    def _start(self, there: Engine, spec: ClusterSpec, run_dir: Path) -> Cluster:
        with refusals("what killed runs left cannot be removed"), suppress(TimeoutError):
            # What the engine does not let go of now, the next start asks for again.
            debris.prune(there)
        image = docker_image.ready(there, run_dir / "logs")
        # Of an engine elsewhere nobody knows here what its clock says.
        runs = Runs(self.name, boot_id() if there.local else f"engine {there.id}")
        kind = NearMachine if there.shares_files else AwayMachine
        return real.boot(spec, run_dir, runs, lambda identity: kind(there, image, identity, run_dir))
