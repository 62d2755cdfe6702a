"""The state of a filesystem after a step, in a form in which two of them compare."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

# Times that the sequences set are of these; all others are "some time since".
EXPLICIT_NS = (0, 5 * 10**17 + 123456789, 10**18, 10**18 + 999999999)
Times = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """An inode as it was found: `ident` is its number there, `times` atime, mtime, ctime in ns."""

    ident: Any
    attrs: Mapping[str, int]
    times: Times
    xattrs: Mapping[str, bytes]
    content: bytes = b""

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.attrs["mode"])


Snapshot = Mapping[str, Seen]


@dataclass(frozen=True, slots=True)
class After:
    """What came of a step, and the state then. Of the cluster also who has been read through files that are open, and
    who is open for writing."""

    outcome: tuple[str, Any]
    state: Snapshot
    reading: Set[Any] = frozenset()
    writing: Set[Any] = frozenset()


def described(now: Snapshot, before: Mapping[Any, Times]) -> dict[str, dict[str, Any]]:
    """path -> what compares. `before`: the times of each inode before the step."""
    first: dict[Any, str] = {}
    for path in sorted(now):
        first.setdefault(now[path].ident, path)
    return {path: dict(_facts(seen, first[seen.ident], before.get(seen.ident))) for path, seen in now.items()}


def _facts(seen: Seen, same_as: str, before: Times | None) -> Iterator[tuple[str, Any]]:
    yield "inode", same_as
    for name, value in seen.attrs.items():
        # A directory's size is its filesystem's own business.
        if not (name == "size" and seen.is_dir):
            yield name, oct(value) if name == "mode" else value
    yield "xattrs", dict(sorted(seen.xattrs.items()))
    yield "content", seen.content
    for number, name in enumerate(("atime", "mtime", "ctime")):
        yield name, _moved(seen.times[number], before and before[number])


def _moved(now: int, before: int | None) -> str:
    if now == before:
        return "stayed"
    return str(now) if now in EXPLICIT_NS else "moved"
