"""Boolean expressions and the rules that hang on them (booleanif blocks).

Rules: cond_evaluate_expr in security/selinux/ss/conditional.c.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lsm.modules.selinux.sexpr import Sexpr, name

Condition = Callable[[Mapping[str, bool]], bool]


@dataclass(frozen=True, slots=True)
class AvRule:
    """One allow, auditallow or dontaudit rule; `vector` is packed (see avtab.py)."""

    tclass: str
    source: str
    target: str
    vector: int


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One type_transition, type_change or type_member rule; `kind` is its CIL keyword."""

    kind: str
    source: str
    target: str
    tclass: str
    result: str


@dataclass(frozen=True, slots=True)
class Arm:
    """The rules of one side of a booleanif block, in the policy's order."""

    av: tuple[AvRule, ...] = ()
    types: tuple[TypeRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditional:
    """A booleanif block: `true` applies while `condition` holds, else `false`."""

    condition: Condition
    true: Arm
    false: Arm

    def arm(self, booleans: Mapping[str, bool]) -> Arm:
        """The side that applies under `booleans`."""
        return self.true if self.condition(booleans) else self.false


def compile_condition(expression: Sexpr, booleans: Mapping[str, bool]) -> Condition:
    """Compile an expression over the declared `booleans`; ValueError for an unknown name or operator."""
    if isinstance(expression, str):
        if expression not in booleans:
            raise ValueError(f"unknown boolean {expression!r}")
        return lambda values: values[expression]
    if len(expression) == 1:
        return compile_condition(expression[0], booleans)
    op = name(expression[0])
    operands = [compile_condition(operand, booleans) for operand in expression[1:]]
    if len(operands) != (1 if op == "not" else 2) or op not in _OPERATORS:
        raise ValueError(f"unknown boolean expression {op!r} with {len(operands)} operands")
    return _OPERATORS[op](operands[0], operands[-1])


_OPERATORS: dict[str, Callable[[Condition, Condition], Condition]] = {
    "not": lambda a, b: lambda values: not a(values),
    "and": lambda a, b: lambda values: a(values) and b(values),
    "or": lambda a, b: lambda values: a(values) or b(values),
    "xor": lambda a, b: lambda values: a(values) != b(values),
    "eq": lambda a, b: lambda values: a(values) == b(values),
    "neq": lambda a, b: lambda values: a(values) != b(values),
}
