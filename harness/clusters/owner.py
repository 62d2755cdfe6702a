"""Folders with a living owner: what a cluster keeps in the temporary folder, and how what is left over is found.

A process is known by its pid and its start time, so that a pid that was given again is not taken for the owner.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "labelproof-"
OWNER = "owner.json"


def make(run: str, root: Path | None = None) -> Path:
    """A new folder for the data of run `run`, owned by this process. OSError names the folder that cannot be made."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{run}-", dir=root))
    try:
        (folder / OWNER).write_text(json.dumps({"pid": os.getpid(), "start": start_time(os.getpid())}))
    except OSError:
        remove(folder)
        raise
    return folder


def prune(root: Path | None = None) -> list[Path]:
    """Removes the folders whose owner lives no more, and returns them. Those of other users are left alone."""
    dead = [folder for folder in _owned(root) if not alive(folder)]
    for folder in dead:
        remove(folder)
    return dead


def alive(folder: Path) -> bool:
    """Whether the process that made `folder` still runs; a folder without a readable owner has none."""
    try:
        owner = json.loads((folder / OWNER).read_text())
        return bool(owner["start"] == start_time(owner["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remove(folder: Path) -> None:
    """Removes `folder`, also while others remove parts of it."""
    shutil.rmtree(folder, ignore_errors=True)


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of process `pid` (proc(5), stat field 22). OSError if there is none."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    # The command's name stands in parentheses and may hold anything, parentheses too.
    return int(stat.rpartition(")")[2].split()[19])


def _owned(root: Path | None) -> list[Path]:
    """The folders that this user made, other than those being made right now, which have no owner file yet."""
    candidates = (root or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{OWNER}")
    return sorted(path.parent for path in candidates if path.stat().st_uid == os.getuid())
