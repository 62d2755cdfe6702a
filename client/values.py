"""A call's arguments and results on the wire: protobuf Value <-> plain Python.

int, bytes, str, bool, None, list and dict travel. Text that is not UTF-8 (names with surrogateescape) travels as bytes.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from labelproof.v1 import client_pb2

# Hostile nesting ends long before Python's own limit does.
DEPTH_MAX = 16
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


def to_python(value: client_pb2.Value, depth: int = 0) -> Any:
    """The Python value; EINVAL for one of no kind, or nested deeper than DEPTH_MAX."""
    kind = value.WhichOneof("kind")
    if kind is None or depth > DEPTH_MAX:
        raise OSError(errno.EINVAL, "a value has no kind" if kind is None else f"nested deeper than {DEPTH_MAX}")
    if kind == "none":
        return None
    if kind == "list":
        return [to_python(item, depth + 1) for item in value.list.items]
    if kind == "map":
        return fields_to_python(value.map, depth)
    return getattr(value, kind)


def fields_to_python(fields: client_pb2.Fields, depth: int = 0) -> dict[str, Any]:
    """The arguments of a call by name; errors as to_python."""
    return {name: to_python(item, depth + 1) for name, item in fields.items.items()}


def to_proto(value: object) -> client_pb2.Value:
    """The Value; TypeError for what does not travel, OverflowError for an integer of more than 64 bits."""
    if value is None:
        return client_pb2.Value(none=True)
    if isinstance(value, bool):
        return client_pb2.Value(flag=value)
    if isinstance(value, int):
        return client_pb2.Value(integer=_fitting(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return client_pb2.Value(data=bytes(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return client_pb2.Value(map=fields_to_proto(value))
    if isinstance(value, list | tuple):
        return client_pb2.Value(list=client_pb2.Values(items=[to_proto(item) for item in value]))
    raise TypeError(f"{type(value).__name__} does not travel as a value")


def fields_to_proto(fields: Mapping[str, object]) -> client_pb2.Fields:
    """The Fields; errors as to_proto."""
    return client_pb2.Fields(items={name: to_proto(item) for name, item in fields.items()})


def _fitting(value: int) -> int:
    if not _INT_MIN <= value <= _INT_MAX:
        raise OverflowError(f"{value} has more than 64 bits")
    return value


def _text(value: str) -> client_pb2.Value:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return client_pb2.Value(text=raw.decode("utf-8"))
    except UnicodeDecodeError:
        return client_pb2.Value(data=raw)
