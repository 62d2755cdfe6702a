"""The table of access vector rules, and the vector packed from three.

A vector is one int: allow in bits 0-31, auditallow in 32-63, dontaudit in 64-95, so that one
lookup and one `|` gather all three.
"""

from collections.abc import Iterable

from lsm.modules.selinux.conditional import AvRule

SHIFT = {"allow": 0, "auditallow": 32, "dontaudit": 64}
ALL_PERMS = 0xFFFFFFFF

# class -> source -> target -> vector; sources and targets are types or attributes.
AvTable = dict[str, dict[str, dict[str, int]]]


def add(table: AvTable, rule: AvRule) -> None:
    """Add one rule to `table`."""
    row = table.setdefault(rule.tclass, {}).setdefault(rule.source, {})
    row[rule.target] = row.get(rule.target, 0) | rule.vector


def gather(table: AvTable, sources: Iterable[str], targets: Iterable[str], tclass: str) -> int:
    """The union of every rule from any of `sources` to any of `targets` on `tclass`."""
    rows = table.get(tclass)
    vector = 0
    if rows:
        for source in sources:
            row = rows.get(source)
            if row:
                for target in targets:
                    if target in row:
                        vector |= row[target]
    return vector


def unpack(vector: int) -> tuple[int, int, int]:
    """The (allow, auditallow, dontaudit) masks of a vector."""
    return vector & ALL_PERMS, vector >> 32 & ALL_PERMS, vector >> 64
