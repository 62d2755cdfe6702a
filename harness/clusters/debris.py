"""What killed harnesses left on an engine, by its labels; looked for before a cluster starts there, and by `prune`."""

from __future__ import annotations

from harness.clusters import docker_image, engine
from harness.clusters.engine import Engine
from harness.clusters.errors import ClusterError
from harness.clusters.reaper import found, remove


def prune(there: Engine) -> list[str]:
    """Removes containers, networks and volumes whose owner is gone; their names, each with its kind."""
    return remove(there.api, engine.OWNER, engine.abandoned)


def left(there: Engine) -> list[str]:
    """What `prune` would remove."""
    return [f"{kind} {name}" for kind, _, name in found(there.api, engine.OWNER, engine.abandoned)]


def sweep(*, dry_run: bool = False) -> list[str]:
    """`prune` where an engine answers, and old images too; nothing where none does."""
    if engine.problem():
        return []
    there = engine.connect()
    try:
        with engine.refusals("what is left on the engine cannot be removed"):
            gone = left(there) if dry_run else prune(there)
            return gone + [f"image {tag}" for tag in _images(there, dry_run)]
    finally:
        there.api.close()


def _images(there: Engine, dry_run: bool) -> list[str]:
    try:
        return docker_image.prune(there, dry_run=dry_run)
    except ClusterError:
        # Where the sources are not, nobody knows which image is theirs.
        return []
