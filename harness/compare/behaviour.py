"""What a run did, under stable names: values that compare equal where two runs did the same.

An operation keeps its decisions, labels and rpcs as lines of text, fields parted by tabs: a hundred thousand of them
are compared as they stand, in a baseline they can be read, and only those of operations that differ are taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

OUTSIDE = "(outside of the tests)"  # boot, and what the harness does between operations
RACE = "as who comes first decides"  # the end of an operation that raced with another one of its test
# No field has a tab or a newline in it: names that do are escaped, as are backslashes.
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})
_NONE = "\\"  # no escaped text is a lone backslash


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to one query; permissions are parted by blanks, `denied` are the missing ones.

    `verdict` is allowed, denied, or permissive: something is missing and was granted all the same.
    """

    node: str
    vantage: str
    hook: str
    module: str
    role: str
    object: str
    tclass: str
    requested: str
    denied: str
    scontext: str
    tcontext: str
    verdict: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """Raises TypeError for a line with other fields."""
        return cls(*line.split("\t"))


@dataclass(frozen=True, slots=True)
class Label:
    """A label stored (`why` as in the history), found at the end (`raw`), or answered (`seen`); None: no label."""

    place: str
    object: str
    name: str
    value: str | None
    why: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """Raises ValueError for a line with other fields."""
        place, name, xattr, value, why = line.split("\t")
        return cls(place, name, xattr, None if value == _NONE else value, why)


@dataclass(frozen=True, slots=True)
class Rpc:
    """One rpc as its server answered it; `fired` are (hook, role, object), in order, as often as they fired."""

    node: str
    method: str
    case: str
    fired: tuple[tuple[str, str, str], ...]

    @classmethod
    def parse(cls, line: str) -> Self:
        """Raises ValueError for a line with other fields."""
        node, method, case, *rest = line.split("\t")
        fired = []
        for hook, role, name, count in zip(*[iter(rest)] * 4, strict=True):
            fired += [(hook, role, name)] * int(count)
        return cls(node, method, case, tuple(fired))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a test; `name` says the call, the subject and the client, `end` is `ok`, an errno, or RACE."""

    name: str
    end: str
    decisions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rpcs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A whole run: test -> its operations in order. `about` says of which run, policy, runtime and version."""

    tests: Mapping[str, tuple[Operation, ...]]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decisions(self) -> int:
        return sum(len(operation.decisions) for operations in self.tests.values() for operation in operations)


def line(*values: str | None) -> str:
    """The fields as one line."""
    try:
        text = "\t".join(values)  # type: ignore[arg-type]
    except TypeError:
        text = "\\"  # a field that is None
    # Hardly ever is there anything to escape, and looking at the whole is quicker than at each field.
    if "\\" in text or "\n" in text or text.count("\t") != len(values) - 1:
        return "\t".join([_NONE if value is None else escaped(value) for value in values])
    return text


def escaped(text: str) -> str:
    """Without tabs and newlines."""
    return text.translate(_ESCAPED) if "\\" in text or "\t" in text or "\n" in text else text
