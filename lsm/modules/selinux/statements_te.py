"""Type enforcement statements: rules, transitions, conditionals, bounds; one small function a kind.

A statement is given without its keyword, or the keyword is bound as first argument.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lsm.modules.selinux.avtab import SHIFT, add
from lsm.modules.selinux.conditional import Arm, AvRule, Conditional, TypeRule, compile_condition
from lsm.modules.selinux.draft import TYPE_RULES, Draft
from lsm.modules.selinux.names import Names, find
from lsm.modules.selinux.sexpr import Sexpr, items, name, names
from lsm.modules.selinux.transition import Defaults
from lsm.modules.selinux.xperm import XpermRule


def vector(known: Names, kind: str, tclass: str, perms: list[str]) -> int:
    """The packed vector of one rule's permissions; `kind` is allow, auditallow or dontaudit."""
    return known.mask(tclass, perms) << SHIFT[kind]


def _av_rule(kind: str, known: Names, args: list[Sexpr]) -> AvRule:
    source, target, permissions = args
    tclass, perms = items(permissions)
    source_name = known.type_or_attribute(source)
    # libsepol prints a rule of an attribute with itself as "self", too: one key either way.
    target_name = source_name if target == "self" else known.type_or_attribute(target)
    bits = vector(known, kind, name(tclass), names(perms))
    return AvRule(name(tclass), source_name, target_name, bits)


def _av(kind: str, draft: Draft, args: list[Sexpr]) -> None:
    add(draft.av, _av_rule(kind, draft.names, args))


def _type_rule(kind: str, known: Names, args: list[Sexpr]) -> TypeRule:
    source, target, tclass, result = args
    find(known.classes, name(tclass), "class")
    return TypeRule(kind, known.type(source), known.type(target), name(tclass), known.type(result))


def _type(kind: str, draft: Draft, args: list[Sexpr]) -> None:
    if len(args) > 4:
        return _named_transition(draft, args)
    rule = _type_rule(kind, draft.names, args)
    draft.types[kind][rule.source, rule.target, rule.tclass] = rule.result
    return None


def _named_transition(draft: Draft, args: list[Sexpr]) -> None:
    source, target, tclass, *words, result = args
    rule = _type_rule("typetransition", draft.names, [source, target, tclass, result])
    file_name = " ".join(map(name, words))
    draft.named[rule.source, rule.target, rule.tclass, file_name] = rule.result


def _xperm(effect: str, draft: Draft, args: list[Sexpr]) -> None:
    source, target, permissions = args
    kind, tclass, numbers = items(permissions)
    if kind not in ("ioctl", "nlmsg"):
        raise ValueError(f"unknown kind of extended permission {kind!r}")
    find(draft.names.classes, name(tclass), "class")
    source_name = draft.names.type_or_attribute(source)
    target_name = source_name if target == "self" else draft.names.type_or_attribute(target)
    rule = XpermRule(effect, name(kind), tuple(_number_ranges(numbers)))
    row = draft.xperms.setdefault(name(tclass), {}).setdefault(source_name, {})
    row[target_name] = (*row.get(target_name, ()), rule)


def _number_ranges(expression: Sexpr) -> list[tuple[int, int]]:
    """(0x1 (range 0x10 0x1f)), nested as libsepol prints it, or (not (...)), over 0 to 0xffff."""
    match expression:
        case str():
            return [(int(expression, 16), int(expression, 16))]
        case ["range", str(low), str(high)]:
            return [(int(low, 16), int(high, 16))]
        case ["not", operand]:
            return _complement(_number_ranges(operand))
        case _:
            return [found for part in expression for found in _number_ranges(part)]


def _complement(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    gaps, free = [], 0
    for low, high in sorted(ranges):
        if low > free:
            gaps.append((free, low - 1))
        free = max(free, high + 1)
    return [*gaps, (free, 0xFFFF)] if free <= 0xFFFF else gaps


def _conditional(draft: Draft, args: list[Sexpr]) -> None:
    expression, *blocks = args
    arms = {"true": Arm(), "false": Arm()}
    for block in blocks:
        side, *statements = items(block)
        if side not in arms:
            raise ValueError(f"a booleanif block has no side {side!r}")
        arms[name(side)] = _arm(draft.names, [items(statement) for statement in statements])
    condition = compile_condition(expression, draft.names.declared.booleans)
    draft.conditionals.append(Conditional(condition, arms["true"], arms["false"]))


def _arm(known: Names, statements: list[list[Sexpr]]) -> Arm:
    av: list[AvRule] = []
    types: list[TypeRule] = []
    for keyword, *args in statements:
        if keyword in SHIFT:
            av.append(_av_rule(name(keyword), known, args))
        elif keyword in TYPE_RULES:
            types.append(_type_rule(name(keyword), known, args))
        else:
            raise ValueError(f"{keyword!r} cannot stand in a booleanif block")
    return Arm(tuple(av), tuple(types))


def _range_transition(draft: Draft, args: list[Sexpr]) -> None:
    source, target, tclass, bounds = args
    known = draft.names
    find(known.classes, name(tclass), "class")
    draft.ranges[known.type(source), known.type(target), name(tclass)] = known.range(bounds)


def _default(which: str, draft: Draft, args: list[Sexpr]) -> None:
    classes, *words = args
    choice = " ".join(map(name, words))
    if choice not in (_RANGE_DEFAULTS if which == "range" else ("source", "target")):
        raise ValueError(f"unknown default{which} {choice!r}")
    for tclass in names(classes):
        find(draft.names.classes, tclass, "class")
        draft.defaults[tclass] = replace(draft.defaults.get(tclass, Defaults()), **{which: choice})


_RANGE_DEFAULTS = (
    "glblub",
    *("source low", "source high", "source low-high"),
    *("target low", "target high", "target low-high"),
)


def _permissive(draft: Draft, args: list[Sexpr]) -> None:
    (member,) = args
    draft.permissive.add(draft.names.type(member))


def _never_audit(draft: Draft, args: list[Sexpr]) -> None:
    (member,) = args
    draft.neveraudit.add(draft.names.type(member))


def _bounds(draft: Draft, args: list[Sexpr]) -> None:
    parent, child = args
    draft.bounds[draft.names.type(child)] = draft.names.type(parent)


STATEMENTS: dict[str, Callable[[Draft, list[Sexpr]], None]] = {
    **{kind: partial(_av, kind) for kind in SHIFT},
    **{kind: partial(_type, kind) for kind in TYPE_RULES},
    **{effect: partial(_xperm, effect) for effect in ("allowx", "auditallowx", "dontauditx")},
    **{f"default{which}": partial(_default, which) for which in ("user", "role", "type", "range")},
    "booleanif": _conditional,
    "rangetransition": _range_transition,
    "typepermissive": _permissive,
    "typeneveraudit": _never_audit,
    "typebounds": _bounds,
}
