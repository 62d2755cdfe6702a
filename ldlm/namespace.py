"""The locks of one server by resource: grants in the order of asking, callbacks to who stands in the way.

A lock waits while it conflicts with a granted one, or with one that has waited longer: a stream of readers cannot
starve a writer (ldlm_inodebits.c, ldlm_inodebits_compat_queue). Locks of one holder never conflict with one another.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace

from ldlm.bits import Bits
from ldlm.modes import Mode, compatible, covers


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock, granted or waiting. `id` is its own for ever; `holder` is a client, `resource` a FID."""

    id: int
    resource: Hashable
    mode: Mode
    bits: Bits
    holder: Hashable

    def conflicts(self, other: Lock) -> bool:
        """Whether the two may not be granted at once."""
        if self.holder == other.holder or not self.bits & other.bits:
            return False
        return not compatible(self.mode, other.mode)


@dataclass(frozen=True, slots=True)
class Grant:
    """The lock is its holder's now (the completion callback)."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Callback:
    """The granted `lock` stands in the way of `waiting`: its holder is asked, once, to cancel or convert it."""

    lock: Lock
    waiting: Lock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to, in order. `lock`: the one that was asked for."""

    grants: tuple[Grant, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    lock: Lock | None = None


class Namespace:
    """All locks of one server. A step changes the queues at once; its Outcome says what must be told to whom."""

    def __init__(self) -> None:
        self._next = 1
        # By id, in the order of granting and of asking.
        self._granted: dict[Hashable, dict[int, Lock]] = {}
        self._waiting: dict[Hashable, dict[int, Lock]] = {}
        self._by_id: dict[int, Lock] = {}
        # Granted locks whose holder was asked to let go.
        self._asked: set[int] = set()

    def granted(self, resource: Hashable) -> tuple[Lock, ...]:
        """In the order of granting."""
        return tuple(self._granted.get(resource, {}).values())

    def waiting(self, resource: Hashable) -> tuple[Lock, ...]:
        """In the order of asking."""
        return tuple(self._waiting.get(resource, {}).values())

    def enqueue(self, resource: Hashable, mode: Mode, bits: Bits, holder: Hashable) -> Outcome:
        """Asks for a lock; Outcome.lock is it, granted if it is among the grants. ValueError without bits."""
        if not bits:
            raise ValueError("a lock without bits covers nothing")
        lock = Lock(self._next, resource, mode, bits, holder)
        self._next += 1
        self._by_id[lock.id] = lock
        self._waiting.setdefault(resource, {})[lock.id] = lock
        return self._settled((resource,), lock)

    def cancel(self, lock: int) -> Outcome:
        """Takes a lock back, granted or waiting. One that is gone already stays gone (a cancel may cross an evict)."""
        gone = self._remove(lock)
        return self._settled((gone.resource,)) if gone else Outcome()

    def convert(self, lock: int, mode: Mode, bits: Bits) -> Outcome:
        """Turns a granted lock into a weaker one: fewer bits, a mode that shuts out less. NL without bits cancels.

        KeyError: there is no such lock; ValueError: it is not granted, or would become stronger.
        """
        held = self._by_id[lock]
        if lock not in self._granted.get(held.resource, {}):
            raise ValueError(f"lock {lock} still waits; cancel it and ask anew")
        if bits & ~held.bits or not covers(held.mode, mode):
            raise ValueError(f"lock {lock} ({held.mode.name}, {held.bits}) can only become weaker")
        if not bits:
            return self.cancel(lock)
        self._granted[held.resource][lock] = self._by_id[lock] = replace(held, mode=mode, bits=bits)
        # Whoever still waits for what is left asks again.
        self._asked.discard(lock)
        return self._settled((held.resource,), self._by_id[lock])

    def evict(self, holder: Hashable) -> Outcome:
        """Takes every lock of a holder that is gone, granted or waiting."""
        gone = [lock for lock in self._by_id.values() if lock.holder == holder]
        for lock in gone:
            self._remove(lock.id)
        return self._settled(dict.fromkeys(lock.resource for lock in gone))

    def _remove(self, lock: int) -> Lock | None:
        gone = self._by_id.pop(lock, None)
        if gone is None:
            return None
        self._asked.discard(lock)
        for queues in (self._granted, self._waiting):
            queue = queues.get(gone.resource, {})
            queue.pop(lock, None)
            if not queue:
                queues.pop(gone.resource, None)
        return gone

    def _settled(self, resources: Iterable[Hashable], lock: Lock | None = None) -> Outcome:
        grants: list[Grant] = []
        callbacks: list[Callback] = []
        for resource in resources:
            grants += [Grant(ready) for ready in self._grantable(resource)]
            callbacks += self._owed(resource)
        return Outcome(tuple(grants), tuple(callbacks), lock)

    def _grantable(self, resource: Hashable) -> Iterator[Lock]:
        """Grants, in the order of asking, whatever conflicts neither with a granted lock nor with an older waiter."""
        granted, ahead = self._granted.setdefault(resource, {}), list[Lock]()
        for lock in self.waiting(resource):
            if any(lock.conflicts(other) for other in (*granted.values(), *ahead)):
                ahead.append(lock)
                continue
            del self._waiting[resource][lock.id]
            granted[lock.id] = lock
            yield lock
        for queues in (self._granted, self._waiting):
            if not queues.get(resource, True):
                del queues[resource]

    def _owed(self, resource: Hashable) -> Iterator[Callback]:
        """One callback for each granted lock that a waiter needs gone and that was not asked yet."""
        for lock in self.granted(resource):
            waiter = next((w for w in self.waiting(resource) if w.conflicts(lock)), None)
            if waiter is not None and lock.id not in self._asked:
                self._asked.add(lock.id)
                yield Callback(lock, waiter)
