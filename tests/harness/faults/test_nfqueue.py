"""The packets' timetable: who is lost, who is late, and by how much."""

import random

from harness.faults.nfqueue import Shaper


def test_packets_go_on_when_their_time_has_come() -> None:
    """In the order in which they are due, none before."""
    shaper = Shaper(0.05, 0.0, 0.0, random.Random(0))
    shaper.came(1, 10.0)
    shaper.came(2, 10.01)

    early, wait_s = list(shaper.due(10.04)), shaper.next_s(10.04)

    assert early == []
    assert wait_s is not None
    assert abs(wait_s - 0.01) < 1e-6
    assert list(shaper.due(10.07)) == [1, 2]
    assert shaper.next_s(10.07) is None


def test_jitter_reorders_and_never_hastens() -> None:
    """Each packet has its own delay, from none to twice the mean."""
    shaper = Shaper(0.02, 0.05, 0.0, random.Random(1))
    for packet in range(100):
        shaper.came(packet, 0.0)

    order = list(shaper.due(0.07))

    assert sorted(order) == list(range(100)) != order


def test_the_share_that_is_lost() -> None:
    """A quarter of many."""
    shaper = Shaper(0.0, 0.0, 0.25, random.Random(2))

    passed = sum(shaper.came(packet, 0.0) for packet in range(4000))

    assert 2900 < passed < 3100
