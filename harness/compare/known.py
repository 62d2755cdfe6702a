"""KNOWN entries: differences from a baseline that are tolerated, each with a ticket and the day it ends.

An entry names differences by patterns in which `*` stands for anything, brackets for themselves. An expired entry
tolerates nothing and is a failure by itself; one that matches nothing any more is shown as XPASS, to be removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Self

from harness.compare.differences import KINDS, Difference

_FIELDS = ("test", "operation", "what", "kind", "id")


@dataclass(frozen=True)
class Known:
    """One entry. `expires` is the last day on which it holds."""

    ticket: str
    expires: date
    patterns: Mapping[str, str]
    reason: str = ""

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises ValueError saying what is wrong with the entry."""
        if not isinstance(data, dict):
            raise ValueError("a KNOWN entry is an object")
        unknown = sorted(data.keys() - {"ticket", "expires", "reason", *_FIELDS})
        if unknown:
            raise ValueError(f"a KNOWN entry has no field {unknown[0]!r}; it has ticket, expires, reason, {_listed()}")
        for name in ("ticket", "expires"):
            if not isinstance(data.get(name), str) or not data[name]:
                raise ValueError(f"a KNOWN entry needs {name!r}")
        patterns = {name: str(data[name]) for name in _FIELDS if name in data}
        if not patterns:
            raise ValueError(f"a KNOWN entry needs one of {_listed()}: it would tolerate everything")
        if patterns.get("kind", "*") not in ("*", *KINDS):
            raise ValueError(f"a KNOWN entry's kind is one of {', '.join(KINDS)}, not {patterns['kind']!r}")
        return cls(data["ticket"], _date(data["expires"]), patterns, str(data.get("reason", "")))

    def to_json(self) -> dict[str, str]:
        reason = {"reason": self.reason} if self.reason else {}
        return {"ticket": self.ticket, "expires": self.expires.isoformat(), **reason, **self.patterns}

    def matches(self, difference: Difference) -> bool:
        return all(pattern.fullmatch(getattr(difference, name)) for name, pattern in self._compiled.items())

    def concerns(self, tests: Mapping[str, object]) -> bool:
        """Whether one of these tests is one that it names."""
        pattern = self._compiled.get("test")
        return any(pattern is None or pattern.fullmatch(test) for test in tests)

    @cached_property
    def _compiled(self) -> dict[str, re.Pattern[str]]:
        return {
            name: re.compile(".*".join(map(re.escape, text.split("*"))), re.S) for name, text in self.patterns.items()
        }

    def __str__(self) -> str:
        named = ", ".join(f"{name} {text}" for name, text in self.patterns.items())
        return f"{self.ticket}, until {self.expires.isoformat()}: {named}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"a KNOWN entry's `expires` is a day as 2030-12-31, not {text!r}") from error


def _listed() -> str:
    return ", ".join(_FIELDS)
