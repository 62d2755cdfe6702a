"""The image of our nodes: built once for each state of the sources, whoever asks, and found by its digest then."""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import re
import time
from pathlib import Path
from typing import Any

import harness
from harness.clusters.engine import Engine, refusals
from harness.clusters.errors import ClusterError

REPOSITORY = "labelproof"
SOURCES = "labelproof.sources"
# Where the sources lie: who builds the next image from there needs the one before no more.
TREE = "labelproof.tree"
# An image that is there already is taken instead, unseen.
VARIABLE = "LABELPROOF_IMAGE"
# Somebody may be about to start containers of an image that was right when he looked.
_KEPT_S = 3600
# Of other trees: by then nobody works on those sources as they were.
_KEPT_ELSEWHERE_S = 24 * 3600
_ROOT = Path(harness.__file__).parents[1]


def ready(engine: Engine, logs: Path, root: Path = _ROOT) -> str:
    """The id or name of the image of the sources under `root`, built if the engine has none.

    ClusterError: it cannot be built; what the engine said is in `logs`/image.log.
    """
    if given := os.environ.get(VARIABLE):
        return given
    sources = digest(root)
    tag = f"{REPOSITORY}:{sources}"
    if not _has(engine, tag):
        # Workers of one test session start together; the first builds, the others wait and find it.
        with (root / "Dockerfile").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _has(engine, tag):
                _build(engine, root, tag, sources, logs / "image.log")
    return tag


def digest(root: Path = _ROOT) -> str:
    """Of what nodes run: names and contents of what .dockerignore lets pass, but harness, which no node imports."""
    from docker.utils.build import exclude_paths

    if not (root / "Dockerfile").exists():
        raise ClusterError(f"{root} has no Dockerfile; run from the sources, or set {VARIABLE} to an image")
    patterns = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    paths = sorted(path for path in exclude_paths(str(root), [*patterns, "harness"]) if (root / path).is_file())
    found = hashlib.sha256()
    for path in paths:
        content = (root / path).read_bytes()
        found.update(f"{path}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:16]


def lacking(engine: Engine, root: Path = _ROOT) -> str | None:
    """The base image, where neither it nor the image of the sources is there; None: nothing has to be fetched."""
    dockerfile = root / "Dockerfile"
    base = re.search(r"^ARG BASE=(\S+)", dockerfile.read_text(), re.MULTILINE) if dockerfile.exists() else None
    if base is None or _has(engine, base[1]) or _has(engine, f"{REPOSITORY}:{digest(root)}"):
        return None
    return base[1]


def prune(engine: Engine, root: Path = _ROOT, *, elsewhere: bool = True, dry_run: bool = False) -> list[str]:
    """Removes the images of other sources than those under `root` as they are, and returns their tags.

    What was built from an earlier state of them goes after an hour, what was built `elsewhere` after a day.
    """
    current, now = f"{REPOSITORY}:{digest(root)}", time.time()
    kept_s, else_s = {str(root): _KEPT_S}, _KEPT_ELSEWHERE_S if elsewhere else math.inf
    found = engine.api.images(filters={"label": SOURCES})
    old = [one for one in found if now - one["Created"] > kept_s.get(one["Labels"].get(TREE, ""), else_s)]
    tags = [tag for one in old for tag in one["RepoTags"] or () if tag != current]
    return tags if dry_run else [tag for tag in tags if _removed(engine, tag)]


def _removed(engine: Engine, tag: str) -> bool:
    import docker

    try:
        engine.api.remove_image(tag)
    except docker.errors.APIError:
        # A container of somebody's has it.
        return False
    return True


def _has(engine: Engine, tag: str) -> bool:
    return bool(engine.api.images(tag, quiet=True))


def _build(engine: Engine, root: Path, tag: str, sources: str, log: Path) -> None:
    told: list[str] = []
    with refusals("the image of the nodes cannot be built"):
        labels = {SOURCES: sources, TREE: str(root)}
        error = _heard(
            engine.api.build(path=str(root), tag=tag, labels=labels, rm=True, forcerm=True, decode=True), told
        )
        if error is None:
            prune(engine, root, elsewhere=False)
            return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(told), encoding="utf-8")
    base = "; tools/engine-up makes the base image" if "FROM" in "".join(told[:1]) and len(told) <= 2 else ""
    raise ClusterError(f"the image of the nodes cannot be built: {error}{base}; see {log}")


def _heard(steps: Any, told: list[str]) -> str | None:
    """Collects what the build says; its error, if it ended in one."""
    error = None
    for step in steps:
        told.append(str(step.get("stream") or step.get("status") or step.get("error") or ""))
        error = step.get("error") or error
    return error and " ".join(str(error).split())
