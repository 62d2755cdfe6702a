"""Bulk data: the same on the wire as protobuf's own, and hostile messages refused as protobuf refuses them."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from labelproof.v1 import oss_pb2 as pb
from rpc import bulk

WriteRequest = bulk.kind(pb.WriteRequest)
DATA = WriteRequest.KEY.to_bytes(1, "big")

fields = st.fixed_dictionaries(
    {},
    optional={
        "token": st.binary(max_size=300),
        "stripe": st.integers(0, (1 << 32) - 1),
        "offset": st.integers(0, (1 << 64) - 1),
        "data": st.binary(max_size=70_000),
    },
)


@given(fields)
def test_it_is_protobufs_message_on_the_wire(values):
    """What one writes the other reads, either way, and both say how long it is."""
    ours, theirs = WriteRequest(**values), pb.WriteRequest(**values)

    assert pb.WriteRequest.FromString(ours.SerializeToString()) == theirs
    assert ours.ByteSize() == len(ours.SerializeToString()) == theirs.ByteSize()
    read = WriteRequest.FromString(theirs.SerializeToString())
    assert {f: bytes(read.data) if f == "data" else getattr(read, f) for f in values} == values


@given(st.binary(max_size=200))
def test_what_protobuf_refuses_is_refused(body):
    """Whatever the bytes are: the same message as protobuf reads in them, or DecodeError."""
    try:
        read = WriteRequest.FromString(body)
    except DecodeError:
        return
    theirs = pb.WriteRequest.FromString(body)
    assert (bytes(read.data), read.token, read.offset) == (theirs.data, theirs.token, theirs.offset)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(DATA, id="no length"),
        pytest.param(DATA + b"\x05abcd", id="shorter than it says"),
        pytest.param(DATA + b"\xff" * 9 + b"\x01", id="longer than any message"),
        pytest.param(b"\x80" * 11, id="a number without an end"),
        pytest.param(b"\x0b\x0c", id="a group"),
        pytest.param(b"\x18\x01" * (bulk.FIELDS_MAX + 1), id="fields without end"),
        pytest.param(b"\x0a\x02\xff", id="another field is cut"),
    ],
)
def test_a_broken_message_is_refused(body):
    with pytest.raises(DecodeError):
        WriteRequest.FromString(body)


def test_the_last_of_several_counts():
    """As in protobuf, also in front of other fields, and with fields that nobody knows between."""
    body = DATA + b"\x01a" + b"\x7d\0\0\0\0" + DATA + b"\x02bc" + b"\x18\x07"

    read = WriteRequest.FromString(body)

    assert (bytes(read.data), read.offset) == (b"bc", 7)


def test_only_marked_messages_are_bulk():
    assert bulk.kind(pb.ReadRequest) is pb.ReadRequest
    assert bulk.kind(pb.ReadReply) is bulk.kind(pb.ReadReply) is not pb.ReadReply
