"""Locks of open files and processes, by themselves: ranges, conflicts, waits, deadlock."""

import errno

import pytest

from mds.flocks import END_MAX, Flocks, Lock, Waiter

KEY = "file"


def lock(owner: str, exclusive: bool, start: int = 0, end: int = END_MAX) -> Lock:
    return Lock(owner, exclusive, start, end)


def ranges(locks: Flocks) -> list[tuple[object, bool, int, int]]:
    return sorted((each.owner, each.exclusive, each.start, each.end) for each in locks.held(KEY))


def test_shared_locks_stand_side_by_side_and_exclusive_ones_alone() -> None:
    """Readers share bytes, a writer has them for itself, and what does not overlap does not matter."""
    locks = Flocks()
    locks.take(KEY, lock("a", False))
    locks.take(KEY, lock("b", False))

    with pytest.raises(BlockingIOError):
        locks.take(KEY, lock("c", True))
    locks.drop(KEY, "a", 0, 9)
    locks.drop(KEY, "b", 0, 9)
    locks.take(KEY, lock("c", True, 0, 9))
    assert locks.conflict(KEY, lock("a", False, 5, 20)) == lock("c", True, 0, 9)


def test_a_lock_replaces_the_owners_own_and_leaves_what_lies_beside_it() -> None:
    """Another kind of lock in the middle of a range cuts it in three; an unlock there leaves two parts."""
    locks = Flocks()
    locks.take(KEY, lock("a", True, 0, 99))
    locks.take(KEY, lock("a", False, 10, 19))
    locks.drop(KEY, "a", 50, 59)

    assert ranges(locks) == [("a", False, 10, 19), ("a", True, 0, 9), ("a", True, 20, 49), ("a", True, 60, 99)]


def test_who_waits_gets_the_lock_when_it_is_free() -> None:
    """A drop wakes those that it lets in, in the order of asking; the others wait on."""
    locks, woken = Flocks(), []
    locks.take(KEY, lock("a", True))
    for owner in ("b", "c"):
        locks.wait(KEY, Waiter(lock(owner, True), lambda error, owner=owner: woken.append((owner, error))))
    locks.drop(KEY, "a")

    assert woken == [("b", None)]
    assert ranges(locks) == [("b", True, 0, END_MAX)]


def test_a_wait_can_be_interrupted() -> None:
    """EINTR for the owner's own waits only; the lock goes to the next."""
    locks, woken = Flocks(), []
    locks.take(KEY, lock("a", True))
    for owner in ("b", "c"):
        locks.wait(KEY, Waiter(lock(owner, True), lambda error, owner=owner: woken.append((owner, error))))

    assert locks.interrupt(KEY, "b") == 1
    locks.drop(KEY, "a")
    assert [(owner, error and error.errno) for owner, error in woken] == [("b", errno.EINTR), ("c", None)]


def test_two_that_would_wait_for_each_other_are_told() -> None:
    """EDEADLK for the one whose wait would close the circle (fs/locks.c, posix_locks_deadlock)."""
    locks = Flocks()
    locks.take("one", lock("a", True))
    locks.take("two", lock("b", True))
    locks.wait("two", Waiter(lock("a", True), lambda error: None))

    with pytest.raises(OSError) as refused:
        locks.wait("one", Waiter(lock("b", True), lambda error: None))
    assert refused.value.errno == errno.EDEADLK
