"""Of what kind the values of a step, of an object to be laid, and of a result have to be, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = dict.fromkeys(
    ("path", "to", "flags", "name", "value", "kind", "target", "interp", "data", "t", "p", "by", "at", "res"), (str,)
)
_LABEL = dict.fromkeys(("l", "label", "ctx"), (str, type(None)))
_CONTEXT = dict.fromkeys(("scontext", "tcontext", "tclass"), (str,))
# What a case calls an open file or a mapping.
_CALLED = dict.fromkeys(("fd", "src", "dst", "map"), (str, int))
_NUMBER = dict.fromkeys(("uid", "gid", "rflags", "xflags", "n", "size", "cmd", "prot", "mflags", "mask"), (int,))
# access(2)'s mode is a letter, a boolean's new value a number or its digit.
_EITHER = {
    "mode": (int, str),
    "val": (int, str),
    "explicit": (int, bool),
    "s": (int, float),
    "errno": (int, type(None)),
}
_KINDS: Mapping[str, tuple[type, ...]] = {**_TEXT, **_LABEL, **_CONTEXT, **_CALLED, **_NUMBER, **_EITHER}
_WORDS = {str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "nothing"}
# What a kind of object cannot be laid without.
_NEEDS = {"lnk": "target", "hard": "target", "script": "interp"}
_LINE = ("perms", "scontext", "tcontext", "tclass")


def check(values: Mapping[str, Any], where: str) -> None:
    """Raises ValueError for a value of another kind than its name asks for."""
    for name, value in values.items():
        kinds = _KINDS.get(name, ())
        if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            wanted = " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds))
            raise ValueError(f"{where}: {name} is {value!r}; {wanted} belongs there")


def check_laid(item: Mapping[str, Any], where: str) -> None:
    """As `check`, of an object of the setup, which also needs what its kind is made of."""
    check(item, where)
    if not isinstance(item.get("mode", 0), int):
        raise ValueError(f"{where}: mode is {item['mode']!r}; a number belongs there")
    needed = _NEEDS.get(item.get("t", "file"))
    if needed and needed not in item:
        raise ValueError(f"{where}: {item['p']!r} lacks {needed!r}")


def check_logged(record: Mapping[str, Any], where: str) -> None:
    """As `check`, of a record of the kernel's log, which is a check or something else."""
    check(record, where)
    if "res" not in record:
        return
    missing = [name for name in _LINE if name not in record]
    if missing or not isinstance(record["perms"], list):
        raise ValueError(f"{where}: a check needs {', '.join(missing) or 'a list of perms'}")
