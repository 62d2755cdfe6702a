from dataclasses import dataclass

import pytest

from lsm.avc import Avc


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: int
    seqno: int


class Server:
    """A security server that counts how often it is asked."""

    def __init__(self) -> None:
        self.seqno = 1
        self.asked: list[tuple[int, int, str]] = []

    def compute(self, ssid: int, tsid: int, tclass: str) -> Decision:
        self.asked.append((ssid, tsid, tclass))
        return Decision(allowed=0b1, seqno=self.seqno)


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_hit_does_not_ask_again(server: Server) -> None:
    """The second lookup of a key is answered from the cache."""
    avc = Avc(server.compute)

    first, second = avc.lookup(1, 2, "file"), avc.lookup(1, 2, "file")

    assert first is second
    assert server.asked == [(1, 2, "file")]
    assert (avc.hits, avc.misses) == (1, 1)


def test_source_target_and_class_are_the_key(server: Server) -> None:
    """Another source, target or class is another decision."""
    avc = Avc(server.compute)

    for key in [(1, 2, "file"), (2, 1, "file"), (1, 2, "dir")]:
        avc.lookup(*key)

    assert len(server.asked) == len(avc) == 3


def test_flush_forgets(server: Server) -> None:
    """After a flush everything is computed anew."""
    avc = Avc(server.compute)
    avc.lookup(1, 2, "file")

    server.seqno = 2
    avc.flush(2)

    assert avc.lookup(1, 2, "file").seqno == 2


def test_a_decision_older_than_the_flush_is_not_kept(server: Server) -> None:
    """A decision computed under the policy before the last flush is answered but never cached."""
    avc = Avc(server.compute)
    avc.flush(2)

    old = avc.lookup(1, 2, "file")

    assert old.seqno == 1
    assert len(avc) == 0


def test_a_flush_with_an_old_number_does_not_lower_the_bar(server: Server) -> None:
    """A flush without a new number (setenforce) keeps the newest number seen."""
    avc = Avc(server.compute)
    avc.flush(2)
    avc.flush(0)

    avc.lookup(1, 2, "file")

    assert len(avc) == 0


def test_a_grant_lasts_until_the_flush(server: Server) -> None:
    """A permissive denial is granted to later lookups of the same key, until the cache is flushed."""
    avc = Avc(server.compute)
    avc.lookup(1, 2, "file")
    avc.lookup(1, 3, "file")

    avc.grant(1, 2, "file", 0b100)

    assert avc.lookup(1, 2, "file").allowed == 0b101
    assert avc.lookup(1, 3, "file").allowed == 0b1
    avc.flush(1)
    assert avc.lookup(1, 2, "file").allowed == 0b1


def test_a_grant_to_what_is_not_kept_is_lost(server: Server) -> None:
    """A grant only changes an entry that is there."""
    avc = Avc(server.compute)

    avc.grant(1, 2, "file", 0b100)

    assert avc.lookup(1, 2, "file").allowed == 0b1


def test_reclaims_sixteen_of_the_oldest(server: Server) -> None:
    """A full cache gives up its 16 oldest entries for the next one."""
    avc = Avc(server.compute, slots=32)
    for tsid in range(32):
        avc.lookup(1, tsid, "file")

    avc.lookup(1, 99, "file")

    assert len(avc) == 17
    avc.lookup(1, 16, "file")
    assert avc.hits == 1
