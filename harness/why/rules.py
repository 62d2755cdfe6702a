"""The rules of a flattened policy as it writes them, found by what they are about."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_ATTRIBUTE = re.compile(r"^\(typeattributeset (\S+) \(([^()]*)\)\)$", re.M)
_BOUNDS = re.compile(r"^\(typebounds (\S+) (\S+)\)$", re.M)
_ROLES = re.compile(r"^\(roleallow (\S+) (\S+)\)$", re.M)
_TRANSITIONS = re.compile(r"^\((?:mls)?validatetrans (\S+) .*\)$", re.M)
_CONDITION = re.compile(r"^\(booleanif (.+)$", re.M)


@dataclass(frozen=True, slots=True)
class Rule:
    """An access vector rule; `condition` is the boolean expression it stands under, `branch` the value it wants."""

    text: str
    perms: frozenset[str]
    condition: str | None = None
    branch: bool = True

    def __str__(self) -> str:
        return (
            self.text if self.condition is None else f"{self.text} where {self.condition} is {str(self.branch).lower()}"
        )


class Rules:
    """The text of one policy."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._attributes = {name: frozenset(types.split()) for name, types in _ATTRIBUTE.findall(text)}

    def access(self, kind: str, source: str, target: str, tclass: str, perms: Collection[str]) -> list[Rule]:
        """The rules `kind` (allow, dontaudit, auditallow) with any of the permissions, whatever their conditions."""
        wanted = frozenset(perms)
        found = self._found(kind, source, target, rf"{re.escape(tclass)} \(([^()]*)\)")
        return [rule for rule in found if rule.perms & wanted]

    def commands(self, kind: str, source: str, target: str, tclass: str) -> list[Rule]:
        """The rules `kind` (allowx, dontauditx, auditallowx) on the commands of ioctl, whatever their conditions."""
        return list(self._found(kind, source, target, rf"ioctl {re.escape(tclass)} (\(.*\))"))

    def transitions(self, tclass: str) -> list[str]:
        """The rules that say which label an object of the class may have after the one that it has."""
        return [match[0] for match in _TRANSITIONS.finditer(self._text) if match[1] == tclass]

    def bounds(self, child: str) -> str | None:
        """The type that bounds this one."""
        return next((parent for parent, bounded in _BOUNDS.findall(self._text) if bounded == child), None)

    def role_allows(self, role: str) -> list[str]:
        """The roles that this one may change to."""
        return [new for old, new in _ROLES.findall(self._text) if old == role]

    def _found(self, kind: str, source: str, target: str, what: str) -> Iterator[Rule]:
        """`what` is a pattern with one group, of the permissions."""
        sources, targets = self._names(source), self._names(target)
        if source == target:
            targets |= {"self"}
        pattern = re.compile(rf"^ *\({kind} ({_any(sources)}) ({_any(targets)}) \({what}\)\)$", re.M)
        for match in pattern.finditer(self._text):
            text, perms = match[0].strip(), frozenset(match[3].split())
            if match[0].startswith("("):
                yield Rule(text, perms)
            else:
                condition, branch = self._around(match.start())
                yield Rule(text, perms, condition, branch)

    def _around(self, place: int) -> tuple[str, bool]:
        """Condition and branch of a rule inside a conditional block."""
        start = self._text.rindex("\n(booleanif ", 0, place) + 1
        condition = _CONDITION.match(self._text, start)
        assert condition is not None
        inside = self._text[start:place]
        return condition[1], inside.rfind("\n    (true") > inside.rfind("\n    (false")

    def _names(self, kind: str) -> set[str]:
        """The type, and every attribute that it has."""
        return {kind} | {name for name, types in self._attributes.items() if kind in types}


def _any(names: Collection[str]) -> str:
    return "|".join(map(re.escape, sorted(names)))
