"""Contexts and levels as values (security/selinux/ss/mls.c, mls_context_to_sid and mls_sid_to_context)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

_WORD = re.compile(r"[A-Za-z0-9_.-]+\Z")


@dataclass(frozen=True, slots=True)
class Level:
    """A sensitivity and a set of categories, both as places in the policy's order."""

    sens: int
    cats: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Range:
    """From a low level to a high one; equal where a context names a single level."""

    low: Level
    high: Level


@dataclass(frozen=True, slots=True)
class Context:
    """user:role:type with a range; the range is None in a policy without MLS."""

    user: str
    role: str
    type: str
    range: Range | None = None

    def low(self) -> Context:
        """The same with its low level only."""
        return replace(self, range=self.range and Range(self.range.low, self.range.low))


class Levels:
    """The names of a policy's sensitivities and categories, aliases included, and their order."""

    def __init__(self, sensitivities: Sequence[str], categories: Sequence[str], aliases: dict[str, str]) -> None:
        self._sens, self._cats = list(sensitivities), list(categories)
        self._sens_number = _numbers(self._sens, aliases)
        self._cat_number = _numbers(self._cats, aliases)

    def sensitivity(self, name: str) -> int:
        """Raises KeyError for a name that the policy does not have."""
        return self._sens_number[name]

    def span(self, first: str, last: str) -> frozenset[int]:
        """The categories from `first` to `last`. Raises KeyError, ValueError for an empty span."""
        low, high = self._cat_number[first], self._cat_number[last]
        if low > high:
            raise ValueError(f"category {first} is above {last}")
        return frozenset(range(low, high + 1))

    def parse(self, text: str) -> Range:
        """`s0-s3:c0.c9` as a range. Raises ValueError, KeyError."""
        low, dash, high = text.partition("-")
        if dash and not high:
            raise ValueError("a range ends in a dash")
        first = self._level(low)
        return Range(first, self._level(high) if dash else first)

    def text(self, span: Range) -> str:
        """The canonical text: runs of three and more as `c0.c2`, a range of one level as that level."""
        low = self._level_text(span.low)
        return low if span.low == span.high else f"{low}-{self._level_text(span.high)}"

    def _level(self, text: str) -> Level:
        sens, colon, cats = text.partition(":")
        if colon and not cats:
            raise ValueError("a level ends in a colon")
        items = [item.partition(".") for item in cats.split(",")] if cats else []
        spans = [self.span(first, last if dot else first) for first, dot, last in items]
        return Level(self.sensitivity(sens), frozenset().union(*spans))

    def _level_text(self, level: Level) -> str:
        cats = ",".join(self._run_text(run) for run in _runs(level.cats))
        return self._sens[level.sens] + (f":{cats}" if cats else "")

    def _run_text(self, run: tuple[int, int]) -> str:
        first, last = run
        if first == last:
            return self._cats[first]
        return f"{self._cats[first]}{'.' if last - first > 1 else ','}{self._cats[last]}"


def split(text: str) -> tuple[str, str, str, str | None] | None:
    """(user, role, type, range or None) of a context's text, or None where it has not the shape of one."""
    parts = text.split(":", 3)
    if len(parts) < 3 or not all(_WORD.match(part) for part in parts[:3]):
        return None
    return parts[0], parts[1], parts[2], parts[3] if len(parts) > 3 else None


def _numbers(names: list[str], aliases: dict[str, str]) -> dict[str, int]:
    numbers = {name: number for number, name in enumerate(names)}
    return numbers | {alias: numbers[name] for alias, name in aliases.items() if name in numbers}


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]
