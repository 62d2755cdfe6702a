"""Two policies compared: access vectors first, then the labels of new objects, then everything else they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.policytools import vectors
from harness.policytools.loaded import Loaded
from harness.policytools.vectors import Change
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.transition import ActiveTypeRules

Booleans = Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that differs. `old` is None for what is new, `new` for what is gone."""

    section: str
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All of it, in the order in which a reviewer looks: what is newly allowed comes first."""

    changes: tuple[Change, ...]
    entries: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return bool(self.changes or self.entries)

    def to_json(self) -> dict[str, Any]:
        """Every source and target by name; nothing is left out."""
        return {
            "different": bool(self),
            "vectors": [asdict(change) for change in self.changes],
            "entries": [asdict(entry) for entry in self.entries],
        }


def compare(old: Loaded, new: Loaded, booleans: Booleans | None = None) -> Difference:
    """The difference under each policy's own booleans, those in `booleans` set in both where they have them.

    Raises ValueError for a boolean that neither has.
    """
    if unknown := sorted((booleans or {}).keys() - old.tables.booleans.keys() - new.tables.booleans.keys()):
        raise ValueError(f"neither policy has a boolean {unknown[0]!r}; `labelproof policy info` counts them")
    if old.policy.digest == new.policy.digest:
        return Difference((), ())
    forces = (_force(old.tables, booleans or {}), _force(new.tables, booleans or {}))
    found = vectors.changes(old.tables, new.tables, forces)
    entries = [
        Entry(section, name, was, now)
        for section, table in _TABLES.items()
        for name, was, now in _differing(table(old, forces[0]), table(new, forces[1]))
    ]
    return Difference(tuple(found), tuple(entries))


def _force(policy: Policy, booleans: Booleans) -> dict[str, bool]:
    return {**policy.booleans, **{name: value for name, value in booleans.items() if name in policy.booleans}}


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _transitions(loaded: Loaded, booleans: Booleans) -> dict[str, str]:
    """Types of new objects, in force under the booleans; a file name stands in quotes."""
    rules = loaded.tables.type_rules
    active = ActiveTypeRules.under(loaded.tables.conditionals, booleans).types["typetransition"]
    found = {f"{source} {target}:{tclass}": new for (source, target, tclass), new in active.items()}
    found |= {f"{s} {t}:{c}": new for (s, t, c), new in rules.types["typetransition"].items()}
    return found | {f'{s} {t}:{c} "{name}"': new for (s, t, c, name), new in rules.named.items()}


def _relabels(loaded: Loaded, booleans: Booleans) -> dict[str, str]:
    active = ActiveTypeRules.under(loaded.tables.conditionals, booleans).types
    fixed = loaded.tables.type_rules.types
    return {
        f"{word} {s} {t}:{c}": new
        for kind, word in (("typechange", "type_change"), ("typemember", "type_member"))
        for (s, t, c), new in {**active[kind], **fixed[kind]}.items()
    }


def _roles_of_objects(loaded: Loaded, _: Booleans) -> dict[str, str]:
    return {f"{role} {t}:{c}": new for (role, t, c), new in loaded.tables.type_rules.roles.items()}


def _ranges(loaded: Loaded, _: Booleans) -> dict[str, str]:
    levels = loaded.tables.levels
    return {f"{s} {t}:{c}": levels.format_range(span) for (s, t, c), span in loaded.tables.type_rules.ranges.items()}


def _defaults(loaded: Loaded, _: Booleans) -> dict[str, str]:
    return {
        f"{tclass} {part}": value
        for tclass, chosen in loaded.tables.type_rules.defaults.items()
        for part, value in asdict(chosen).items()
        if value
    }


def _filesystems(loaded: Loaded, _: Booleans) -> dict[str, str]:
    used = {f"fs_use {fs}": f"{how} {label}" for fs, (how, label) in loaded.tables.fs_use.items()}
    return used | {
        f"genfscon {fs} {entry.path}{f' {entry.tclass}' if entry.tclass else ''}": entry.context
        for fs, entries in loaded.tables.genfs.items()
        for entry in entries
    }


def _users(loaded: Loaded, _: Booleans) -> dict[str, str]:
    levels = loaded.tables.levels
    span = levels.format_range if levels.sensitivities else lambda _: ""
    return {
        name: f"roles {' '.join(sorted(user.roles))} range {span(user.range)}".removesuffix(" range ")
        for name, user in loaded.tables.users.items()
    }


def _attributes(loaded: Loaded, _: Booleans) -> dict[str, str]:
    """Those that somebody named: the compiler numbers those that it makes, and what they do the vectors tell."""
    found = loaded.tables.attributes.items()
    return {name: f"{len(members)} types" for name, members in found if not _MADE.search(name)}


_MADE = re.compile(r"typeattr_\d+\Z")


def _head(loaded: Loaded, _: Booleans) -> dict[str, str]:
    tables = loaded.tables
    levels = f"{len(tables.levels.sensitivities)} sensitivities"
    return {"handle_unknown": tables.handle_unknown, "mls": str(tables.mls), "levels": levels}


def _statements(*heads: str) -> Callable[[Loaded, Booleans], dict[str, str]]:
    """Rules as the flattened text has them: what the rule is, is its name."""

    def table(loaded: Loaded, _: Booleans) -> dict[str, str]:
        lines = (line for line in loaded.policy.cil.splitlines() if line[1:].partition(" ")[0] in heads)
        return dict.fromkeys(lines, "")

    return table


def _conditional(loaded: Loaded, _: Booleans) -> dict[str, str]:
    """Every rule that hangs on booleans, in force or not, with its condition and the side that it is on."""
    found, condition, side = {}, "", ""
    for line in loaded.policy.cil.splitlines():
        if line.startswith("(booleanif "):
            condition = line.removeprefix("(booleanif ")
        elif line.startswith("    ("):
            side = line.strip(" (")
        if line.startswith("        ("):
            found[f"if {condition} is {side}: {line.strip()}"] = ""
    return found


def _present(names: Callable[[Policy], Iterable[str]]) -> Callable[[Loaded, Booleans], dict[str, str]]:
    return lambda loaded, _: dict.fromkeys(names(loaded.tables), "")


# section -> what it holds, by name; in the order in which they are told.
_TABLES: dict[str, Callable[[Loaded, Booleans], dict[str, str]]] = {
    "labels of new objects": _transitions,
    "roles of new objects": _roles_of_objects,
    "ranges of new objects": _ranges,
    "defaults of new objects": _defaults,
    "labels of relabels and members": _relabels,
    "initial SIDs": lambda loaded, _: dict(loaded.tables.initial_sids),
    "filesystems": _filesystems,
    "policy": _head,
    "permissive types": _present(lambda policy: policy.permissive),
    "constraints": _statements("constrain", "mlsconstrain", "validatetrans", "mlsvalidatetrans"),
    "extended permissions": _statements("allowx", "auditallowx", "dontauditx"),
    "booleans": lambda loaded, _: {name: str(value).lower() for name, value in loaded.tables.booleans.items()},
    "conditional rules": _conditional,
    "users": _users,
    "roles": _present(lambda policy: policy.roles),
    "types of roles": _statements("roletype"),
    "role allows": _present(lambda policy: (f"{old} {new}" for old, new in policy.role_allow)),
    "classes": lambda loaded, _: {name: " ".join(sorted(perms)) for name, perms in loaded.tables.classes.items()},
    "types": _present(lambda policy: policy.types),
    "attributes": _attributes,
    "type bounds": lambda loaded, _: dict(loaded.tables.bounds),
    "policy capabilities": _present(lambda policy: policy.policycaps),
    "network and devices": _statements(
        "portcon", "nodecon", "netifcon", "ibpkeycon", "ibendportcon", "iomemcon", "ioportcon", "pcidevicecon",
        "pirqcon", "devicetreecon",
    ),
}  # fmt: skip
