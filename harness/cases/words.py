"""What a word of a file stands for: contexts and their names, numbers, paths."""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import stat
from collections.abc import Iterator, Mapping

from harness.cases.nodes import Node
from harness.profile import Profile

CONTEXT = re.compile(r"[^\s:]+:[^\s:]+:[^\s:]+(:\S+)?")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+")
_OCTAL = re.compile(r"0[0-7]+")
_MODULES = (os, stat, fcntl, mmap)
_ID_MAX = (1 << 32) - 2  # the highest stands for no id


class Names:
    """Contexts by name: the file's own names, then what the profile calls its contexts."""

    def __init__(self, own: Mapping[str, str], who: Profile | None) -> None:
        self._known = dict(_of_profile(who) if who else ()) | dict(own)
        self._profile = who is not None

    def context(self, node: Node, word: str | None = None) -> str:
        """The context that a word names, or is. Raises ValueError with the names that there are."""
        word = node.text() if word is None else word
        if word in self._known:
            return self._known[word]
        if CONTEXT.fullmatch(word):
            return word
        known = ", ".join(self._known) or "none"
        more = "" if self._profile else "; the run's policy has no profile, whose names would be known too"
        raise node.wrong(
            f"{word!r} is neither a context (user:role:type:level) nor one of the names {known}{more}; correct it"
        )

    def or_text(self, text: str) -> str:
        """The context that a word names, or the word as it is."""
        return self._known.get(text, text)


def _of_profile(who: Profile) -> Iterator[tuple[str, str]]:
    yield from who.directories.items()
    yield from ((name, str(getattr(who, name))) for name in ("root", "relabel", "admin", "user"))


def context(node: Node) -> str:
    """A whole context. Raises ValueError for anything else."""
    if not CONTEXT.fullmatch(node.text()):
        raise node.wrong(f"{node.text()!r} is no context; give user:role:type:level")
    return node.text()


def number(text: str) -> int:
    """A number in Python's or C's notation, or constants: `0644`, `O_CREAT|O_RDWR`, `S_IFIFO|0600`.

    Raises ValueError for anything else.
    """
    total = 0
    for word in text.split("|"):
        total |= _number(word.strip())
    if not -(1 << 63) <= total < 1 << 63:
        raise ValueError(f"{text!r} has more than 64 bits; no call takes such a number")
    return total


def identity(text: str) -> int:
    """A user or group id. Raises ValueError for anything else."""
    found = number(text)
    if not 0 <= found <= _ID_MAX:
        raise ValueError(f"{text!r} is no user or group id; give 0 to {_ID_MAX}")
    return found


def _number(word: str) -> int:
    if _CONSTANT.fullmatch(word):
        for module in _MODULES:
            if isinstance(found := getattr(module, word, None), int):
                return found
        raise ValueError(f"{word!r} is no constant of open(2), stat(2), fcntl(2) or mmap(2)")
    if _OCTAL.fullmatch(word):
        return int(word, 8)
    try:
        return int(word, 0)
    except ValueError:
        raise ValueError(f"{word!r} is no number; give one as 12, 0644, 0x1f or O_CREAT|O_RDWR") from None


def seconds(text: str) -> float:
    """Raises ValueError for what is no decimal number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; give seconds, as 2.5") from None


def flag(text: str) -> bool:
    """True or false. Raises ValueError for anything else."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def path(node: Node, text: str | None = None) -> str:
    """A path in the case's own directory, without a slash in front. ValueError for one that leads out of it."""
    text = node.text() if text is None else text
    depth = 0
    for part in text.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            raise node.wrong(f"{text!r} leads out of the case's own directory; paths begin there")
    if "\0" in text:
        raise node.wrong("a path has no NUL in it")
    return text.lstrip("/") or "."
