"""The access vector cache: decisions by (ssid, tsid, tclass), flushed as a whole.

It knows no security module: `compute` is asked on a miss. Rules: security/selinux/avc.c.
"""

import dataclasses
import itertools
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Decision(Protocol):
    """What the cache reads of a decision, a frozen dataclass: its `allowed` bits and the policy's `seqno`."""

    @property
    def allowed(self) -> int: ...
    @property
    def seqno(self) -> int: ...


D = TypeVar("D", bound=Decision)
Key = tuple[int, int, str]

RECLAIM = 16


class Avc(Generic[D]):
    """A cache of at most `slots` decisions; the oldest 16 make room for a new one (avc_reclaim_node).

    Reads take no lock; changes do, so that a decision computed before a flush never enters after it.
    `hits` and `misses` count lookups.
    """

    def __init__(self, compute: Callable[[int, int, str], D], slots: int = 512) -> None:
        self.hits = 0
        self.misses = 0
        self._compute = compute
        self._slots = slots
        self._entries: dict[Key, D] = {}
        self._latest_notif = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def lookup(self, ssid: int, tsid: int, tclass: str) -> D:
        """The decision, computed on a miss. One older than the last flush is returned but not kept."""
        key = (ssid, tsid, tclass)
        decision = self._entries.get(key)
        if decision is not None:
            self.hits += 1
            return decision
        self.misses += 1
        decision = self._compute(ssid, tsid, tclass)
        with self._lock:
            if decision.seqno >= self._latest_notif:
                self._insert(key, decision)
        return decision

    def grant(self, ssid: int, tsid: int, tclass: str, bits: int) -> None:
        """Add `bits` to a kept decision, so that a permissive denial is reported once (avc_denied)."""
        key = (ssid, tsid, tclass)
        with self._lock:
            decision = self._entries.get(key)
            if decision is not None:
                self._entries[key] = _with_allowed(decision, decision.allowed | bits)

    def flush(self, seqno: int) -> None:
        """Forget everything; decisions older than `seqno` are no longer kept (avc_ss_reset)."""
        with self._lock:
            self._entries.clear()
            self._latest_notif = max(self._latest_notif, seqno)

    def _insert(self, key: Key, decision: D) -> None:
        if len(self._entries) >= self._slots:
            for old in list(itertools.islice(self._entries, RECLAIM)):
                del self._entries[old]
        self._entries[key] = decision


def _with_allowed(decision: D, allowed: int) -> D:
    return dataclasses.replace(decision, allowed=allowed)  # type: ignore[type-var]  # a Protocol cannot say "dataclass"
