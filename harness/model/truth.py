"""The true labels: for every object and version the label that the rules give it, whatever the servers say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """One label of one object: from the moment `seq` of the judging on, as its version `version`."""

    seq: int
    version: int
    label: str | None


class Truth:
    """Per FID the labels that it had, oldest first. Times are places in the order in which events are judged."""

    def __init__(self) -> None:
        self._labels: dict[str, list[Stored]] = {}
        self.seq = 0

    def known(self, fid: str | None) -> bool:
        return fid in self._labels

    def put(self, fid: str, version: int, label: str | None) -> None:
        """From now on the object's label is this one."""
        self._labels.setdefault(fid, []).append(Stored(self.seq, version, label))

    def now(self, fid: str) -> str | None:
        """The label that the object has; None: no label. Raises KeyError for an object never seen."""
        return self._labels[fid][-1].label

    def version(self, fid: str) -> int:
        """The version of the label that the object has. Raises KeyError."""
        return self._labels[fid][-1].version

    def version_at(self, fid: str, seq: int) -> int | None:
        """The version of the label that the object had by `seq`; None for one that was not seen by then."""
        return next((s.version for s in reversed(self._labels.get(fid, ())) if s.seq <= seq), None)

    def before(self, fid: str) -> str | None:
        """The label before the present one, or the present one if there was none."""
        return self._labels[fid][-2:][0].label

    def at(self, fid: str, version: int) -> tuple[str | None] | None:
        """The label at a version, in a tuple of one; None if the object never had the version."""
        for stored in reversed(self._labels.get(fid, ())):
            if stored.version == version:
                return (stored.label,)
        return None

    def since(self, fid: str, seq: int) -> set[str | None]:
        """Every label that the object had at `seq` or later."""
        found: set[str | None] = set()
        for stored in reversed(self._labels.get(fid, ())):
            found.add(stored.label)
            if stored.seq <= seq:
                break
        return found
