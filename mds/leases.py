"""Leases on files (fcntl(2), F_SETLEASE): whoever opens the file otherwise waits until the holder has given way.

In memory only, as the handles are. Sans-io: time comes in, who waits is called. Rules: fs/locks.c (generic_add_lease,
generic_delete_lease, __break_lease, time_out_leases).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from lsm import Fid
from lsm.vfs import F_RDLCK, F_UNLCK, F_WRLCK

# /proc/sys/fs/lease-break-time, ns: so long a holder may keep others waiting.
BREAK_NS = 45 * 10**9
# So long an open that has to wait counts as one, ns; whoever waits asks again before that (mds/ops/base.py, WAIT_S).
WAITS_NS = 10 * 10**9

Wake = Callable[[], None]


@dataclass(slots=True)
class Lease:
    """One open file's. `becomes`: what it is to be, since somebody waits for that; by `until_ns` it is so anyway."""

    type: int
    becomes: int | None = None
    until_ns: int = 0

    @property
    def target(self) -> int:
        return self.type if self.becomes is None else self.becomes


class Leases:
    """By file and the handle that holds it."""

    def __init__(self) -> None:
        self._held: dict[Fid, dict[bytes, Lease]] = {}
        self._waiting: dict[Fid, list[Wake]] = {}
        # Who waits to open which file: whether to write, and until when that is to be believed.
        self._opening: dict[tuple[Fid, Hashable], tuple[bool, int]] = {}

    def take(self, fid: Fid, handle: bytes, type: int, now_ns: int) -> None:
        """F_RDLCK or F_WRLCK for the handle, over what it had. BlockingIOError(EAGAIN) for another's in the way.

        Whoever waits to open the file counts as one that has it open (fs/locks.c, check_conflicting_open: the open was
        counted before it began to wait), so that no holder keeps it waiting by a new lease.
        """
        held = self._current(fid, now_ns)
        others = [lease for holder, lease in held.items() if holder != handle]
        opening = [write for (of, _), (write, until_ns) in self._opening.items() if of == fid and until_ns > now_ns]
        if (
            any(type == F_WRLCK or lease.becomes == F_UNLCK for lease in others)
            or any(opening)
            or (type == F_WRLCK and opening)
        ):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        mine = held.get(handle)
        # A read lease is all that a reader waits for; else what it is to become stands (fs/locks.c, lease_modify).
        pending = None if mine is None or (type == mine.becomes == F_RDLCK) else mine.becomes
        self._held.setdefault(fid, {})[handle] = Lease(type, pending, mine.until_ns if mine else 0)
        self._wake(fid)

    def drop(self, fid: Fid, handle: bytes) -> bool:
        """The handle's lease is gone; whether it had one."""
        gone = self._held.get(fid, {}).pop(handle, None)
        if not self._held.get(fid):
            self._held.pop(fid, None)
        self._wake(fid)
        return gone is not None

    def told(self, fid: Fid, handle: bytes, now_ns: int) -> int:
        """F_GETLEASE: what the handle has; where somebody waits, what it is to become."""
        lease = self._current(fid, now_ns).get(handle)
        return F_UNLCK if lease is None else lease.target

    def broken(self, fid: Fid, *, write: bool, now_ns: int, by: Hashable = None) -> bool:
        """Whether an open, to write or to read only, has to wait. Those in its way are to give way from now on.

        `by`: who opens, if that is somebody who will wait.
        """
        waits = self._break(fid, write=write, now_ns=now_ns)
        self._opening = {who: what for who, what in self._opening.items() if what[1] > now_ns and who != (fid, by)}
        if waits and by is not None:
            self._opening[fid, by] = (write, now_ns + WAITS_NS)
        return waits

    def wait(self, fid: Fid, wake: Wake) -> None:
        """`wake` is called at whatever happens to the file's leases, until `leave`."""
        self._waiting.setdefault(fid, []).append(wake)

    def leave(self, fid: Fid, wake: Wake) -> None:
        self._waiting[fid].remove(wake)
        if not self._waiting[fid]:
            del self._waiting[fid]

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def _break(self, fid: Fid, *, write: bool, now_ns: int) -> bool:
        waits = False
        for lease in self._current(fid, now_ns).values():
            if not write and lease.type == F_RDLCK:
                continue
            waits = True
            wanted = F_UNLCK if write else F_RDLCK
            if lease.becomes is None or (write and lease.becomes == F_RDLCK):
                lease.becomes, lease.until_ns = wanted, now_ns + BREAK_NS
        return waits

    def _current(self, fid: Fid, now_ns: int) -> dict[bytes, Lease]:
        """The file's leases, those whose time is over being what they had to become."""
        held = self._held.get(fid, {})
        for handle, lease in list(held.items()):
            if lease.becomes is not None and lease.until_ns <= now_ns:
                held[handle] = Lease(lease.becomes)
                if lease.becomes == F_UNLCK:
                    self.drop(fid, handle)
        return held

    def _wake(self, fid: Fid) -> None:
        for wake in list(self._waiting.get(fid, ())):
            wake()
