"""Locks on files as their users see them: flock of a whole file by an open file, POSIX ranges by a process.

Advisory, in memory only: a restart forgets them as it forgets the handles. Sans-io: whoever waits is told by the Waiter
that it gave. Rules: fs/locks.c (flock_lock_inode, posix_lock_inode, posix_locks_deadlock).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

# include/linux/fs.h, OFFSET_MAX
END_MAX = (1 << 63) - 1
Key = Hashable
Owner = Hashable


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on the bytes `start` to `end`, both included. `pid` is what F_GETLK tells of its owner."""

    owner: Owner
    exclusive: bool
    start: int = 0
    end: int = END_MAX
    pid: int = 0

    def overlaps(self, other: Lock) -> bool:
        return self.start <= other.end and other.start <= self.end

    def conflicts(self, other: Lock) -> bool:
        shared = not self.exclusive and not other.exclusive
        return self.owner != other.owner and self.overlaps(other) and not shared


@dataclass(slots=True, eq=False)
class Waiter:
    """Who waits for `lock`; `wake` is called once: with None when it is granted, else with the error."""

    lock: Lock
    wake: Callable[[OSError | None], None]


class Flocks:
    """All of them, by key: a file, and which of the two kinds (they do not see each other)."""

    def __init__(self) -> None:
        self._held: dict[Key, list[Lock]] = {}
        self._waiting: dict[Key, list[Waiter]] = {}

    def held(self, key: Key) -> tuple[Lock, ...]:
        return tuple(self._held.get(key, ()))

    def conflict(self, key: Key, wanted: Lock) -> Lock | None:
        """The first lock of another owner that stands in the way."""
        return next((lock for lock in self._held.get(key, ()) if lock.conflicts(wanted)), None)

    def take(self, key: Key, wanted: Lock) -> None:
        """Grants the lock over whatever its owner has there. BlockingIOError(EAGAIN) if another's is in the way."""
        if self.conflict(key, wanted) is not None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self._held[key] = [*self._without(key, wanted), wanted]
        self._grant(key)

    def drop(self, key: Key, owner: Owner, start: int = 0, end: int = END_MAX) -> None:
        """Takes an owner's locks from a range; who waited for it may have it."""
        left = list(self._without(key, Lock(owner, True, start, end)))
        if left:
            self._held[key] = left
        else:
            self._held.pop(key, None)
        self._grant(key)

    def wait(self, key: Key, waiter: Waiter) -> None:
        """Lines up. OSError(EDEADLK) if those in the way wait for this owner themselves."""
        if self._deadlock(waiter.lock.owner, self.conflict(key, waiter.lock)):
            raise OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))
        self._waiting.setdefault(key, []).append(waiter)

    def leave(self, key: Key, waiter: Waiter) -> None:
        """Waits no longer; no error for one that was granted."""
        queue = self._waiting.get(key, [])
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            self._waiting.pop(key, None)

    def abandon(self, owned: Callable[[Owner], bool]) -> None:
        """Takes every lock and every wait from owners that are gone; who waited for them may have theirs."""
        for key in list(self._waiting):
            for waiter in [waiter for waiter in self._waiting.get(key, ()) if owned(waiter.lock.owner)]:
                self.leave(key, waiter)
                waiter.wake(OSError(errno.ENOTCONN, "the client was evicted"))
        for key in list(self._held):
            for owner in {lock.owner for lock in self._held.get(key, ()) if owned(lock.owner)}:
                self.drop(key, owner)

    def __len__(self) -> int:
        """Those held and those waited for."""
        return sum(map(len, self._held.values())) + sum(map(len, self._waiting.values()))

    def interrupt(self, key: Key, owner: Owner) -> int:
        """Ends the owner's waits with EINTR; how many there were."""
        mine = [waiter for waiter in self._waiting.get(key, ()) if waiter.lock.owner == owner]
        for waiter in mine:
            self.leave(key, waiter)
            waiter.wake(InterruptedError(errno.EINTR, os.strerror(errno.EINTR)))
        return len(mine)

    def _without(self, key: Key, gone: Lock) -> Iterator[Lock]:
        """What is held when `gone`'s owner has nothing left in its range: parts on both sides stay."""
        for lock in self._held.get(key, ()):
            if lock.owner != gone.owner or not lock.overlaps(gone):
                yield lock
                continue
            if lock.start < gone.start:
                yield replace(lock, end=gone.start - 1)
            if lock.end > gone.end:
                yield replace(lock, start=gone.end + 1)

    def _grant(self, key: Key) -> None:
        for waiter in list(self._waiting.get(key, ())):
            if self.conflict(key, waiter.lock) is None:
                self.leave(key, waiter)
                self._held[key] = [*self._without(key, waiter.lock), waiter.lock]
                waiter.wake(None)

    def _deadlock(self, owner: Owner, blocker: Lock | None) -> bool:
        """Whether `blocker`'s owner waits, over however many others, for `owner`."""
        seen: set[Owner] = set()
        at = blocker.owner if blocker else None
        while at is not None and at not in seen:
            if at == owner:
                return True
            seen.add(at)
            at = self._awaited(at)
        return False

    def _awaited(self, owner: Owner) -> Owner | None:
        for key, queue in self._waiting.items():
            for waiter in queue:
                found = self.conflict(key, waiter.lock) if waiter.lock.owner == owner else None
                if found is not None:
                    return found.owner
        return None
