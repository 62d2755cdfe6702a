"""The access vectors that two policies differ in, with attributes and booleans expanded.

Rules first: where the same rule stands in both, with the same members in its attributes, nothing is expanded. For what
is left each source type's permissions are worked out in both policies, as sets of target types. Constraints are not
applied: they speak of users, roles and levels, which a rule does not name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.policytools import bits
from harness.policytools.bits import Numbered
from lsm.modules.selinux.avtab import ALL_PERMS, SHIFT, AvTable, add
from lsm.modules.selinux.policy import Policy

Perms = tuple[tuple[str, str], ...]  # (kind, permission) of a rule
Rows = Mapping[str, Mapping[str, Perms]]  # source -> target -> what is ruled, by name


@dataclass(frozen=True, slots=True)
class Change:
    """Permissions on a class that every one of `sources` has over every one of `targets` in one policy only.

    `kind` is allow, auditallow or dontaudit; `gained`: in the new policy, else in the old one.
    """

    kind: str
    gained: bool
    tclass: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    perms: tuple[str, ...]


@dataclass(slots=True)
class _Side:
    """One policy: its rules in force, and its types and attributes as sets."""

    policy: Policy
    rules: AvTable
    sets: dict[str, int]


def changes(old: Policy, new: Policy, booleans: tuple[Mapping[str, bool], Mapping[str, bool]]) -> list[Change]:
    """Every difference, gained before lost within a kind. `booleans` are those in force, of the old and the new."""
    numbered = Numbered([*old.types, *new.types])
    sides = tuple(
        _Side(policy, _in_force(policy, values), bits.attributes(numbered, policy.types, policy.attributes))
        for policy, values in zip((old, new), booleans, strict=True)
    )
    one, other = sides
    moved = _moved(one, other)
    found: list[Change] = []
    for tclass in sorted(one.rules.keys() | other.rules.keys()):
        found += _of_class(tclass, one, other, moved, numbered)
    order = {kind: place for place, kind in enumerate(SHIFT)}
    return sorted(found, key=lambda c: (order[c.kind], not c.gained, c.tclass, c.sources, c.targets))


def _in_force(policy: Policy, booleans: Mapping[str, bool]) -> AvTable:
    table: AvTable = {tclass: {source: dict(row) for source, row in rows.items()} for tclass, rows in policy.av.items()}
    for conditional in policy.conditionals:
        for rule in conditional.arm(booleans).av:
            add(table, rule)
    return table


def _moved(one: _Side, other: _Side) -> dict[str, int]:
    """Per attribute the types that are in it on one side only."""
    names = one.sets.keys() | other.sets.keys()
    found = {name: one.sets.get(name, 0) ^ other.sets.get(name, 0) for name in names}
    return {name: types for name, types in found.items() if types}


def _of_class(tclass: str, one: _Side, other: _Side, moved: Mapping[str, int], numbered: Numbered) -> Iterator[Change]:
    rows = [_named(side, tclass) for side in (one, other)]
    sources = 0
    for name in rows[0].keys() | rows[1].keys():
        touched = _touched(rows[0].get(name, {}), rows[1].get(name, {}), moved)
        whole = one.sets.get(name, 0) | other.sets.get(name, 0)
        sources |= whole if touched else moved.get(name, 0)
    grouped: dict[tuple[str, bool, int, str], int] = {}
    for source in numbered.spelled(sources):
        before, after = (_reach(side, found, source) for side, found in zip((one, other), rows, strict=True))
        for kind, perm in before.keys() | after.keys():
            was, now = before.get((kind, perm), 0), after.get((kind, perm), 0)
            for gained, targets in ((True, now & ~was), (False, was & ~now)):
                if targets:
                    key = (kind, gained, targets, perm)
                    grouped[key] = grouped.get(key, 0) | numbered.bits([source])
    yield from _together(tclass, grouped, numbered)


def _named(side: _Side, tclass: str) -> Rows:
    """The rules of a class by the names of permissions: two policies may number them differently."""
    perms = side.policy.classes.get(tclass, ())
    spelled: dict[int, Perms] = {}
    found = {}
    for source, row in side.rules.get(tclass, {}).items():
        found[source] = {target: _spelled(spelled, vector, perms) for target, vector in row.items()}
    return found


def _spelled(cache: dict[int, Perms], vector: int, perms: tuple[str, ...]) -> Perms:
    if vector not in cache:
        cache[vector] = tuple(
            (kind, perm)
            for kind, shift in SHIFT.items()
            for bit, perm in enumerate(perms)
            if (vector >> shift & ALL_PERMS) >> bit & 1
        )
    return cache[vector]


def _touched(before: Mapping[str, Perms], after: Mapping[str, Perms], moved: Mapping[str, int]) -> bool:
    """Whether the rules from one source differ, or an attribute that they have as their target does."""
    return before != after or not moved.keys().isdisjoint(before)


def _reach(side: _Side, rows: Rows, source: str) -> dict[tuple[str, str], int]:
    """(kind, permission) -> the target types that the source has it over; nothing for a type that there is not."""
    found: dict[tuple[str, str], int] = {}
    for name in side.policy.attributes_of.get(source, ()):
        for target, perms in rows.get(name, {}).items():
            types = side.sets[target]
            for perm in perms:
                found[perm] = found.get(perm, 0) | types
    return found


def _together(tclass: str, grouped: Mapping[tuple[str, bool, int, str], int], numbered: Numbered) -> Iterator[Change]:
    """Permissions with the same sources and targets in one change."""
    merged: dict[tuple[str, bool, int, int], list[str]] = {}
    for (kind, gained, targets, perm), sources in grouped.items():
        merged.setdefault((kind, gained, sources, targets), []).append(perm)
    for (kind, gained, sources, targets), perms in merged.items():
        who, whom = (tuple(numbered.spelled(types)) for types in (sources, targets))
        yield Change(kind, gained, tclass, who, whom, tuple(sorted(perms)))
