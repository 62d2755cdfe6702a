import pytest

from lsm.modules.selinux import sexpr
from lsm.modules.selinux.constraint import compile_check
from lsm.modules.selinux.context import Context
from lsm.modules.selinux.mls import Level

LOW, HIGH, ASIDE = Level(0, 0), Level(1, 0b1), Level(0, 0b10)
SOURCE = Context("u", "r", "a_t", LOW, HIGH)
TARGET = Context("u", "r", "b_t", ASIDE, HIGH)
TASK = Context("v", "s", "c_t", HIGH, HIGH)


def holds(text: str, source: Context = SOURCE, target: Context = TARGET, task: Context = TASK) -> bool:
    (expression,) = sexpr.read(text)
    check = compile_check(expression, lambda field, names: set(sexpr.names(names)))
    return check(source, target, task)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(eq u1 u2)", True),
        ("(neq u1 u2)", False),
        ("(eq t1 t2)", False),
        ("(eq u1 u3)", False),
        ("(eq t1 (a_t x_t))", True),
        ("(neq t2 a_t)", True),
        ("(eq t3 c_t)", True),
        ("(neq r3 s)", False),
        ("(dom l1 l2)", False),
        ("(domby l1 l2)", True),
        ("(dom h1 l2)", False),
        ("(incomp h1 l2)", True),
        ("(incomp l1 l2)", False),
        ("(eq h1 h2)", True),
        ("(neq l1 h1)", True),
        ("(dom l3 l1)", True),
        ("(and (eq u1 u2) (eq t1 t2))", False),
        ("(or (eq u1 u2) (eq t1 t2))", True),
        ("(not (or (eq u1 u2) (eq t1 t2)))", False),
    ],
)
def test_expression(text: str, expected: bool) -> None:
    """Each operator on users, roles, types and levels says what the kernel's evaluator says."""
    assert holds(text) is expected


def test_a_role_dominates_itself_only() -> None:
    """Flattened policies have no role hierarchy."""
    other = TARGET._replace(role="s")

    assert holds("(dom r1 r2)")
    assert holds("(domby r1 r2)")
    assert holds("(incomp r1 r2)", target=other)
    assert not holds("(dom r1 r2)", target=other)


def test_object_r_dominates_nothing() -> None:
    """libsepol leaves the set of object_r empty, so it does not even dominate itself."""
    source, target = SOURCE._replace(role="object_r"), TARGET._replace(role="object_r")

    assert not holds("(dom r1 r2)", source, target)
    assert holds("(incomp r1 r2)", source, target)
    assert holds("(eq r1 r2)", source, target)


@pytest.mark.parametrize(
    "text", ["(dom t1 t2)", "(dom t1 x)", "(eq x1 u2)", "(and (eq u1 u2))", "(eq l1 u2)", "(eq u1)"]
)
def test_refuses_nonsense(text: str) -> None:
    """An operator that does not fit its operands is an error."""
    with pytest.raises(ValueError, match=r"compare|operand"):
        holds(text)
