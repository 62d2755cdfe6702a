"""First pass of the parser: the statements that declare names.

One small function a statement kind, in `STATEMENTS`. A statement is given without its keyword.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from lsm.modules.selinux.sexpr import Sexpr, name, names


@dataclass(slots=True)
class Declarations:
    """What was declared, as read; names.py makes sense of it."""

    # Where a name was spoken of last, by keyword and first argument, for the errors found afterwards.
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    handle_unknown: Literal["allow", "deny", "reject"] = "deny"
    mls: bool = False
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    commons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    common_of: dict[str, str] = field(default_factory=dict)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    types: list[str] = field(default_factory=list)
    attributes: dict[str, list[Sexpr]] = field(default_factory=dict)
    aliases: dict[str, dict[str, str]] = field(default_factory=lambda: {"type": {}, "sensitivity": {}, "category": {}})
    sens_cats: dict[str, list[Sexpr]] = field(default_factory=dict)
    named_levels: dict[str, Sexpr] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    users: dict[str, None] = field(default_factory=dict)
    booleans: dict[str, bool] = field(default_factory=dict)
    policycaps: set[str] = field(default_factory=set)


Statement = Callable[[Declarations, list[Sexpr]], None]


def _handle_unknown(d: Declarations, args: list[Sexpr]) -> None:
    match args:
        case ["allow" | "deny" | "reject" as choice]:
            d.handle_unknown = choice
        case _:
            raise ValueError("handleunknown is allow, deny or reject")


def _truth(text: Sexpr) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _mls(d: Declarations, args: list[Sexpr]) -> None:
    (value,) = args
    d.mls = _truth(value)


def _class(d: Declarations, args: list[Sexpr]) -> None:
    declared, *perms = args
    d.classes[name(declared)] = tuple(names(perms[0])) if perms else ()


def _common(d: Declarations, args: list[Sexpr]) -> None:
    common, perms = args
    d.commons[name(common)] = tuple(names(perms))


def _class_common(d: Declarations, args: list[Sexpr]) -> None:
    tclass, common = args
    d.common_of[name(tclass)] = name(common)


def _order(kind: str, d: Declarations, args: list[Sexpr]) -> None:
    (order,) = args
    d.orders[kind] = tuple(names(order))


def _type(d: Declarations, args: list[Sexpr]) -> None:
    (declared,) = args
    d.types.append(name(declared))


def _attribute(d: Declarations, args: list[Sexpr]) -> None:
    (declared,) = args
    d.attributes.setdefault(name(declared), [])


def _attribute_set(d: Declarations, args: list[Sexpr]) -> None:
    attribute, expression = args
    d.attributes.setdefault(name(attribute), []).append(expression)


def _alias(kind: str, d: Declarations, args: list[Sexpr]) -> None:
    alias, actual = args
    d.aliases[kind][name(alias)] = name(actual)


def _sens_cats(d: Declarations, args: list[Sexpr]) -> None:
    sens, *categories = args
    d.sens_cats.setdefault(name(sens), []).extend(categories)


def _level(d: Declarations, args: list[Sexpr]) -> None:
    declared, level = args
    d.named_levels[name(declared)] = level


def _role(d: Declarations, args: list[Sexpr]) -> None:
    (declared,) = args
    d.roles.setdefault(name(declared), set())


def _user(d: Declarations, args: list[Sexpr]) -> None:
    (declared,) = args
    d.users[name(declared)] = None


def _boolean(d: Declarations, args: list[Sexpr]) -> None:
    declared, value = args
    d.booleans[name(declared)] = _truth(value)


def _policycap(d: Declarations, args: list[Sexpr]) -> None:
    (declared,) = args
    d.policycaps.add(name(declared))


STATEMENTS: dict[str, Statement] = {
    "handleunknown": _handle_unknown,
    "mls": _mls,
    "class": _class,
    "common": _common,
    "classcommon": _class_common,
    "classorder": partial(_order, "class"),
    "sidorder": partial(_order, "sid"),
    "sensitivityorder": partial(_order, "sensitivity"),
    "categoryorder": partial(_order, "category"),
    "type": _type,
    "typeattribute": _attribute,
    "typeattributeset": _attribute_set,
    "typealiasactual": partial(_alias, "type"),
    "sensitivityaliasactual": partial(_alias, "sensitivity"),
    "categoryaliasactual": partial(_alias, "category"),
    "sensitivitycategory": _sens_cats,
    "level": _level,
    "role": _role,
    "user": _user,
    "boolean": _boolean,
    "policycap": _policycap,
}
