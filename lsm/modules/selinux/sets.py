"""CIL set expressions: (and a b) (or a b) (xor a b) (not a) (all) (range a b), or a list of names."""

from collections.abc import Callable, Set
from functools import partial

from lsm.modules.selinux.sexpr import Sexpr, name


def members(expression: Sexpr, universe: tuple[str, ...], lookup: Callable[[str], Set[str]]) -> Set[str]:
    """The names that `expression` stands for.

    `universe` is every name in its declared order, which `not`, `all` and `range` need; `lookup`
    turns one name into its members (an attribute) or itself. ValueError for a wrong operand count;
    what `lookup` raises for an unknown name goes through.
    """
    if isinstance(expression, str):
        return lookup(expression)
    if not expression:
        return frozenset()
    operator = expression[0]
    if isinstance(operator, str) and operator in _OPERATORS:
        return _apply(operator, expression[1:], universe, lookup)
    recurse = partial(members, universe=universe, lookup=lookup)
    return frozenset().union(*map(recurse, expression))


_OPERATORS = {"and": 2, "or": 2, "xor": 2, "not": 1, "all": 0, "range": 2}


def _apply(
    operator: str, operands: list[Sexpr], universe: tuple[str, ...], lookup: Callable[[str], Set[str]]
) -> Set[str]:
    if len(operands) != _OPERATORS[operator]:
        raise ValueError(f"{operator!r} takes {_OPERATORS[operator]} operands, not {len(operands)}")
    if operator == "all":
        return frozenset(universe)
    if operator == "range":
        return _range(name(operands[0]), name(operands[1]), universe, lookup)
    sets = [members(operand, universe, lookup) for operand in operands]
    match operator:
        case "and":
            return sets[0] & sets[1]
        case "or":
            return sets[0] | sets[1]
        case "xor":
            return sets[0] ^ sets[1]
        case _:
            return frozenset(universe) - sets[0]


def _range(low: str, high: str, universe: tuple[str, ...], lookup: Callable[[str], Set[str]]) -> Set[str]:
    (first,), (last,) = lookup(low), lookup(high)
    start, end = universe.index(first), universe.index(last)
    if end < start:
        raise ValueError(f"the range {low!r} to {high!r} runs backwards")
    return frozenset(universe[start : end + 1])
