"""Operations whose outcome depends on which of them comes first, as a test that calls several at once has them.

Two runs of the same code need not agree on those: who wins, how often somebody has to look again. They are under way at
the same time, in one test, at the same place, and one of them changes it. What else they come to is compared: the
labels found at the end, and whatever is done when they are over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from harness.history import Event

# What is called changes nothing that another operation at the same place could notice, but for its locks, which it
# waits for. What is not named here is taken for a change.
_LOOKS = frozenset({
    "access", "chdir", "close", "fcntl", "flock", "fstat", "getlk", "getxattr", "ioctl", "listxattr", "lockf", "lseek",
    "lstat", "mmap", "mprotect", "pread", "read", "readdir", "readlink", "stat", "statfs", "watch",
})  # fmt: skip
_MAKES = os.O_CREAT | os.O_TRUNC
_PATHS = ("path", "to")


def find(ops: Mapping[str, Event], ends: Mapping[str, Event]) -> frozenset[str]:
    """The ids of those in a race. `ops` and `ends` are by id, in the order in which they were called and ended."""
    places = _places(ops, ends)
    racing: set[str] = set()
    for op, other in _overlapping(ops, ends):
        changed = _changes(ops[op]) or _changes(ops[other])
        if changed and _meet(places[op], places[other]):
            racing |= {op, other}
    return frozenset(racing)


def _overlapping(ops: Mapping[str, Event], ends: Mapping[str, Event]) -> Iterator[tuple[str, str]]:
    """Pairs of one test that are under way at the same time; one without an end is under way until its test ends."""
    running: dict[str, int | None] = {}
    test: str | None = None
    for op, invoke in ops.items():
        if invoke.get("test") != test:
            running, test = {}, invoke.get("test")
        running = {other: end for other, end in running.items() if end is None or end > invoke["i"]}
        yield from ((other, op) for other in running)
        running[op] = ends[op]["i"] if op in ends else None


def _places(ops: Mapping[str, Event], ends: Mapping[str, Event]) -> dict[str, frozenset[str]]:
    """The paths that each is about; of a descriptor the path that was opened."""
    opened: dict[tuple[str, str, object], str] = {}
    found: dict[str, frozenset[str]] = {}
    for op, invoke in ops.items():
        args, who = invoke["args"], (invoke["client"], invoke["task"])
        answer = ends.get(op, {}).get("ret")
        about = [args[name] for name in _PATHS if isinstance(args.get(name), str)]
        held = (opened.get((*who, args[name])) for name in ("fd", *_PATHS) if isinstance(args.get(name), int))
        about += filter(None, held)
        if isinstance(answer, dict) and "fd" in answer and about:
            opened[*who, answer["fd"]] = about[0]
        found[op] = frozenset(about)
    return found


def _changes(invoke: Event) -> bool:
    if invoke["f"] == "open":
        return bool(invoke["args"].get("flags", _MAKES) & _MAKES)
    return invoke["f"] not in _LOOKS


def _meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether one path of each is the same, or the other's folder or anything above that."""
    return any(
        path == other or path.startswith(f"{other.rstrip('/')}/") or other.startswith(f"{path.rstrip('/')}/")
        for path in some
        for other in others
    )
