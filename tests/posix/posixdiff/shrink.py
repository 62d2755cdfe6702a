"""The shortest sequence that still differs: delta debugging (Zeller and Hildebrandt 2002, ddmin)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrunk(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """A part of `items`, which fail, of which none can be left out; `fails` is asked of ever shorter ones."""
    rest = list(items)
    parts = 2
    while len(rest) > 1:
        size = max(1, len(rest) // parts)
        for start in range(0, len(rest), size):
            shorter = rest[:start] + rest[start + size :]
            if shorter and fails(shorter):
                rest, parts = shorter, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return rest
            parts = min(len(rest), parts * 2)
    return rest
