"""Folders with a living owner: what a cluster keeps in the temporary folder, and how what is left over is found.

The name says who owns it, `labelproof-<run>.<pid>.<start time>.<random>`, so that a folder goes with the last thing
in it. The start time is there for a pid that was given again.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"labelproof-.+\.(\d+)\.(\d+)\.[^.]+")


def make(run: str, root: Path | None = None) -> Path:
    """A new folder for the data of run `run`, owned by this process. OSError names the folder that cannot be made."""
    pid = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"labelproof-{run}.{pid}.{start_time(pid)}.", dir=root))


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
    """Whether the process that made `folder` still runs."""
    match = _NAME.fullmatch(folder.name)
    try:
        return match is not None and start_time(int(match[1])) == int(match[2])
    except OSError:
        return False


def remove(folder: Path) -> None:
    """Removes `folder`, also while others remove parts of it."""
    shutil.rmtree(folder, ignore_errors=True)


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of process `pid` (proc(5), stat field 22). OSError if there is none."""
    return int(stat(Path(f"/proc/{pid}"))[19])


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
