"""What the image of our nodes is built from: the sources, or an installed package, which brings all of it along.

Both give the same files under the same names, hence the same image. pyproject.toml says what an installed package holds
besides the packages themselves (force-include).
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import harness
from harness.clusters.errors import ClusterError

DOCKERFILE, IGNORED, PROJECT = "Dockerfile", ".dockerignore", "pyproject.toml"
# The sources, or where packages are installed.
ROOT = Path(harness.__file__).parents[1]
# Of the project's own folder, in an installed package.
BESIDES = Path("harness", "containers", "image")
# What no node imports.
_NOT_OF_NODES = ("harness/", "docker-compose.yml")


def files(root: Path = ROOT) -> dict[str, Path]:
    """What the builder is sent, each by its name there. ClusterError: under `root` there are no sources of ours."""
    if (root / DOCKERFILE).exists():
        return {name: root / name for name in _passing(root) if (root / name).is_file()}
    if (root / BESIDES / DOCKERFILE).exists():
        return dict(sorted(_installed(root)))
    raise ClusterError(f"{root} has no {DOCKERFILE}; run from the sources, or set LABELPROOF_IMAGE to an image")


def digest(found: Mapping[str, Path]) -> str:
    """Of what nodes run: names and contents, but of what no node imports."""
    made = hashlib.sha256()
    for name in sorted(name for name in found if not name.startswith(_NOT_OF_NODES)):
        content = found[name].read_bytes()
        made.update(f"{name}\0{len(content)}\0".encode() + content)
    return made.hexdigest()[:16]


@contextmanager
def packed(found: Mapping[str, Path]) -> Iterator[IO[bytes]]:
    """The files as an archive that the engine's builder takes."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name, path in found.items():
                archive.add(path.resolve(), name, filter=_anybodys)
        file.seek(0)
        yield file


def _passing(root: Path) -> list[str]:
    """What .dockerignore lets pass."""
    from docker.utils.build import exclude_paths

    patterns = [line for line in (root / IGNORED).read_text().splitlines() if line and line[0] != "#"]
    return sorted(exclude_paths(str(root), patterns))


def _installed(root: Path) -> Iterable[tuple[str, Path]]:
    for path in (root / BESIDES).iterdir():
        yield path.name, path
    project = tomllib.loads((root / BESIDES / PROJECT).read_text(encoding="utf-8"))
    for folder in map(Path, project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]):
        for path in (root / folder.name).rglob("*"):
            name = path.relative_to(root)
            if path.is_file() and path.suffix != ".pyc" and not name.is_relative_to(BESIDES):
                yield str(folder.parent / name), path


def _anybodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who owns a file here is of no concern there, and nodes run as users who own none."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member
