import pytest

from lsm.modules.selinux import sexpr
from lsm.modules.selinux.conditional import compile_condition

VALUES = {"yes": True, "no": False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("(yes)", True),
        ("(not yes)", False),
        ("(and yes no)", False),
        ("(or yes no)", True),
        ("(xor yes yes)", False),
        ("(eq no no)", True),
        ("(neq yes no)", True),
        ("(and yes (not (or no (xor yes yes))))", True),
    ],
)
def test_condition(text: str, expected: bool) -> None:
    """Each operator over booleans says what its name says."""
    (expression,) = sexpr.read(text)

    assert compile_condition(expression, VALUES)(VALUES) is expected


@pytest.mark.parametrize("text", ["maybe", "(and yes)", "(not yes no)", "(nand yes no)"])
def test_refuses(text: str) -> None:
    """Unknown booleans and operators and wrong operand counts are errors."""
    (expression,) = sexpr.read(text)

    with pytest.raises(ValueError, match="boolean"):
        compile_condition(expression, VALUES)
