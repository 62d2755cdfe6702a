"""Values of syscalls, on the wire and in the history."""

import hashlib

import pytest

from harness import values
from labelproof.v1 import client_pb2 as pb


def test_arguments_travel_as_what_they_are() -> None:
    """None, booleans, integers, bytes and text keep their kind."""
    args = {"n": None, "b": True, "i": -5, "d": b"\xff", "t": "\u00e4"}

    fields = values.fields(args)

    assert {name: values.plain(fields.items[name]) for name in args} == args
    assert fields.items["b"].WhichOneof("kind") == "flag"


def test_a_name_that_is_not_utf8_travels_as_its_bytes() -> None:
    """A surrogate stands for a byte."""
    assert values.plain(values.fields({"path": "/\udcff"}).items["path"]) == b"/\xff"


def test_results_are_nested() -> None:
    """Lists and maps come back as Python's own, maps in the order of their names."""
    entry = pb.Value(map=pb.Fields(items={"b": pb.Value(integer=1), "a": pb.Value(none=True)}))
    value = pb.Value(list=pb.Values(items=[entry]))

    found = values.plain(value)

    assert found == [{"a": None, "b": 1}]
    assert list(found[0]) == ["a", "b"]


def test_what_does_not_travel_is_refused() -> None:
    """A syscall's argument of another type is named."""
    with pytest.raises(TypeError, match=r"no float: 1\.5"):
        values.fields({"x": 1.5})


def test_the_history_tells_bytes_as_text_where_they_are() -> None:
    """UTF-8 is text, other bytes are hex, and long data is told by its size and digest."""
    long = b"x" * (values.DATA_BYTES_MAX + 1)

    found = values.told({"label": b"u:r:t:s0", "bytes": b"\xff", "data": long, "list": (b"a",)})

    digest = {"bytes": len(long), "sha256": hashlib.sha256(long).hexdigest()}
    assert found == {"label": "u:r:t:s0", "bytes": {"hex": "ff"}, "data": digest, "list": ["a"]}
