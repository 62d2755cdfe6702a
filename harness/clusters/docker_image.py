"""The image of our nodes: built once for each state of the sources, whoever asks, and found by its digest then."""

from __future__ import annotations

import fcntl
import math
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.clusters import docker_sources
from harness.clusters.docker_sources import DOCKERFILE, ROOT
from harness.clusters.engine import Engine, refusals
from harness.clusters.errors import ClusterError

REPOSITORY = "labelproof"
SOURCES = "labelproof.sources"
# Where the sources lie: who builds the next image from there needs the one before no more.
TREE = "labelproof.tree"
# On what the legacy builder keeps of the stage before (Dockerfile): images without a name, one a build.
STAGE = "labelproof.stage"
# An image that is there already is taken instead, unseen.
VARIABLE = "LABELPROOF_IMAGE"
# Somebody may be about to start containers of an image that was right when he looked.
_KEPT_S = 3600
# Of other trees: by then nobody works on those sources as they were.
_KEPT_ELSEWHERE_S = 24 * 3600


def ready(engine: Engine, logs: Path, root: Path = ROOT) -> str:
    """The id or name of the image of the sources under `root`, built if the engine has none.

    ClusterError: it cannot be built; what the engine said is in `logs`/image.log.
    """
    if given := os.environ.get(VARIABLE):
        return given
    files = docker_sources.files(root)
    sources = docker_sources.digest(files)
    tag = f"{REPOSITORY}:{sources}"
    if not _has(engine, tag):
        # Workers of one test session start together; the first builds, the others wait and find it.
        with files[DOCKERFILE].open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _has(engine, tag):
                _build(engine, root, files, tag, logs / "image.log")
    return tag


def lacking(engine: Engine, root: Path = ROOT) -> str | None:
    """The base image, where neither it nor the image of the sources is there; None: nothing has to be fetched."""
    try:
        files = docker_sources.files(root)
    except ClusterError:
        return None
    base = re.search(r"^ARG BASE=(\S+)", files[DOCKERFILE].read_text(), re.MULTILINE)
    if base is None or _has(engine, base[1]) or _has(engine, f"{REPOSITORY}:{docker_sources.digest(files)}"):
        return None
    return base[1]


def prune(engine: Engine, root: Path = ROOT, *, elsewhere: bool = True, dry_run: bool = False) -> list[str]:
    """Removes the images of other sources than those under `root` as they are, and returns their tags.

    What was built from an earlier state of them goes after an hour, what was built `elsewhere` after a day. Of the
    stages before, the newest stays: the next build begins with its layers.
    """
    current, now = f"{REPOSITORY}:{docker_sources.digest(docker_sources.files(root))}", time.time()
    kept_s, else_s = {str(root): _KEPT_S}, _KEPT_ELSEWHERE_S if elsewhere else math.inf
    found = engine.api.images(filters={"label": SOURCES})
    old = [one for one in found if now - one["Created"] > kept_s.get(one["Labels"].get(TREE, ""), else_s)]
    tags = [tag for one in old for tag in one["RepoTags"] or () if tag != current]
    stages = engine.api.images(filters={"label": STAGE, "dangling": True})
    stages.sort(key=lambda one: one["Created"])
    tags += [one["Id"] for one in stages[:-1] if now - one["Created"] > _KEPT_S]
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


def _build(engine: Engine, root: Path, files: Mapping[str, Path], tag: str, log: Path) -> None:
    told: list[str] = []
    labels = {SOURCES: tag.rpartition(":")[2], TREE: str(root)}
    with refusals("the image of the nodes cannot be built"), docker_sources.packed(files) as context:
        steps = engine.api.build(
            fileobj=context, custom_context=True, tag=tag, labels=labels, rm=True, forcerm=True, decode=True
        )
        error = _heard(steps, told)
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
