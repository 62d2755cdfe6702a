"""Extended permissions: which ioctl commands the rules allow, tell and hush, read from the CIL text.

libsepol's access vectors know nothing of them. Where any rule speaks of source, target and class, `ioctl` is granted
only for commands that an allowx rule names (security/selinux/avc.c, avc_has_extended_perms; ss/services.c,
security_compute_xperms_decision).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import cast

from harness.model import cil

_KINDS = ("allowx", "auditallowx", "dontauditx")
_ANY = re.compile(rf"\((?:{'|'.join(_KINDS)}) ")
_COMMAND_BITS = 0xFFFF  # 8 bits of driver, 8 bits of function; the kernel looks at no more


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of one command: allowed; a grant of it told; a denial of it hushed."""

    allowed: bool
    told: bool
    hushed: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    """One statement; in force where the condition has this value, always where there is none."""

    kind: str
    source: str
    target: str
    tclass: str
    spans: tuple[tuple[int, int], ...]
    condition: cil.Node | None = None
    value: bool = True

    def enabled(self, booleans: Mapping[str, bool]) -> bool:
        return self.condition is None or cil.holds(self.condition, booleans) is self.value

    def names(self, command: int) -> bool:
        return any(low <= command <= high for low, high in self.spans)


class Commands:
    """The rules of one policy."""

    def __init__(self, text: str) -> None:
        """`text` is the flattened CIL. Raises ValueError for a rule that is none."""
        self._rules = list(_rules(text)) if _ANY.search(text) else []
        self._types = _attributes(text, {end for rule in self._rules for end in (rule.source, rule.target)})

    def ruling(
        self, source: str, target: str, tclass: str, command: int, booleans: Mapping[str, bool]
    ) -> Ruling | None:
        """What is said of the command (its low 16 bits); None: no rule speaks of the pair, and `ioctl` alone counts."""
        rules = list(self._between(source, target, tclass, booleans))
        named = {rule.kind for rule in rules if rule.names(command & _COMMAND_BITS)}
        return Ruling(*(kind in named for kind in _KINDS)) if rules else None

    def _between(self, source: str, target: str, tclass: str, booleans: Mapping[str, bool]) -> Iterator[_Rule]:
        # libsepol writes `self` where source and target are one type.
        targets = {target, "self"} if source == target else {target}
        for rule in self._rules:
            ends = self._is({source}, rule.source) and self._is(targets, rule.target)
            if ends and rule.tclass == tclass and rule.enabled(booleans):
                yield rule

    def _is(self, names: Set[str], name: str) -> bool:
        return name in names or not names.isdisjoint(self._types.get(name, ()))


def _rules(text: str) -> Iterator[_Rule]:
    for head, *rest in cil.statements(text, {*_KINDS, "booleanif"}):
        if head != "booleanif":
            yield _rule([head, *rest])
            continue
        condition, *branches = rest
        for branch in branches:
            assert isinstance(branch, list)
            rules = [rule for rule in branch[1:] if isinstance(rule, list) and rule[0] in _KINDS]
            yield from (_rule(rule, condition, branch[0] == "true") for rule in rules)


def _rule(statement: list[cil.Node], condition: cil.Node | None = None, value: bool = True) -> _Rule:
    kind, source, target, (what, tclass, commands) = (*statement[:3], cast("tuple[str, str, cil.Node]", statement[3]))
    # One on netlink's messages names no command of ioctl.
    spans = tuple(_spans(commands)) if what == "ioctl" else ()
    return _Rule(str(kind), str(source), str(target), str(tclass), spans, condition, value)


def _spans(node: cil.Node) -> Iterator[tuple[int, int]]:
    """(0x1 (range 0x3 0x5)) -> (1, 1), (3, 5), however deep the brackets."""
    if isinstance(node, str):
        yield int(node, 0), int(node, 0)
    elif node[0] == "range":
        yield int(str(node[1]), 0), int(str(node[2]), 0)
    else:
        for item in node:
            yield from _spans(item)


def _attributes(text: str, names: Set[str]) -> dict[str, frozenset[str]]:
    """The types of those of the names that are attributes."""
    found: dict[str, frozenset[str]] = {}
    for _, name, types in cil.statements(text, {"typeattributeset"}) if names else ():
        if str(name) in names:
            found[str(name)] = found.get(str(name), frozenset()) | {str(kind) for kind in types}
    return found
