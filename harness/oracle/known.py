"""Rules that explain differences, from a file in JSON or TOML: what is known stays in sight, and fails nothing.

[[known]]
case = "rename-*"        # a pattern of case ids
step = 2                 # its number, a pattern of ops, or "after"; any if left out
field = "checks"         # errno, ret, checks, label, kind, mode or object; any if left out
reason = "why the cluster does otherwise, and may"
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.oracle.compare import Difference

FIELDS = ("errno", "ret", "checks", "label", "kind", "mode", "object")


@dataclass(frozen=True, slots=True)
class Rule:
    """Explains the differences that it fits."""

    case: str
    reason: str
    step: int | str | None = None
    field: str | None = None

    def explains(self, difference: Difference) -> bool:
        return (
            fnmatchcase(difference.case, self.case)
            and self.field in (None, difference.field)
            and (self.step in (None, difference.step) or fnmatchcase(difference.op, str(self.step)))
        )


def load(path: Path) -> tuple[Rule, ...]:
    """The rules of a file. Raises OSError, ValueError naming the file, the rule and what is wrong with it."""
    text = path.read_text(encoding="utf-8")
    try:
        data: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is neither JSON nor, by its name, TOML: {error}") from error
    rules = data.get("known") if isinstance(data, dict) else data
    if not isinstance(rules, list):
        raise ValueError(f"{path}: give a list of rules, in JSON by itself or under `known`")
    return tuple(_rule(item, f"{path}: rule {number}") for number, item in enumerate(rules, 1))


def explained(rules: tuple[Rule, ...], difference: Difference) -> Rule | None:
    """The first rule that fits."""
    return next((rule for rule in rules if rule.explains(difference)), None)


def _rule(item: Any, where: str) -> Rule:
    if not isinstance(item, dict) or item.keys() - {"case", "step", "field", "reason"}:
        raise ValueError(f"{where}: give case and reason, and step and field where they matter; nothing else")
    for name in ("case", "reason"):
        if not isinstance(item.get(name), str) or not item[name].strip():
            raise ValueError(f"{where}: {name} is missing")
    if item.get("field") not in (None, *FIELDS):
        raise ValueError(f"{where}: field is {item['field']!r}; give one of {', '.join(FIELDS)}")
    if not isinstance(item.get("step"), int | str | None) or isinstance(item.get("step"), bool):
        raise ValueError(f"{where}: step is {item['step']!r}; give its number from 1, an op, or after")
    return Rule(item["case"], item["reason"], item.get("step"), item.get("field"))
