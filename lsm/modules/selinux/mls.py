"""MLS levels and ranges: dominance, containment, parsing and the canonical form.

Rules: security/selinux/ss/mls_types.h and mls.c. A range is two levels, low and high.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Level(NamedTuple):
    """A sensitivity (its place in the order) and categories (bit i = i-th category)."""

    sens: int
    cats: int


Range = tuple[Level, Level]


def dominates(a: Level, b: Level) -> bool:
    """Whether `a` is at least as sensitive as `b` and holds all its categories."""
    return a.sens >= b.sens and not b.cats & ~a.cats


def contains(outer: Range, inner: Range) -> bool:
    """Whether `inner` lies wholly within `outer` (mls_range_contains)."""
    return dominates(inner[0], outer[0]) and dominates(outer[1], inner[1])


def glblub(a: Range, b: Range) -> Range:
    """The greatest low and least high of two ranges (mls_range_glblub); ValueError when no sensitivity is common."""
    if a[1].sens < b[0].sens or b[1].sens < a[0].sens:
        raise ValueError("the ranges have no sensitivity in common")
    low = Level(max(a[0].sens, b[0].sens), a[0].cats & b[0].cats)
    high = Level(min(a[1].sens, b[1].sens), a[1].cats & b[1].cats)
    return low, high


@dataclass(frozen=True, slots=True)
class Levels:
    """The sensitivities and categories of a policy; an empty one stands for a policy without MLS.

    `sens_index` and `cat_index` hold aliases too; `sens_cats[i]` are the categories that
    sensitivity i may carry.
    """

    sensitivities: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sens_index: Mapping[str, int] | None = None
    cat_index: Mapping[str, int] | None = None
    sens_cats: tuple[int, ...] = ()

    def parse_range(self, text: str) -> Range:
        """Parse "s0", "s0:c1,c3.c5" or "low-high" as mls_context_to_sid does; ValueError when it is malformed."""
        low_text, dash, high_text = text.partition("-")
        low = self.parse_level(low_text)
        return low, (self.parse_level(high_text) if dash else low)

    def parse_level(self, text: str) -> Level:
        """Parse "s0" or "s0:c1,c3.c5"; ValueError for an unknown name, an empty field or a backward range."""
        sens_text, colon, cats_text = text.partition(":")
        sens = (self.sens_index or {}).get(sens_text)
        if sens is None:
            raise ValueError(f"unknown sensitivity {sens_text!r}")
        cats = 0
        if colon:
            for field in cats_text.split(","):
                cats |= self._parse_cats(field)
        return Level(sens, cats)

    def _parse_cats(self, field: str) -> int:
        first_text, dot, last_text = field.partition(".")
        first = self._cat(first_text)
        if not dot:
            return 1 << first
        last = self._cat(last_text)
        if last <= first:
            raise ValueError(f"the category range {field!r} runs backwards")
        return (1 << (last + 1)) - (1 << first)

    def _cat(self, text: str) -> int:
        cat = (self.cat_index or {}).get(text)
        if cat is None:
            raise ValueError(f"unknown category {text!r}")
        return cat

    def valid(self, bounds: Range) -> bool:
        """Whether each level's categories are its sensitivity's own and the high end dominates the low one."""
        low, high = bounds
        fits = all(not level.cats & ~self.sens_cats[level.sens] for level in bounds)
        return fits and dominates(high, low)

    def format_range(self, bounds: Range) -> str:
        """The canonical text of a range; one level when both ends are equal."""
        low, high = bounds
        text = self.format_level(low)
        return text if low == high else f"{text}-{self.format_level(high)}"

    def format_level(self, level: Level) -> str:
        """The canonical text of a level: runs of three or more categories become "first.last"."""
        text = self.sensitivities[level.sens]
        runs = [self._format_run(first, last) for first, last in _runs(level.cats)]
        return f"{text}:{','.join(runs)}" if runs else text

    def _format_run(self, first: int, last: int) -> str:
        if first == last:
            return self.categories[first]
        mark = "," if last == first + 1 else "."
        return f"{self.categories[first]}{mark}{self.categories[last]}"


def _runs(bits: int) -> list[tuple[int, int]]:
    """The runs of consecutive one bits, as (first, last), lowest first."""
    runs, at = [], 0
    while bits >> at:
        rest = bits >> at
        at += (rest & -rest).bit_length() - 1
        rest = bits >> at
        length = (~rest & (rest + 1)).bit_length() - 1
        runs.append((at, at + length - 1))
        at += length
    return runs
