"""Leases as a table: who may have one, who has to wait, and what becomes of those that keep others waiting."""

import errno

import pytest

from lsm import Fid
from mds.leases import BREAK_NS, F_RDLCK, F_UNLCK, F_WRLCK, WAITS_NS, Leases

FILE = Fid(1, 2)
A, B = b"a", b"b"


@pytest.fixture
def leases() -> Leases:
    return Leases()


def refused(leases: Leases, handle: bytes, type_: int, now: int = 0) -> None:
    with pytest.raises(BlockingIOError) as caught:
        leases.take(FILE, handle, type_, now)
    assert caught.value.errno == errno.EAGAIN


def test_read_leases_stand_side_by_side(leases):
    leases.take(FILE, A, F_RDLCK, 0)
    leases.take(FILE, B, F_RDLCK, 0)

    assert len(leases) == 2
    refused(leases, A, F_WRLCK)


def test_a_lease_that_is_to_go_lets_no_new_one_in(leases):
    """A writer waits, so another reader's lease would only make it wait longer."""
    leases.take(FILE, A, F_RDLCK, 0)
    assert leases.broken(FILE, write=True, now_ns=0)

    refused(leases, B, F_RDLCK)
    leases.drop(FILE, A)
    leases.take(FILE, B, F_RDLCK, 0)


def test_a_reader_makes_a_write_lease_a_read_lease(leases):
    leases.take(FILE, A, F_WRLCK, 0)
    assert leases.broken(FILE, write=False, now_ns=0)
    assert leases.told(FILE, A, 0) == F_RDLCK

    leases.take(FILE, A, F_RDLCK, 0)

    assert not leases.broken(FILE, write=False, now_ns=0)


def test_a_writer_wants_more_than_a_reader_did(leases):
    leases.take(FILE, A, F_WRLCK, 0)
    leases.broken(FILE, write=False, now_ns=0)
    leases.broken(FILE, write=True, now_ns=5)
    assert leases.told(FILE, A, 5) == F_UNLCK

    leases.take(FILE, A, F_RDLCK, 5)

    assert leases.told(FILE, A, 5) == F_UNLCK
    assert leases.broken(FILE, write=True, now_ns=5)


def test_a_write_lease_taken_anew_does_not_undo_that_it_is_to_give_way(leases):
    """Else its holder would keep a reader waiting for as long as it goes on asking (fs/locks.c, lease_modify)."""
    leases.take(FILE, A, F_WRLCK, 0)
    leases.broken(FILE, write=False, now_ns=0)

    leases.take(FILE, A, F_WRLCK, BREAK_NS - 1)

    assert leases.told(FILE, A, BREAK_NS - 1) == F_RDLCK
    assert not leases.broken(FILE, write=False, now_ns=BREAK_NS)


@pytest.mark.parametrize(("write", "becomes"), [(True, F_UNLCK), (False, F_RDLCK)])
def test_nobody_keeps_others_waiting_for_ever(leases, write, becomes):
    """After lease-break-time the lease is what it had to become (fs/locks.c, time_out_leases)."""
    leases.take(FILE, A, F_WRLCK, 0)
    leases.broken(FILE, write=write, now_ns=0)
    assert leases.broken(FILE, write=write, now_ns=BREAK_NS - 1)

    assert not leases.broken(FILE, write=write, now_ns=BREAK_NS)
    assert leases.told(FILE, A, BREAK_NS) == becomes


def test_who_waits_is_called_at_every_change_until_it_leaves(leases):
    called = []

    def wake() -> None:
        called.append(1)

    leases.take(FILE, A, F_WRLCK, 0)
    leases.wait(FILE, wake)
    leases.take(FILE, A, F_RDLCK, 0)
    leases.drop(FILE, A)
    leases.leave(FILE, wake)
    leases.take(FILE, A, F_RDLCK, 0)

    assert called == [1, 1]
    assert leases.drop(FILE, B) is False


@pytest.mark.parametrize(
    ("write", "kept", "again"), [(True, F_RDLCK, F_RDLCK), (True, F_WRLCK, F_RDLCK), (False, F_WRLCK, F_WRLCK)]
)  # fmt: skip
def test_who_waits_to_open_the_file_is_not_kept_waiting_by_a_new_lease(leases, write, kept, again):
    """An open counts before it begins to wait (fs/locks.c, check_conflicting_open), and no longer than it waits."""
    leases.take(FILE, A, kept, 0)
    assert leases.broken(FILE, write=write, now_ns=0, by="client1")
    leases.drop(FILE, A)

    refused(leases, A, again)
    assert not leases.broken(FILE, write=write, now_ns=1, by="client1")

    leases.take(FILE, A, again, 2)


def test_who_has_stopped_to_wait_is_forgotten(leases):
    leases.take(FILE, A, F_WRLCK, 0)
    leases.broken(FILE, write=True, now_ns=0, by="client1")
    leases.drop(FILE, A)

    refused(leases, A, F_WRLCK, WAITS_NS - 1)
    leases.take(FILE, A, F_WRLCK, WAITS_NS)
    leases.broken(Fid(1, 3), write=True, now_ns=WAITS_NS)

    assert leases._opening == {}


def test_a_reader_who_waits_lets_the_holder_have_a_read_lease(leases):
    leases.take(FILE, A, F_WRLCK, 0)
    leases.broken(FILE, write=False, now_ns=0, by="client1")

    leases.take(FILE, A, F_RDLCK, 0)

    assert not leases.broken(FILE, write=False, now_ns=0, by="client1")
