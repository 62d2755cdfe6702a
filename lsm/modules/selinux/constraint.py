"""Constraint expressions, compiled to functions of the contexts compared.

Rules: constraint_expr_eval in security/selinux/ss/services.c. Side 1 is the source (or the old
context), 2 the target (the new one), 3 the task of a validatetrans rule.

Flattened policies hold no role hierarchy, so a role dominates itself only. object_r dominates
nothing, not even itself: libsepol's CIL compiler never fills its set (cil_role_to_policydb), and
so do its own decisions come out.
"""

import operator
from collections.abc import Callable, Set
from dataclasses import dataclass

from lsm.modules.selinux.context import OBJECT_R, Context
from lsm.modules.selinux.mls import dominates
from lsm.modules.selinux.sexpr import Sexpr, name

Check = Callable[[Context, Context, Context], bool]
NameSet = Callable[[str, Sexpr], Set[str]]


@dataclass(frozen=True, slots=True)
class Constraint:
    """Permissions of a class that stay only where `holds(source, target, target)`; `mls` tells mlsconstrain."""

    mask: int
    mls: bool
    holds: Check


def compile_check(expression: Sexpr, name_set: NameSet) -> Check:
    """Compile an expression. `name_set(field, names)` resolves the names beside a user, role or type ("u", "r", "t").

    ValueError for an unknown operator or operand.
    """
    if isinstance(expression, str) or not expression:
        raise ValueError(f"{expression!r} is not a constraint expression")
    op, *operands = expression
    if op in ("and", "or", "not"):
        return _combine(name(op), [compile_check(operand, name_set) for operand in operands])
    if len(operands) != 2:
        raise ValueError(f"{op!r} takes two operands")
    left = name(operands[0])
    right = operands[1]
    if left not in _OPERANDS:
        raise ValueError(f"unknown operand {left!r}")
    if isinstance(right, str) and right in _OPERANDS:
        return _compare(name(op), left, right)
    return _in_set(name(op), left, name_set(left[0], right))


_OPERANDS = {f"{letter}{side}": (side - 1, field) for field, letter in enumerate("urtlh") for side in (1, 2, 3)}


def _combine(op: str, checks: list[Check]) -> Check:
    if len(checks) != (1 if op == "not" else 2):
        raise ValueError(f"{op!r} with {len(checks)} operands")
    first, last = checks[0], checks[-1]
    if op == "and":
        return lambda s, t, x: first(s, t, x) and last(s, t, x)
    if op == "or":
        return lambda s, t, x: first(s, t, x) or last(s, t, x)
    return lambda s, t, x: not first(s, t, x)


def _compare(op: str, left: str, right: str) -> Check:
    kind = "level" if left[0] in "lh" else "role" if left[0] == "r" else "name"
    relations = _RELATIONS[kind]
    if op not in relations or (kind == "level") != (right[0] in "lh"):
        raise ValueError(f"cannot compare {left!r} and {right!r} by {op!r}")
    relation = relations[op]
    (a, i), (b, j) = _OPERANDS[left], _OPERANDS[right]
    if (a, b) == (0, 1):
        return lambda s, t, x: relation(s[i], t[j])
    return lambda *sides: relation(sides[a][i], sides[b][j])


def _in_set(op: str, left: str, names: Set[str]) -> Check:
    side, field = _OPERANDS[left]
    if op not in ("eq", "neq") or left[0] not in "urt":
        raise ValueError(f"cannot compare {left!r} with names by {op!r}")
    wanted = op == "eq"
    if side == 0:
        return lambda s, t, x: (s[field] in names) is wanted
    if side == 1:
        return lambda s, t, x: (t[field] in names) is wanted
    return lambda s, t, x: (x[field] in names) is wanted


def _role_dominates(a: str, b: str) -> bool:
    return a == b != OBJECT_R


_RELATIONS: dict[str, dict[str, Callable[..., bool]]] = {
    "name": {"eq": operator.eq, "neq": operator.ne},
    "role": {
        "eq": operator.eq,
        "neq": operator.ne,
        "dom": _role_dominates,
        "domby": _role_dominates,
        "incomp": lambda a, b: not _role_dominates(a, b),
    },
    "level": {
        "eq": operator.eq,
        "neq": operator.ne,
        "dom": dominates,
        "domby": lambda a, b: dominates(b, a),
        "incomp": lambda a, b: not dominates(a, b) and not dominates(b, a),
    },
}
