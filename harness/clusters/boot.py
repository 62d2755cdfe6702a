"""Booting a cluster, the same on every runtime: what goes wrong leaves nothing behind, and is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness import owner
from harness.clusters.cluster import Cluster
from harness.clusters.errors import ClusterError, remedied
from harness.spec import ClusterSpec


def booted(spec: ClusterSpec, run_dir: Path, build: Callable[[Path], Cluster]) -> Cluster:
    """The cluster that `build` makes for its data folder, running; what dead owners left is pruned first.

    ValueError for a spec that cannot run, ClusterError for a cluster that does not come up. Ctrl-C too leaves nothing.
    """
    spec.validate()
    owner.prune()
    cluster = _built(run_dir, build)
    try:
        cluster.boot()
    except OSError as error:
        cluster.stop()
        told = remedied(str(error.strerror or error))
        raise ClusterError(f"the cluster did not come up: {told}; see {run_dir / 'logs'}") from error
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _built(run_dir: Path, build: Callable[[Path], Cluster]) -> Cluster:
    data = None
    try:
        data = owner.make(run_dir.name)
        return build(data)
    except BaseException as error:
        if data is not None:
            owner.remove(data)
        if isinstance(error, OSError):
            told = remedied(f"{error.strerror}: {error.filename}")
            raise ClusterError(f"the cluster's folders cannot be made: {told}") from error
        raise
