"""Statements on roles, users, constraints and the labels of what has none; one small function a kind.

A statement is given without its keyword, or the keyword is bound as first argument.
"""

from collections.abc import Callable
from functools import partial

from lsm.modules.selinux.constraint import Constraint, compile_check
from lsm.modules.selinux.context import Context
from lsm.modules.selinux.draft import Draft
from lsm.modules.selinux.names import Names, find
from lsm.modules.selinux.sexpr import Sexpr, items, name, names


def _role_type(draft: Draft, args: list[Sexpr]) -> None:
    role, member = args
    find(draft.names.declared.roles, name(role), "role").update(draft.names.type_set(member))


def _role_transition(draft: Draft, args: list[Sexpr]) -> None:
    role, target, tclass, result = args
    for found in (role, result):
        find(draft.names.declared.roles, name(found), "role")
    find(draft.names.classes, name(tclass), "class")
    draft.role_transitions[name(role), draft.names.type(target), name(tclass)] = name(result)


def _role_allow(draft: Draft, args: list[Sexpr]) -> None:
    source, target = args
    for found in (source, target):
        find(draft.names.declared.roles, name(found), "role")
    draft.role_allow.add((name(source), name(target)))


def _user_role(draft: Draft, args: list[Sexpr]) -> None:
    user, role = args
    find(draft.names.declared.users, name(user), "user")
    find(draft.names.declared.roles, name(role), "role")
    draft.user_roles.setdefault(name(user), set()).add(name(role))


def _user_level(draft: Draft, args: list[Sexpr]) -> None:
    user, level = args
    find(draft.names.declared.users, name(user), "user")
    draft.user_levels[name(user)], _ = draft.names.range([level, level])


def _user_range(draft: Draft, args: list[Sexpr]) -> None:
    user, bounds = args
    find(draft.names.declared.users, name(user), "user")
    draft.user_ranges[name(user)] = draft.names.range(bounds)


def _name_set(known: Names, letter: str, expression: Sexpr) -> frozenset[str]:
    """The names beside u, r or t in a constraint; libsepol prints NO_IDENTIFIER for none."""
    if expression == "NO_IDENTIFIER":
        return frozenset()
    if letter == "t":
        return frozenset(known.type_set(expression))
    declared = known.declared.roles if letter == "r" else known.declared.users
    for found in names(expression):
        if found not in declared:
            raise ValueError(f"unknown {'role' if letter == 'r' else 'user'} {found!r}")
    return frozenset(names(expression))


def _constrain(mls: bool, draft: Draft, args: list[Sexpr]) -> None:
    permissions, expression = args
    tclass, perms = items(permissions)
    mask = draft.names.mask(name(tclass), names(perms))
    check = compile_check(expression, partial(_name_set, draft.names))
    draft.constraints.setdefault(name(tclass), []).append(Constraint(mask, mls, check))


def _validatetrans(draft: Draft, args: list[Sexpr]) -> None:
    tclass, expression = args
    find(draft.names.classes, name(tclass), "class")
    check = compile_check(expression, partial(_name_set, draft.names))
    draft.validatetrans.setdefault(name(tclass), []).append(check)


def _context(known: Names, expression: Sexpr) -> Context:
    user, role, type_name, *bounds = items(expression)
    find(known.declared.users, name(user), "user")
    find(known.declared.roles, name(role), "role")
    low, high = known.range(bounds[0] if bounds else [])
    return Context(name(user), name(role), known.type(type_name), low, high)


def _sid_context(draft: Draft, args: list[Sexpr]) -> None:
    sid, expression = args
    draft.sid_contexts[name(sid)] = _context(draft.names, expression)


def _fs_use(draft: Draft, args: list[Sexpr]) -> None:
    behaviour, fstype, expression = args
    draft.fs_use[name(fstype)] = name(behaviour), _context(draft.names, expression)


def _genfs(draft: Draft, args: list[Sexpr]) -> None:
    fstype, path, *kind, expression = args
    tclass = find(_GENFS_CLASSES, name(kind[0]), "file type") if kind else None
    entry = name(path), tclass, _context(draft.names, expression)
    draft.genfs.setdefault(name(fstype), []).append(entry)


_GENFS_CLASSES = {
    "any": None,
    "file": "file",
    "dir": "dir",
    "char": "chr_file",
    "block": "blk_file",
    "socket": "sock_file",
    "pipe": "fifo_file",
    "symlink": "lnk_file",
}

STATEMENTS: dict[str, Callable[[Draft, list[Sexpr]], None]] = {
    "constrain": partial(_constrain, False),
    "mlsconstrain": partial(_constrain, True),
    "validatetrans": _validatetrans,
    "mlsvalidatetrans": _validatetrans,
    "roletype": _role_type,
    "roletransition": _role_transition,
    "roleallow": _role_allow,
    "userrole": _user_role,
    "userlevel": _user_level,
    "userrange": _user_range,
    "sidcontext": _sid_context,
    "fsuse": _fs_use,
    "genfscon": _genfs,
}
