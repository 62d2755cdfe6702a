"""The true labels: for every object and version the label that the rules give it, whatever the servers say.

An MDT's label is the file's. What an OST's object carries is the same, but while a relabel is in doubt: the OSTs are
told before the MDT is, and where one of them did not answer, the others are told to undo it. Until then their objects
truly have the other label, at a version that the file itself may never have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Stored:
    """One label of one object: from the moment `seq` of the judging on, as its version `version`. `sure`: whoever
    asked for it was told, so that nothing may take it back."""

    seq: int
    version: int
    label: str | None
    sure: bool = True


class Truth:
    """Per FID the labels that it had, oldest first. Times are places in the order in which events are judged."""

    def __init__(self) -> None:
        self._labels: dict[str, list[Stored]] = {}
        self._objects: dict[str, dict[str, list[Stored]]] = {}
        self._told: dict[str, list[Stored]] = {}
        self.seq = 0

    def known(self, fid: str | None) -> bool:
        return fid in self._labels

    def put(self, fid: str, version: int, label: str | None, *, sure: bool = True) -> None:
        """From now on the file's label is this one."""
        self._labels.setdefault(fid, []).append(Stored(self.seq, version, label, sure))

    def confirm(self, fid: str, version: int) -> None:
        """The label of this version is acknowledged."""
        found = _last(self._labels.get(fid, ()), lambda stored: stored.version == version)
        if found:
            found.sure = True

    def tell(self, fid: str | None) -> None:
        """Whoever set the file's label knows by now that it is set."""
        if fid is not None and fid in self._labels:
            now = self._labels[fid][-1]
            self._told.setdefault(fid, []).append(Stored(self.seq, now.version, now.label))

    def told_by(self, fid: str, seq: int) -> int | None:
        """The version of the label that somebody knew by `seq` to be set; nobody may take the file for older then."""
        found = _last(self._told.get(fid, ()), lambda stored: stored.seq <= seq)
        return found.version if found else None

    def give(self, node: str, fid: str, version: int, label: str | None) -> None:
        """From now on the file's object on this server carries this label."""
        self._objects.setdefault(fid, {}).setdefault(node, []).append(Stored(self.seq, version, label))

    def drop(self, node: str, fid: str) -> None:
        """The file has no object on this server any more."""
        self._objects.get(fid, {}).pop(node, None)

    def now(self, fid: str) -> str | None:
        """The label that the file has; None: no label. Raises KeyError for one never seen."""
        return self._labels[fid][-1].label

    def acknowledged(self, fid: str) -> str | None:
        """The label that nothing may take back: the last one that was acknowledged. Raises KeyError."""
        stored = self._labels[fid]
        return next((s.label for s in reversed(stored) if s.sure), stored[0].label)

    def version(self, fid: str) -> int:
        """The version of the label that the file has. Raises KeyError."""
        return self._labels[fid][-1].version

    def held(self, node: str, fid: str) -> Stored | None:
        """What the file's object on this server carries."""
        return self._objects.get(fid, {}).get(node, [None])[-1]

    def objects(self, fid: str) -> Iterator[tuple[str, Stored]]:
        """The file's objects: the server, and what each carries."""
        return ((node, stored[-1]) for node, stored in self._objects.get(fid, {}).items())

    def version_at(self, fid: str, seq: int, node: str = "") -> int | None:
        """The version of the label that the file, or its object on the server, had by `seq`, whichever is newer; None
        for one that was not seen by then."""
        found = [_last(history, lambda stored: stored.seq <= seq) for history in self._both(fid, node)]
        return max((stored.version for stored in found if stored), default=None)

    def at(self, fid: str, version: int, node: str = "") -> tuple[str | None] | None:
        """The label at a version, in a tuple of one; None if neither the file nor its object there ever had it."""
        for history in self._both(fid, node):
            if found := _last(history, lambda stored: stored.version == version):
                return (found.label,)
        return None

    def since(self, fid: str, seq: int) -> set[str | None]:
        """Every label that the file had at `seq` or later."""
        return _since(self._labels.get(fid, ()), seq)

    def object_since(self, node: str, fid: str, seq: int) -> set[str | None]:
        """Every label that the file's object on the server had at `seq` or later; none if it has no object there."""
        return _since(self._objects.get(fid, {}).get(node, ()), seq)

    def _both(self, fid: str, node: str) -> tuple[list[Stored], list[Stored]]:
        return self._objects.get(fid, {}).get(node, []), self._labels.get(fid, [])


def _last(history: Sequence[Stored], fits: Callable[[Stored], bool]) -> Stored | None:
    return next((stored for stored in reversed(history) if fits(stored)), None)


def _since(history: Sequence[Stored], seq: int) -> set[str | None]:
    found: set[str | None] = set()
    for stored in reversed(history):
        found.add(stored.label)
        if stored.seq <= seq:
            break
    return found
