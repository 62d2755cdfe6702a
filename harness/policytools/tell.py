"""A difference as lines for people: rules in the policy language, long sets cut where somebody would stop reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from harness.policytools.diff import Difference, Entry
from harness.policytools.vectors import Change

_TITLES = {
    ("allow", True): "new allows", ("allow", False): "new denies",
    ("auditallow", True): "newly audited grants", ("auditallow", False): "grants no longer audited",
    ("dontaudit", True): "denials no longer audited", ("dontaudit", False): "newly audited denials",
}  # fmt: skip


def lines(difference: Difference, *, types_max: int = 8) -> Iterator[str]:
    """New allows, new denies, audit, labels, the rest; `types_max` is how many types a set shows, 0: all of them."""
    for (kind, gained), changes in groupby(difference.changes, lambda change: (change.kind, change.gained)):
        told = list(changes)
        yield f"{_TITLES[kind, gained]} ({len(told)})"
        yield from (f"  {_change(change, types_max)}" for change in told)
    for section, entries in groupby(difference.entries, lambda entry: entry.section):
        listed = list(entries)
        yield f"{section} ({len(listed)})"
        yield from (f"  {_entry(entry)}" for entry in listed)


def _change(change: Change, types_max: int) -> str:
    sign = "+" if change.gained else "-"
    sources, targets = (_set(names, types_max) for names in (change.sources, change.targets))
    if change.sources == change.targets and len(change.sources) == 1:
        targets = "self"
    return f"{sign} {change.kind} {sources} {targets}:{change.tclass} {_set(change.perms, 0)};"


def _entry(entry: Entry) -> str:
    if entry.old is None:
        return f"+ {_valued(entry.name, entry.new)}"
    if entry.new is None:
        return f"- {_valued(entry.name, entry.old)}"
    return f"~ {entry.name}: {entry.old} became {entry.new}"


def _valued(name: str, value: str | None) -> str:
    return f"{name}: {value}" if value else name


def _set(names: Iterable[str], shown_max: int) -> str:
    listed = list(names)
    if len(listed) == 1:
        return listed[0]
    if shown_max and len(listed) > shown_max:
        listed = [*listed[:shown_max], f"... {len(listed) - shown_max} more"]
    return f"{{ {' '.join(listed)} }}"
