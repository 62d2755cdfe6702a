"""What killed harnesses left on an engine, by its labels; looked for before a cluster starts there, and by `prune`."""

from __future__ import annotations

from harness.clusters import engine
from harness.clusters.engine import Engine
from harness.clusters.reaper import found, remove


def prune(there: Engine) -> list[str]:
    """Removes containers, networks and volumes whose owner is gone; their names, each with its kind."""
    return remove(there.api, engine.OWNER, engine.abandoned)


def left(there: Engine) -> list[str]:
    """What `prune` would remove."""
    return [f"{kind} {name}" for kind, _, name in found(there.api, engine.OWNER, engine.abandoned)]
