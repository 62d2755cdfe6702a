"""Arguments and results of syscalls: as they travel to a client's agent, and as the history tells of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from labelproof.v1 import client_pb2 as pb
from rpc.record import text

# Longer data is told by its digest: the history is about labels, not about contents.
DATA_BYTES_MAX = 1024


def fields(args: Mapping[str, object]) -> pb.Fields:
    """The message of a call's arguments; TypeError for what does not travel."""
    return pb.Fields(items={name: _value(value) for name, value in args.items()})


def plain(value: pb.Value) -> Any:
    """The Python value of a result: None, bool, int, bytes, str, list or dict."""
    kind = value.WhichOneof("kind")
    if kind == "list":
        return [plain(item) for item in value.list.items]
    if kind == "map":
        return {name: plain(value.map.items[name]) for name in sorted(value.map.items)}
    return None if kind in {None, "none"} else getattr(value, kind)


def told(value: object) -> Any:
    """The value as docs/history.md says: UTF-8 as text, other bytes as {"hex"}; long data by size and digest."""
    if isinstance(value, bytes) and len(value) > DATA_BYTES_MAX:
        return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, bytes):
        return text(value)
    if isinstance(value, Mapping):
        return {name: told(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [told(item) for item in value]
    return value


def _value(value: object) -> pb.Value:
    match value:
        case None:
            return pb.Value(none=True)
        case bool():
            return pb.Value(flag=value)
        case int():
            return pb.Value(integer=value)
        case bytes():
            return pb.Value(data=value)
        case str():
            return _text(value)
    raise TypeError(f"a syscall takes no {type(value).__name__}: {value!r}")


def _text(value: str) -> pb.Value:
    """Names that are not UTF-8 travel as the bytes they are (PEP 383)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return pb.Value(data=value.encode("utf-8", "surrogateescape"))
    return pb.Value(text=value)
