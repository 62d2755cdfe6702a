"""The arguments of a syscall, bound to the function that serves it by name and annotation.

An operation is an `async def name(ctx, ...)`; its annotations are the declaration. Whatever does not fit is EINVAL and
names the argument.
"""

from __future__ import annotations

import errno
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True, slots=True)
class Range:
    """An integer from `low` to `high`."""

    low: int
    high: int


# A path or a component: bytes, or text with surrogateescape applied; never with a NUL in it.
Path = Annotated[bytes, "no NUL"]
U32 = Annotated[int, Range(0, (1 << 32) - 1)]
# File offsets and sizes, which are signed in the kernel (loff_t).
Offset = Annotated[int, Range(0, (1 << 63) - 1)]

_SIGNED = Range(-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a parameter takes: how its value is converted, and within which bounds; `optional`: nothing, too."""

    convert: Callable[[str, Any, Any], Any]
    bounds: Any
    optional: bool

    def fit(self, name: str, value: Any) -> Any:
        """`value` as the parameter `name` wants it; OSError(EINVAL)."""
        return None if value is None and self.optional else self.convert(name, value, self.bounds)


@dataclass(frozen=True, slots=True)
class Syscall:
    """One operation with its parameters, ready to be called with what came over the wire."""

    function: Callable[..., Awaitable[Any]]
    params: Mapping[str, Kind]
    required: frozenset[str]

    @classmethod
    def of(cls, function: Callable[..., Awaitable[Any]]) -> Syscall:
        """The declaration of `function`, whose first parameter is the context."""
        hints = typing.get_type_hints(function, include_extras=True)
        listed = list(inspect.signature(function).parameters.values())[1:]
        required = frozenset(p.name for p in listed if p.default is p.empty)
        return cls(function, {p.name: _declared(hints[p.name]) for p in listed}, required)

    def bind(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments. OSError(EINVAL) names one that is missing, not known, or of another kind."""
        if missing := self.required - args.keys():
            raise _refused(min(missing), "is missing")
        if unknown := args.keys() - self.params.keys():
            raise _refused(min(unknown), f"is not known; there are {', '.join(self.params)}")
        return {name: self.params[name].fit(name, value) for name, value in args.items()}


def _declared(hint: Any) -> Kind:
    """What an annotation says."""
    optional = typing.get_origin(hint) in (types.UnionType, typing.Union)
    if optional:
        hint = next(kind for kind in typing.get_args(hint) if kind is not type(None))
    annotated: tuple[Any, ...] = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint, None)
    return Kind(_CONVERT[annotated[0]], annotated[1], optional)


def _integer(name: str, value: Any, within: Range | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refused(name, f"is {_kind(value)}, not an integer")
    allowed = within or _SIGNED
    if not allowed.low <= value <= allowed.high:
        raise _refused(name, f"is {value}, not from {allowed.low} to {allowed.high}")
    return value


def _flag(name: str, value: Any, _: None) -> bool:
    if not isinstance(value, bool):
        raise _refused(name, f"is {_kind(value)}, not a boolean")
    return value


def _data(name: str, value: Any, path: str | None) -> bytes:
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if not isinstance(data, bytes):
        raise _refused(name, f"is {_kind(value)}, not bytes")
    if path and b"\0" in data:
        raise _refused(name, "holds a NUL")
    return data


def _text(name: str, value: Any, _: None) -> str:
    if not isinstance(value, str):
        raise _refused(name, f"is {_kind(value)}, not text")
    return value


_CONVERT: dict[Any, Callable[[str, Any, Any], Any]] = {int: _integer, bool: _flag, bytes: _data, str: _text}


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def _refused(name: str, why: str) -> OSError:
    return OSError(errno.EINVAL, f"argument {name!r} {why}")
