"""The rules of a policy while they are being parsed."""

from dataclasses import dataclass, field

from lsm.modules.selinux.avtab import AvTable
from lsm.modules.selinux.conditional import Conditional
from lsm.modules.selinux.constraint import Check, Constraint
from lsm.modules.selinux.context import Context, text
from lsm.modules.selinux.mls import Level, Range
from lsm.modules.selinux.names import Names
from lsm.modules.selinux.policy import GenfsEntry, Policy, User
from lsm.modules.selinux.transition import Defaults, TypeKey, TypeRules
from lsm.modules.selinux.xperm import XpermRule

TYPE_RULES = ("typetransition", "typechange", "typemember")


@dataclass(slots=True)
class Draft:
    """The rules gathered so far, over resolved `names`."""

    names: Names
    av: AvTable = field(default_factory=dict)
    xperms: dict[str, dict[str, dict[str, tuple[XpermRule, ...]]]] = field(default_factory=dict)
    types: dict[str, dict[TypeKey, str]] = field(default_factory=lambda: {kind: {} for kind in TYPE_RULES})
    named: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    role_transitions: dict[TypeKey, str] = field(default_factory=dict)
    ranges: dict[TypeKey, Range] = field(default_factory=dict)
    defaults: dict[str, Defaults] = field(default_factory=dict)
    conditionals: list[Conditional] = field(default_factory=list)
    constraints: dict[str, list[Constraint]] = field(default_factory=dict)
    validatetrans: dict[str, list[Check]] = field(default_factory=dict)
    role_allow: set[tuple[str, str]] = field(default_factory=set)
    user_roles: dict[str, set[str]] = field(default_factory=dict)
    user_levels: dict[str, Level] = field(default_factory=dict)
    user_ranges: dict[str, Range] = field(default_factory=dict)
    permissive: set[str] = field(default_factory=set)
    neveraudit: set[str] = field(default_factory=set)
    bounds: dict[str, str] = field(default_factory=dict)
    sid_contexts: dict[str, Context] = field(default_factory=dict)
    fs_use: dict[str, tuple[str, Context]] = field(default_factory=dict)
    genfs: dict[str, list[tuple[str, str | None, Context]]] = field(default_factory=dict)


def finish(draft: Draft, digest: str) -> Policy:
    """The finished policy."""
    known, declared = draft.names, draft.names.declared
    initial = _initial(draft)
    return Policy(
        digest=digest,
        mls=declared.mls,
        handle_unknown=declared.handle_unknown,
        classes=known.classes,
        types=known.types,
        attributes=known.attributes,
        attributes_of=known.attributes_of,
        aliases=declared.aliases["type"],
        roles={role: frozenset(types) for role, types in declared.roles.items()},
        users={user: _user(draft, user) for user in declared.users},
        levels=known.levels,
        permissive=frozenset(draft.permissive),
        neveraudit=frozenset(draft.neveraudit),
        bounds=draft.bounds,
        booleans=declared.booleans,
        policycaps=frozenset(declared.policycaps),
        initial_contexts=initial,
        initial_sids={sid: text(known.levels, found) for sid, found in initial.items()},
        fs_use={fstype: (behaviour, text(known.levels, found)) for fstype, (behaviour, found) in draft.fs_use.items()},
        genfs={fstype: _genfs(draft, fstype) for fstype in draft.genfs},
        av=draft.av,
        xperms=draft.xperms,
        conditionals=tuple(draft.conditionals),
        constraints={tclass: tuple(found) for tclass, found in draft.constraints.items()},
        validatetrans={tclass: tuple(checks) for tclass, checks in draft.validatetrans.items()},
        type_rules=TypeRules(draft.types, draft.named, draft.role_transitions, draft.ranges, draft.defaults),
        role_allow=frozenset(draft.role_allow),
    )


def _user(draft: Draft, user: str) -> User:
    lowest = Level(0, 0)
    roles = frozenset(draft.user_roles.get(user, ()))
    return User(roles, draft.user_levels.get(user, lowest), draft.user_ranges.get(user, (lowest, lowest)))


def _initial(draft: Draft) -> dict[str, Context]:
    """The initial SIDs that have a context, in the policy's order."""
    order = (*draft.names.declared.orders.get("sid", ()), *draft.sid_contexts)
    return {sid: draft.sid_contexts[sid] for sid in dict.fromkeys(order) if sid in draft.sid_contexts}


def _genfs(draft: Draft, fstype: str) -> tuple[GenfsEntry, ...]:
    """Longest path first, as the kernel searches; of two equal ones the first in the policy."""
    entries = sorted(draft.genfs[fstype], key=lambda entry: -len(entry[0]))
    return tuple(GenfsEntry(path, tclass, text(draft.names.levels, found)) for path, tclass, found in entries)
