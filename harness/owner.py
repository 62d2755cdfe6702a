"""Folders with a living owner: what a cluster keeps in the temporary folder, and how what is left over is found.

The name says who owns it, `labelproof-<run>.<place>.<pid>.<start time>.<random>`, so that a folder goes with the last
thing in it. The start time is there for a pid that was given again, the place for a folder that containers or machines
share: a pid means something in one of them only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where nobody can see whether the owner lives, a folder may go that long after it was made.
LEASE_S = 24 * 3600
# Field 22 of /proc/PID/stat, counted from field 3 on.
_START = 19
_NAME = re.compile(r"labelproof-.+\.([0-9a-f]{8})\.(\d+)\.(\d+)\.[^.]+")


def make(run: str, root: Path | None = None) -> Path:
    """A new folder for the data of run `run`, owned by this process. OSError names the folder that cannot be made."""
    pid = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"labelproof-{run}.{place()}.{pid}.{start_time(pid)}.", dir=root))


@contextmanager
def owned(run: str, root: Path | None = None) -> Iterator[Path]:
    """As `make`; it goes with the block, and by `prune` if this process is killed in it."""
    folder = make(run, root)
    try:
        yield folder
    finally:
        remove(folder)


def prune(root: Path | None = None) -> list[Path]:
    """Removes the folders whose owner lives no more, and returns them. Those of other users are left alone."""
    found = dead(root)
    for folder in found:
        remove(folder)
    return found


def dead(root: Path | None = None) -> list[Path]:
    """What `prune` would remove."""
    candidates = sorted((root or Path(tempfile.gettempdir())).glob("labelproof-*"))
    return [folder for folder in candidates if _ours(folder) and not alive(folder)]


def alive(folder: Path) -> bool:
    """Whether the process that made `folder` still runs; of one that cannot be seen from here, whether it may."""
    match = _NAME.fullmatch(folder.name)
    if match is None:
        return False
    try:
        if match[1] != place():
            return time.time() - folder.stat().st_mtime < LEASE_S
    except OSError:
        return False
    return runs(int(match[2]), int(match[3]))


def runs(pid: int, start: int) -> bool:
    """Whether the process `pid` that started at `start` (see start_time) still does: one that has ended and that nobody
    has waited for does not (proc(5), stat field 3). Who adopts the orphans of a killed run may take its time."""
    try:
        state = stat(Path(f"/proc/{pid}"))
    except OSError:
        return False
    return int(state[_START]) == start and state[0] not in ("Z", "X")


def remove(folder: Path) -> None:
    """Removes `folder`, also while others remove parts of it."""
    shutil.rmtree(folder, ignore_errors=True)


def place() -> str:
    """Where pids mean what they mean to this process: this boot of this machine, in this pid namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return hashlib.sha256(f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}".encode()).hexdigest()[:8]


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of process `pid` (proc(5), stat field 22). OSError if there is none."""
    return int(stat(Path(f"/proc/{pid}"))[_START])


def stat(process: Path) -> list[str]:
    """What proc(5) tells of a process or a thread, by its folder, from field 3 on: the state. OSError if it is gone."""
    text = (process / "stat").read_text(encoding="utf-8", errors="replace")
    # The command's name stands in parentheses and may hold anything, parentheses too.
    return text.rpartition(")")[2].split()


def _ours(folder: Path) -> bool:
    try:
        return _NAME.fullmatch(folder.name) is not None and folder.lstat().st_uid == os.getuid()
    except FileNotFoundError:
        return False
