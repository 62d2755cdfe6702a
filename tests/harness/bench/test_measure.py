"""Turns, medians and ratios of the benchmark."""

import pytest

from harness.bench import measure
from harness.bench.measure import Effort, Ratio, Samples


def test_a_ratio_is_of_the_rounds() -> None:
    """A system that takes half the time in each round is twice as fast, however the rounds differ."""
    ratio = Ratio.of(Samples((1.0, 10.0, 3.0)), Samples((2.0, 20.0, 6.0)))

    assert ratio == Ratio(2.0, 2.0, 2.0)


def test_a_ratio_needs_the_same_rounds() -> None:
    """Two series of other lengths did not take turns, and have no ratio."""
    with pytest.raises(ValueError, match="shorter"):
        Ratio.of(Samples((1.0, 1.0)), Samples((1.0,)))


def test_the_spread_is_the_middle_half() -> None:
    """One wild round is not in the spread; of three rounds all are."""
    calm, wild = measure.quartiles([1.0, 1.0, 1.0, 1.0, 9.0]), measure.quartiles([1.0, 2.0, 9.0])

    assert (calm, wild) == ((1.0, 1.0), (1.0, 9.0))


def test_systems_take_turns_in_alternating_order() -> None:
    """After warming up each round asks every system once, and every other round the other way about."""
    asked: list[str] = []

    def system(name: str) -> measure.Run:
        def run(count: int) -> float:
            asked.append(name)
            return count * 0.01

        return run

    taken = measure.turns({"a": system("a"), "b": system("b")}, Effort(rounds=3, turn_s=0.01))

    assert asked[-6:] == ["a", "b", "b", "a", "a", "b"]
    assert taken["a"].seconds == pytest.approx((0.01, 0.01, 0.01))


def test_a_turn_is_filled() -> None:
    """The count of a turn is found by trying: a fast system repeats more often."""
    counts: list[int] = []

    def run(count: int) -> float:
        counts.append(count)
        return count * 1e-4

    measure.turns({"fast": run}, Effort(rounds=1, turn_s=0.1))

    assert counts[-1] == 1000


def test_what_takes_seconds_is_done_once_a_turn() -> None:
    """No warming up and no counting: as many repetitions as rounds, in alternating order."""
    asked: list[str] = []

    def system(name: str) -> measure.Once:
        def once() -> float:
            asked.append(name)
            return 2.0

        return once

    taken = measure.single({"a": system("a"), "b": system("b")}, Effort(rounds=3))

    assert asked == ["a", "b", "b", "a", "a", "b"]
    assert taken["a"].seconds == (2.0, 2.0, 2.0)
