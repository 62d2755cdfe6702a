"""One run inside a compose project of our own: up, the suite in its network, the results out, and down again."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness import choices, owner
from harness.clusters import engine
from harness.clusters.engine import Engine, refusals
from harness.clusters.raised import Raised
from harness.store import Run, Store

SERVICE = "harness"
_RUNS = "/results/runs"
_NAME = "compose"

# What was recorded, and which container ended by itself, if one did.
Told = Callable[[Sequence[Run], str | None], None]


def run(
    words: Sequence[str], typed: str, store: Store, file: Path, secrets: Path, counts: Mapping[str, int], told: Told
) -> int:
    """Runs `labelproof run` with these words in a cluster of so many nodes a role; its exit code.

    `typed` is what a user types to do so, for the command that does it again. `told` gets the runs that it recorded,
    which are in the store then, also where it was interrupted, and which container ended by itself. ClusterError where
    the project does not come up; nothing of it is left.
    """
    there = engine.connect()
    store.prepare()
    nodes = ",".join(f"{role}={count}" for role, count in counts.items())
    with owner.owned(_NAME) as data:
        # The run itself gets its id inside; what its project is labelled with leads to this folder.
        project = Raised(there, data.name, data, file, secrets)
        container = f"{project.id}-{SERVICE}"
        try:
            project.open(counts)
            try:
                return _judged(there, project, container, ["run", "--nodes", nodes, *words], typed)
            finally:
                told(_bring(there, container, store, data), project.fallen())
        finally:
            project.close()


def _judged(there: Engine, project: Raised, container: str, words: Sequence[str], typed: str) -> int:
    running = project.compose.begin(container, SERVICE, words, {choices.TYPED: typed})
    try:
        return running.wait()
    except KeyboardInterrupt:
        # The harness ends in good order: what was done is judged, and recorded as interrupted.
        with refusals("interrupting the harness"):
            there.api.kill(container, "SIGINT")
        return running.wait()
    finally:
        running.terminate()


def _bring(there: Engine, container: str, store: Store, data: Path) -> list[Run]:
    """Moves what the harness recorded into the store, if it came so far, by way of the folder `data`."""
    import docker

    with tempfile.TemporaryFile(dir=data) as packed:
        try:
            parts, _ = there.api.get_archive(container, _RUNS)
        except docker.errors.APIError:
            return []
        packed.writelines(parts)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as archive:
            # Python before 3.11.4 has no filters; what is in there our own harness wrote.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            archive.extractall(data)  # noqa: S202  # filtered
    return [store.take(found) for found in sorted((data / "runs").iterdir()) if not found.is_symlink()]
