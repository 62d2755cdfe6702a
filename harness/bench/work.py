"""The operations that are measured, as a driver runs them in the client's own process.

Each is a loop of one task. What it needs is made before the clock starts, what it leaves is removed after it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

SMALL_BYTES = 4096
LARGE_BYTES = 1 << 20

System = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What one task has to work with: a directory, a `file` there that nobody has open, and another that is open."""

    directory: str
    file: str
    fd: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of operation: `once` is measured, and what it gives is cleaned up by `after` outside the measure."""

    once: Callable[[System, Ground, int], Awaitable[Any]]
    after: Callable[[System, Ground, int, Any], Awaitable[None]] | None = None


async def prepare(system: System, name: str) -> Ground:
    """A directory and two files of LARGE_BYTES for the task called `name`."""
    directory = f"/bench-{name}"
    await system("mkdir", path=directory, mode=0o755)
    closed = await _written(system, f"{directory}/closed")
    await system("close", fd=closed)
    return Ground(directory, f"{directory}/closed", await _written(system, f"{directory}/open"))


async def _written(system: System, path: str) -> int:
    """A new file with data in it; its descriptor."""
    opened = await system("open", path=path, flags=os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o644)
    await system("pwrite", fd=opened["fd"], data=_DATA, offset=0)
    return int(opened["fd"])


async def _create(system: System, ground: Ground, number: int) -> Any:
    path = f"{ground.directory}/new-{number}"
    return await system("open", path=path, flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o644)


async def _uncreate(system: System, ground: Ground, number: int, made: Any) -> None:
    await system("close", fd=made["fd"])
    await system("unlink", path=f"{ground.directory}/new-{number}")


async def _stat(system: System, ground: Ground, number: int) -> Any:
    return await system("stat", path=ground.file)


async def _open(system: System, ground: Ground, number: int) -> None:
    opened = await system("open", path=ground.file, flags=os.O_RDONLY)
    await system("close", fd=opened["fd"])


async def _read_small(system: System, ground: Ground, number: int) -> Any:
    return await system("pread", fd=ground.fd, length=SMALL_BYTES, offset=0)


async def _read_large(system: System, ground: Ground, number: int) -> Any:
    return await system("pread", fd=ground.fd, length=LARGE_BYTES, offset=0)


async def _write_large(system: System, ground: Ground, number: int) -> Any:
    return await system("pwrite", fd=ground.fd, data=_DATA, offset=0)


_DATA = bytes(range(256)) * (LARGE_BYTES // 256)

OPERATIONS: dict[str, Operation] = {
    "create": Operation(_create, _uncreate),
    "stat": Operation(_stat),
    "open+close": Operation(_open),
    "read 4 KiB": Operation(_read_small),
    "read 1 MiB": Operation(_read_large),
    "write 1 MiB": Operation(_write_large),
}
