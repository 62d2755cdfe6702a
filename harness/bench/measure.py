"""Turns of several systems, and what their times say: ratios within a round, so that a noisy one hurts all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# Gives the seconds that `count` repetitions took.
Run = Callable[[int], float]
# Gives the seconds that one took, of what takes seconds.
Once = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, seconds a turn; `quick` leaves cases out, `full` takes the longest too."""

    rounds: int = 7
    turn_s: float = 0.15
    quick: bool = False
    full: bool = False


QUICK = Effort(3, 0.05, quick=True)


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds for one repetition, a number a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of them."""
        return quartiles(self.seconds)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast the one is as the other: the median of the rounds, and their middle half."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, mine: Samples, other: Samples) -> Ratio:
        """Of `mine` to `other`, round by round; 1.0: equally fast, 0.5: takes twice the time."""
        each = [b / a for a, b in zip(mine.seconds, other.seconds, strict=True)]
        low, high = quartiles(each)
        return cls(statistics.median(each), low, high)


def turns(systems: Mapping[str, Run], effort: Effort) -> dict[str, Samples]:
    """Each system's samples: they take turns, A B C then C B A, after one turn each to warm up and to find a count."""
    return _taken(systems, {name: _count(run, effort.turn_s) for name, run in systems.items()}, effort)


def single(systems: Mapping[str, Once], effort: Effort) -> dict[str, Samples]:
    """The same of what takes seconds: a turn is one repetition, and whoever asks has warmed up."""
    repeated = {name: lambda _count, once=once: once() for name, once in systems.items()}
    return _taken(repeated, dict.fromkeys(systems, 1), effort)


def _taken(systems: Mapping[str, Run], counts: Mapping[str, int], effort: Effort) -> dict[str, Samples]:
    taken: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(effort.rounds):
        for name in list(systems)[:: -1 if number % 2 else 1]:
            taken[name].append(systems[name](counts[name]) / counts[name])
    return {name: Samples(tuple(seconds)) for name, seconds in taken.items()}


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The bounds of the middle half; of fewer than four values, the least and the greatest."""
    if len(values) < 4:
        return min(values), max(values)
    cut = statistics.quantiles(values, n=4, method="inclusive")
    return cut[0], cut[2]


def _count(run: Run, turn_s: float) -> int:
    """How many repetitions fill a turn: found with ever more of them, the first few being slow in any system."""
    count = 2
    while True:
        took = max(run(count), 1e-9)
        if took >= turn_s / 4 or count > 1 << 24:
            return max(1, round(count * turn_s / took))
        count *= 4
