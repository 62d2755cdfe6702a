import pytest

from lsm.modules.selinux import sets, sexpr

UNIVERSE = ("a", "b", "c", "d")
ATTRIBUTES = {"ab": {"a", "b"}}


def lookup(name: str) -> set[str]:
    return ATTRIBUTES.get(name) or {name}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("ab", "ab"),
        ("(a c)", "ac"),
        ("()", ""),
        ("(and ab (b c))", "b"),
        ("(or ab (d))", "abd"),
        ("(xor ab (b c))", "ac"),
        ("(not (ab))", "cd"),
        ("(all)", "abcd"),
        ("(range b d)", "bcd"),
        ("(a (range c d))", "acd"),
        ("(and (all) (not ab))", "cd"),
    ],
)
def test_expression(text: str, expected: str) -> None:
    """Each operator gives the members that CIL says."""
    (expression,) = sexpr.read(text)

    assert sets.members(expression, UNIVERSE, lookup) == set(expected)


@pytest.mark.parametrize("text", ["(and a)", "(not a b)", "(all a)", "(range a)", "(range c a)"])
def test_refuses_wrong_operands(text: str) -> None:
    """An operator with the wrong number of operands, or a backward range, is an error."""
    (expression,) = sexpr.read(text)

    with pytest.raises(ValueError, match=r"operands|backwards"):
        sets.members(expression, UNIVERSE, lookup)
