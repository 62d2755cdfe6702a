"""What this machine can run, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import sepol
from harness import clusters, owner, store
from harness.clusters import debris, docker_image, engine
from harness.clusters.errors import ClusterError
from harness.faults import inside
from harness.results import Exit
from harness.store import Store

PYTHON_MIN = (3, 11)
DISK_BYTES_MIN = 64 << 20
DEFAULT = "processes"
PRUNE = "labelproof prune"
State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` is not empty where something is to be done, `exit` says what it keeps from."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    exit: Exit = Exit.PASSED


def examine(home: Store) -> list[Finding]:
    """Everything, in the order in which it is needed. Changes nothing."""
    return [finding for look in LOOKS for finding in look(home)]


def verdict(findings: list[Finding]) -> Exit:
    """Whether the default run can be done here; the first thing in its way decides."""
    return next((finding.exit for finding in findings if finding.exit), Exit.PASSED)


def python(_home: Store) -> Iterator[Finding]:
    found = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        yield Finding("python", "missing", found, "install Python 3.11 or newer", Exit.UNAVAILABLE)
    else:
        yield Finding("python", "ok", found)


def libraries(_home: Store) -> Iterator[Finding]:
    for name, distribution in (("labelproof", "labelproof"), ("grpc", "grpcio"), ("protobuf", "protobuf")):
        try:
            yield Finding(name, "ok", metadata.version(distribution))
        except metadata.PackageNotFoundError:
            yield Finding(name, "missing", "not installed", f"pip install {distribution}", Exit.UNAVAILABLE)


def libsepol(_home: Store) -> Iterator[Finding]:
    problem = sepol.available()
    if problem is None:
        yield Finding("libsepol", "ok", sepol.library())
        return
    what, _, remedy = problem.partition("; ")
    remedy = remedy or "install libsepol 3.4 or newer (Debian: libsepol2), or set LABELPROOF_LIBSEPOL to its path"
    yield Finding("libsepol", "missing", what, remedy, Exit.INCONCLUSIVE)


def runtimes(_home: Store) -> Iterator[Finding]:
    for name, kind in clusters.RUNTIMES.items():
        reason = kind().available()
        if reason is None:
            yield Finding(f"runtime {name}", "ok", "can run here")
            continue
        what, _, remedy = reason.partition("; ")
        remedy = remedy or "use another: --runtime"
        if name == DEFAULT:
            yield Finding(f"runtime {name}", "missing", what, remedy, Exit.UNAVAILABLE)
        else:
            yield Finding(f"runtime {name}", "warning", what, remedy)


def network_faults(_home: Store) -> Iterator[Finding]:
    what, _, remedy = (inside.missing(*inside.TOOLS) or "").partition("; ")
    if what:
        yield Finding("network faults", "warning", what, remedy)
    else:
        yield Finding("network faults", "ok", f"{', '.join(inside.TOOLS)} are here")


def container_engine(_home: Store) -> Iterator[Finding]:
    """Where there is one: whether it has what our image is made of, and what killed runs left on it."""
    if engine.problem():
        return
    try:
        there = engine.connect()
    except ClusterError as error:
        what, _, remedy = str(error).partition("; ")
        yield Finding("container engine", "warning", what, remedy)
        return
    try:
        base, left = docker_image.lacking(there), debris.left(there)
    finally:
        there.api.close()
    if base:
        yield Finding(
            "base image", "warning", f"{base} is not on the engine", f"tools/engine-up, or docker pull {base}"
        )
    else:
        yield Finding("base image", "ok", "nothing has to be fetched")
    if left:
        yield Finding("leftovers on the engine", "warning", f"{len(left)} of killed runs, as {left[0]}", PRUNE)
    else:
        yield Finding("leftovers on the engine", "ok", "none")


def folders(home: Store) -> Iterator[Finding]:
    for name, path, remedy in (
        ("store", home.root, "set --store (or LABELPROOF_STORE) to a folder of yours"),
        ("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR to a folder of yours"),
    ):
        present = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
        lacking = store.shortage(present, DISK_BYTES_MIN)
        if not os.access(present, os.W_OK | os.X_OK) or not present.is_dir():
            yield Finding(name, "missing", f"{present} is not writable", remedy, Exit.UNAVAILABLE)
        elif lacking:
            yield Finding(name, "missing", lacking, remedy, Exit.UNAVAILABLE)
        else:
            yield Finding(name, "ok", f"{path} can be written")


def leftovers(_home: Store) -> Iterator[Finding]:
    dead = owner.dead()
    if dead:
        yield Finding("leftovers", "warning", f"{len(dead)} folders of killed runs, as {dead[0]}", PRUNE)
    else:
        yield Finding("leftovers", "ok", "none")


LOOKS: tuple[Callable[[Store], Iterator[Finding]], ...] = (
    python, libraries, libsepol, runtimes, network_faults, container_engine, folders, leftovers,
)  # fmt: skip
