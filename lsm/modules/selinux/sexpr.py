"""Reader of CIL text: parenthesised statements of names, quoted strings and comments."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

Sexpr: TypeAlias = "str | list[Sexpr]"

_TOKEN = re.compile(r'"[^"]*"|[()]|;[^\n]*|[^\s()";]+|"')
# What most of a policy is, as one word: by its parts it takes three times as long.
_RULE = r'\((?:allow|dontaudit|auditallow) [^\s()";]+ [^\s()";]+ \([^\s()";]+ \([^()";]*\)\)\)'
_WORD = re.compile(f"{_RULE}|{_TOKEN.pattern}")


def read(text: str) -> list[Sexpr]:
    """Read every statement in `text`. Quotes are dropped; ValueError when quotes or parentheses do not pair."""
    current: list[Sexpr] = []
    outer: list[list[Sexpr]] = []
    for word in _WORD.findall(text):
        if word == "(":
            outer.append(current)
            current = []
        elif word == ")":
            if not outer:
                raise ValueError("a parenthesis too many")
            done, current = current, outer.pop()
            current.append(done)
        elif word[0] == "(":
            current.append(_rule(word))
        elif word[0] == '"':
            current.append(_unquote(word))
        elif word[0] != ";":
            current.append(word)
    if outer:
        raise ValueError("a parenthesis is not closed")
    return current


def _rule(word: str) -> list[Sexpr]:
    keyword, source, target, rest = word[1:-3].split(" ", 3)
    tclass, _, permissions = rest[1:].partition(" (")
    return [keyword, source, target, [tclass, list[Sexpr](permissions.split())]]


def _unquote(word: str) -> str:
    if word == '"':
        raise ValueError("a quote is not closed")
    return word[1:-1]


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """Split `text` into (line number, whole statements); a statement may go over several lines.

    A type transition is one line whatever it holds: libsepol 3.4 prints file names without quotes,
    so the parentheses of a name need not pair.
    """
    depth, pending, start = 0, [""], 0
    for number, line in enumerate(text.split("\n"), 1):
        if depth == 0:
            if line.startswith(_ONE_LINE) and line.endswith(")"):
                yield number, line
                continue
            pending, start = [], number
        pending.append(line)
        depth += _depth(line)
        if depth <= 0:
            depth = 0
            yield start, "\n".join(pending)
    if depth:
        yield start, "\n".join(pending)


_ONE_LINE = ("(allow ", "(dontaudit ", "(auditallow ", "(typetransition ")


def _depth(line: str) -> int:
    if '"' not in line and ";" not in line:
        return line.count("(") - line.count(")")
    words = _TOKEN.findall(line)
    return words.count("(") - words.count(")")


def names(expression: Sexpr) -> list[str]:
    """The names in a flat list (or the single name itself); ValueError when it is nested."""
    if isinstance(expression, str):
        return [expression]
    flat = [item for item in expression if isinstance(item, str)]
    if len(flat) != len(expression):
        raise ValueError("a list of names holds an expression")
    return flat


def name(expression: Sexpr) -> str:
    """The name that `expression` is; ValueError when it is a list."""
    if not isinstance(expression, str):
        raise ValueError("a list stands where a name belongs")
    return expression


def items(expression: Sexpr) -> list[Sexpr]:
    """The list that `expression` is; ValueError when it is a name."""
    if isinstance(expression, str):
        raise ValueError(f"{expression!r} stands where a list belongs")
    return expression


@contextmanager
def at_line(number: int) -> Iterator[None]:
    """Let a ValueError from within name the line."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
