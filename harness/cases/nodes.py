"""A place in a YAML file: what stands there, and its line.

Every scalar is text, so that no word of YAML 1.1 (no, on, 0644, 1:30) turns into something else.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

SUFFIX = ".labels.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """What stands at `line` of the file. Its methods raise ValueError with file, line and remedy."""

    path: Path
    yaml: yaml.Node

    @property
    def line(self) -> int:
        return int(self.yaml.start_mark.line) + 1

    @property
    def scalar(self) -> bool:
        return isinstance(self.yaml, yaml.ScalarNode)

    @property
    def listed(self) -> bool:
        return isinstance(self.yaml, yaml.SequenceNode)

    def text(self) -> str:
        """The scalar here, as it is written."""
        if not isinstance(self.yaml, yaml.ScalarNode):
            raise self.wrong("a text belongs here")
        return str(self.yaml.value)

    def word(self, known: Collection[str]) -> str:
        """The scalar here, which is one of these."""
        if (text := self.text()) not in known:
            close = difflib.get_close_matches(text, known, 2, 0.55)
            there = f"is it {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
            raise self.wrong(f"{text!r} is not known here; {there}")
        return text

    def items(self) -> list[Node]:
        if not isinstance(self.yaml, yaml.SequenceNode):
            raise self.wrong("a list belongs here")
        return [Node(self.path, item) for item in self.yaml.value]

    def one_or_more(self) -> list[Node]:
        """The items of a list, or the one thing that stands here."""
        return self.items() if self.listed else [self]

    def mapping(self, known: Collection[str] = (), required: Collection[str] = ()) -> dict[str, Node]:
        """What stands here by key; `known` empty: any key."""
        if not isinstance(self.yaml, yaml.MappingNode):
            among = f", of {', '.join(known)}" if known else ""
            raise self.wrong(f"a mapping belongs here{among}")
        found: dict[str, Node] = {}
        for key, value in self.yaml.value:
            here = Node(self.path, key)
            name = here.word(known) if known else here.text()
            if name in found:
                raise here.wrong(f"{name!r} stands here twice; leave one out")
            found[name] = Node(self.path, value)
        if missing := [name for name in required if name not in found]:
            raise self.wrong(f"{missing[0]} is missing; give it")
        return found

    def wrong(self, what: str) -> ValueError:
        return ValueError(f"{place(self.path, self.line)}: {what}")


def place(path: Path, line: int) -> str:
    """`file:line`, the file as one would type it."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{line}"


def document(path: Path) -> Node:
    """The whole file. Raises OSError, ValueError naming file, line and remedy."""
    try:
        found = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or error
        raise ValueError(f"{place(path, mark.line + 1 if mark else 1)}: this is no YAML: {what}; correct it") from error
    if found is None:
        raise ValueError(f"{place(path, 1)}: the file is empty; docs/cases.md has an example")
    return Node(path, found)
