"""Open files and directories: in memory only, so that a restart makes every handle stale."""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, replace

from lsm import Fid, Subject
from lsm.hooks import MAY_READ, MAY_WRITE, Opened

HANDLE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Handle:
    """One open file of one task on one client node; `mask` of MAY_*. `path`: it was opened with O_PATH.

    `opener` is the task as it was when it opened the file.
    """

    id: bytes
    node: str
    opener: Subject
    fid: Fid
    mask: int
    opened: Opened
    path: bool = False

    @property
    def writes(self) -> bool:
        return bool(self.mask & MAY_WRITE)


class Handles:
    """The table of handles; `rng` draws their ids."""

    def __init__(self, rng: random.Random) -> None:
        # Files without a name that may still be given their first one (fs.h, I_LINKABLE).
        self.linkable: set[Fid] = set()
        self._rng = rng
        self._by_id: dict[bytes, Handle] = {}
        self._by_fid: dict[Fid, dict[bytes, Handle]] = {}

    def open(
        self, node: str, opener: Subject, fid: Fid, mask: int, opened: Opened, *, path: bool = False
    ) -> Handle:  # fmt: skip
        handle = Handle(self._rng.randbytes(HANDLE_BYTES), node, opener, fid, mask, opened, path)
        self._by_id[handle.id] = handle
        self._by_fid.setdefault(fid, {})[handle.id] = handle
        return handle

    def change(self, handle: Handle, mask: int) -> Handle:
        """The same handle, good for `mask` from now on."""
        changed = replace(handle, mask=mask)
        self._by_id[handle.id] = self._by_fid[handle.fid][handle.id] = changed
        return changed

    def get(self, handle: bytes, node: str, subject: Subject) -> Handle:
        """The handle, for the task that opened it, whatever its context is now, and from the same node; else ESTALE."""
        found = self._by_id.get(handle)
        if found is None or found.node != node or found.opener.task != subject.task:
            raise OSError(errno.ESTALE, "no such open handle of this task; open the file again", handle.hex())
        return found

    def close(self, handle: Handle) -> None:
        """Forgets a handle; one that is gone already stays gone."""
        if self._by_id.pop(handle.id, None) is None:
            return
        of_file = self._by_fid[handle.fid]
        del of_file[handle.id]
        if not of_file:
            del self._by_fid[handle.fid]
            self.linkable.discard(handle.fid)

    def of(self, node: str) -> list[Handle]:
        """What a client node holds."""
        return [handle for handle in self._by_id.values() if handle.node == node]

    def __len__(self) -> int:
        return len(self._by_id)

    def is_open(self, fid: Fid) -> bool:
        return fid in self._by_fid

    def others(self, handle: Handle) -> int:
        """How many others have the file open for reading or writing."""
        return sum(each.id != handle.id and bool(each.mask) for each in self._by_fid.get(handle.fid, {}).values())

    def readers(self, fid: Fid) -> int:
        """How many have the file open for reading."""
        return sum(bool(handle.mask & MAY_READ) for handle in self._by_fid.get(fid, {}).values())

    def writers(self, fid: Fid) -> int:
        """How many have the file open for writing."""
        return sum(handle.writes for handle in self._by_fid.get(fid, {}).values())
