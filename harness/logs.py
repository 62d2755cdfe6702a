"""What the nodes of a cluster have written to their logs since a test began."""

from __future__ import annotations

import os
from pathlib import Path

LOG_BYTES_MAX = 16 << 10  # of each node: what nobody reads is not sent from worker to controller, and not kept


class Logs:
    """`folder` holds a `<node>.log` for each node, or one for several that share a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends: dict[str, int] = {}

    def mark(self) -> None:
        """From here on it counts."""
        self._ends = {path.stem: path.stat().st_size for path in self._folder.glob("*.log")}

    def since(self) -> list[tuple[str, str]]:
        """(name, text) of each log that has grown since the mark, by name: the last LOG_BYTES_MAX of it."""
        paths = sorted(self._folder.glob("*.log"))
        found = [(path.stem, _tail(path, self._ends.get(path.stem, 0))) for path in paths]
        return [(name, text) for name, text in found if text.strip()]


def _tail(path: Path, start: int) -> str:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        cut = max(start, end - LOG_BYTES_MAX)
        file.seek(cut)
        text = file.read(end - cut).decode("utf-8", "replace")
    return text if cut == start else f"... {cut - start} bytes left out ...\n{text}"
