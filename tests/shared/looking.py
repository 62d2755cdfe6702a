"""Whether something comes to hold, and what processes, namespaces and mounts there are."""

import time
from collections.abc import Callable
from pathlib import Path

_LOOK_S = 0.02


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Whether it came to hold in time; looked at again and again."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return bool(condition())


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def children() -> list[int]:
    """The children of this process's threads."""
    return of(Path("/proc/self"))


def of(process: Path) -> list[int]:
    """The children of a process, by its folder."""
    return [int(pid) for task in process.glob("task/*") for pid in read(task / "children").split()]


def marked(mark: str) -> list[int]:
    """The processes with that in their environment."""
    return [pid for pid in processes() if mark.encode() in read(f"/proc/{pid}/environ").split(b"\0")]


def namespace(pid: int, kind: str = "net") -> str:
    """Which one the process is in; empty: it has ended."""
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return ""


def in_use(kind: str = "net") -> set[str]:
    """The namespaces that some process is in."""
    return {namespace(pid, kind) for pid in processes()} - {""}


def mounted(what: object) -> list[str]:
    """Mounts with that in their line of mountinfo, in whatever mount namespace."""
    wanted = str(what).encode()
    return sorted({
        line.decode() for pid in processes() for line in read(f"/proc/{pid}/mountinfo").splitlines() if wanted in line
    })  # fmt: skip


def read(path: object) -> bytes:
    """Nothing where it is gone."""
    try:
        return Path(str(path)).read_bytes()
    except OSError:
        return b""
