"""A compiled policy as the harness hands it to nodes and judges: the binary, and the same rules flattened to CIL.

Compiling and flattening are libsepol's, in limited children; both results are kept by digest under the cache folder,
so that a cluster boots without waiting for them, and without libsepol at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import sepol
from harness import policies

CACHE = Path(".labelproof/cache")


@dataclass(frozen=True, slots=True)
class Policy:
    """`binary` is the kernel's format, `cil` its flattened text, `digest` the SHA-256 of the binary in hex."""

    name: str
    binary: bytes = field(repr=False)
    cil: str = field(repr=False)
    digest: str
    version: int

    @classmethod
    def own(cls, name: str, *, cache: Path | None = None) -> Self:
        """The project's own policy `targeted` or `mls`. Raises ValueError for any other name, sepol.Missing."""
        return cls.compile(policies.source(name), name, cache=cache)

    @classmethod
    def from_file(cls, path: Path, *, cache: Path | None = None) -> Self:
        """The policy in a file: CIL text where the name ends in .cil, else a compiled policy.

        Raises OSError naming the file, sepol.PolicyError for what libsepol refuses, sepol.Missing.
        """
        if path.suffix == ".cil":
            return cls.compile({path.name: path.read_text(encoding="utf-8")}, path.stem, cache=cache)
        return cls.from_binary(path.read_bytes(), path.name, cache=cache)

    @classmethod
    def compile(cls, files: Mapping[str, str], name: str, *, cache: Path | None = None) -> Self:
        """The policy of CIL texts, file name -> text, in that order. PolicyError names file and line; Missing."""
        key = _digest(*(part.encode() for pair in files.items() for part in pair))
        binary = _Cache(cache or CACHE).get(f"{key}.bin", lambda: sepol.compile_cil(files, name=name))
        return cls.from_binary(binary, name, cache=cache)

    @classmethod
    def from_binary(cls, binary: bytes, name: str, *, cache: Path | None = None) -> Self:
        """The policy of a compiled one in the kernel's format. Raises sepol.PolicyError, sepol.Missing."""
        digest = hashlib.sha256(binary).hexdigest()
        text = _Cache(cache or CACHE).get(f"{digest}.cil", lambda: _flattened(binary, name))
        version, cil = text.decode().split("\n", 1)
        return cls(name, binary, cil, digest, int(version.removeprefix(_VERSION)))

    def save(self, folder: Path) -> None:
        """Writes `<digest>.bin` and `<digest>.cil`, as a run's folder keeps each policy that it used."""
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / f"{self.digest}.bin", self.binary)
        _replace(folder / f"{self.digest}.cil", self.cil.encode())


# The first line of a cached text: the version of the binary that it was flattened from.
_VERSION = "; version "


class _Cache:
    """Files by name; one process makes a missing one while the others wait for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        path = self._folder / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return self._made(path, make)

    def _made(self, path: Path, make: Callable[[], bytes]) -> bytes:
        from filelock import FileLock  # a warm cache needs no lock, and this import takes longer than reading it

        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "lock"):
            if not path.exists():
                _replace(path, make())
            return path.read_bytes()


def _flattened(binary: bytes, name: str) -> bytes:
    flat = sepol.flatten(binary, name=name)
    return f"{_VERSION}{flat.version}\n{flat.cil}".encode()


def _digest(*parts: bytes) -> str:
    """Of the parts with their lengths, so that moving text from one file to the next is another digest."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Writes in one step: readers see the whole file or none."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
