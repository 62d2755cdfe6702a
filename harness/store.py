"""The run store: `.labelproof/runs/<UTC time>-<short id>/`, the link `latest`, and what is removed of it.

results.json  junit.xml  report.html  audit.log  history/  policy/  policy.33  logs/
cluster-2/ ...   the same of a second cluster, where the tests of one run asked for clusters of several flavours
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(".labelproof")
LATEST = "latest"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_IGNORE = "# Made by labelproof: recorded runs and caches are not for version control.\n*\n"


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of one run."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    def parts(self) -> list[Path]:
        """The folders with a history each: one a cluster."""
        return [folder for folder in (self.path, *sorted(self.path.glob("cluster-*"))) if (folder / "history").is_dir()]


class Store:
    """All runs under one folder `.labelproof`."""

    def __init__(self, root: Path = FOLDER) -> None:
        self.root = root
        self.runs_folder = root / "runs"
        self.cache = root / "cache"
        self.clusters = root / "clusters"

    def create(self) -> Run:
        """A new run's folder, with `latest` pointing to it. Raises OSError naming what cannot be made."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.prepare()
        run = Run(self.runs_folder / name)
        (run.path / "logs").mkdir(parents=True)
        self._point_latest(name)
        return run

    def prepare(self) -> None:
        """Makes the store's folder, which version control ignores."""
        self.runs_folder.mkdir(parents=True, exist_ok=True)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text(_IGNORE, encoding="utf-8")

    def runs(self) -> list[Run]:
        """Oldest first: the name begins with the time."""
        if not self.runs_folder.is_dir():
            return []
        return [Run(path) for path in sorted(self.runs_folder.iterdir()) if _NAME.fullmatch(path.name)]

    def find(self, name: str) -> Run:
        """A run by `latest`, its id, the end of its id, or its path. Raises LookupError naming the remedy."""
        if name == LATEST and (path := self.runs_folder / LATEST).exists():
            return Run(path.resolve())
        if name and (path := Path(name)).is_dir():
            return Run(path)
        found = [run for run in self.runs() if name and (run.id == name or run.id.endswith(f"-{name}"))]
        if len(found) == 1:
            return found[0]
        raise LookupError(f"no run {name!r} in {self.runs_folder}; `labelproof list runs` names them")

    def take(self, folder: Path) -> Run:
        """Moves a run that was recorded elsewhere, on any disk, into the store; it is `latest` then.

        OSError if it is there.
        """
        self.prepare()
        made = Run(self.runs_folder / folder.name)
        if made.path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(made.path))
        shutil.move(folder, made.path)
        self._point_latest(made.id)
        return made

    def discard(self, run: Run) -> None:
        """Removes a run that came to nothing; `latest` is the one before it again."""
        shutil.rmtree(run.path)
        (self.runs_folder / LATEST).unlink(missing_ok=True)
        if runs := self.runs():
            self._point_latest(runs[-1].id)

    def prune(self, keep: int, *, dry_run: bool = False) -> list[Run]:
        """Removes all but the newest `keep` runs, and returns those removed."""
        runs = self.runs()
        old = runs[: max(0, len(runs) - keep)]
        for run in old if not dry_run else ():
            shutil.rmtree(run.path)
        if not dry_run and not (self.runs_folder / LATEST).exists():
            (self.runs_folder / LATEST).unlink(missing_ok=True)
        return old

    def _point_latest(self, name: str) -> None:
        """In one step, so that a reader never finds the link missing. The draft's name is the run's own: several
        machines may share the store, and a pid means something on one only."""
        draft = self.runs_folder / f".{LATEST}.{name}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(name)
        draft.replace(self.runs_folder / LATEST)


def shortage(path: Path, needed_bytes: int) -> str | None:
    """A sentence where the disk of `path` has less room than that, else None."""
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    if free >= needed_bytes:
        return None
    return f"{path.resolve()} has {free >> 20} MiB left and {needed_bytes >> 20} are needed"
