import pytest

from lsm.modules.selinux import sexpr


def test_reads_nested_statements() -> None:
    """Names nest in lists, and several statements may stand in one text."""
    assert sexpr.read("(a b (c (d)))\n(e)") == [["a", "b", ["c", ["d"]]], ["e"]]


def test_reads_strings_and_drops_comments() -> None:
    """A quoted string is one name whatever it holds, and a comment is nothing."""
    assert sexpr.read('(path "/a b(" "") ; (not) "this\n(x)') == [["path", "/a b(", ""], ["x"]]


@pytest.mark.parametrize("text", ["(a", "a)", "(a))", '(a "b)'])
def test_refuses_what_does_not_pair(text: str) -> None:
    """Parentheses and quotes must pair."""
    with pytest.raises(ValueError, match=r"parenthesis|quote"):
        sexpr.read(text)


def test_chunks_number_the_first_line_of_a_statement() -> None:
    """A statement over several lines is one chunk, numbered by its first line."""
    text = "(type a)\n(booleanif b\n    (true\n    )\n)\n(type c)"

    chunks = [(number, chunk.split("\n")[0]) for number, chunk in sexpr.chunks(text)]

    assert chunks == [(1, "(type a)"), (2, "(booleanif b"), (6, "(type c)")]


def test_chunks_leave_a_bare_file_name_alone() -> None:
    """A type transition is one chunk even where its unquoted file name has a lone parenthesis."""
    lines = ["(typetransition a b file x( c)", "(type d)"]

    assert [chunk for _, chunk in sexpr.chunks("\n".join(lines))] == lines
