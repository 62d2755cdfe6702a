"""Values on the wire and the binding of arguments."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import values
from client.args import U32, Offset, Path, Syscall
from labelproof.v1 import client_pb2

PLAIN = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary() | st.text()
NESTED = st.recursive(
    PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3), max_leaves=8
)


@given(NESTED)
def test_every_kind_of_value_comes_back_as_it_was(value):
    wire = values.to_proto(value).SerializeToString()

    back = values.to_python(client_pb2.Value.FromString(wire))

    assert (back, type(back)) == (value, type(value))


def test_zero_false_and_empty_are_not_nothing():
    given_ = {"i": 0, "b": False, "s": "", "d": b"", "l": [], "m": {}, "n": None}

    assert values.to_python(values.to_proto(given_)) == given_


def test_text_that_is_not_utf8_travels_as_its_bytes():
    assert values.to_python(values.to_proto("a\udcff")) == b"a\xff"


def test_a_value_of_no_kind_is_refused():
    with pytest.raises(OSError, match="no kind") as caught:
        values.to_python(client_pb2.Value(list=client_pb2.Values(items=[client_pb2.Value()])))

    assert caught.value.errno == errno.EINVAL


def test_deep_nesting_is_refused():
    value = client_pb2.Value(integer=1)
    for _ in range(values.DEPTH_MAX + 1):
        value = client_pb2.Value(list=client_pb2.Values(items=[value]))

    with pytest.raises(OSError, match="nested") as caught:
        values.to_python(value)

    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(("value", "error"), [(1 << 63, OverflowError), (1.5, TypeError), ({1: object()}, TypeError)])
def test_what_does_not_travel_is_an_error(value, error):
    with pytest.raises(error):
        values.to_proto(value)


async def _call(ctx: object, path: Path, mode: U32 = 7, at: Offset = 0, fd: int | None = None, on: bool = True) -> None:
    """A call with every kind of argument."""


CALL = Syscall.of(_call)


def test_arguments_are_bound_by_name_and_text_becomes_a_path():
    assert CALL.bind({"path": "/\udcff", "fd": None, "mode": 1}) == {"path": b"/\xff", "fd": None, "mode": 1}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "'path' is missing"),
        ({"path": 1}, "'path' is int, not bytes"),
        ({"path": None}, "'path' is nothing"),
        ({"path": b"a\0"}, "'path' holds a NUL"),
        ({"path": "/", "mode": -1}, "'mode' is -1"),
        ({"path": "/", "mode": 1 << 32}, "'mode' is 4294967296"),
        ({"path": "/", "mode": True}, "'mode' is bool"),
        ({"path": "/", "at": -1}, "'at' is -1"),
        ({"path": "/", "fd": "3"}, "'fd' is str"),
        ({"path": "/", "on": 1}, "'on' is int, not a boolean"),
        ({"path": "/", "pfad": "/"}, "'pfad' is not known; there are path, mode"),
    ],
)
def test_an_argument_that_does_not_fit_is_einval_and_named(args, words):
    with pytest.raises(OSError, match=words) as caught:
        CALL.bind(args)

    assert caught.value.errno == errno.EINVAL


def test_a_call_that_there_is_not_is_enosys(client):
    reply = client.reply("fork")

    assert (reply.errno, reply.definite) == (errno.ENOSYS, True)
    assert "'fork'" in reply.message


def test_a_bad_argument_reaches_no_server(client, world):
    reply = client.reply("open", path="/", mode="rw")

    assert (reply.errno, world.calls) == (errno.EINVAL, [])
    assert "'mode'" in reply.message


@pytest.mark.parametrize("args", [{}, {"path": "/", "fd": 3}])
def test_a_call_on_a_path_or_a_descriptor_wants_one_of_them(client, args):
    assert client.reply("getxattr", name="user.k", **args).errno == errno.EINVAL


@pytest.mark.parametrize(("task", "mount", "number"), [("x", "/", errno.ESRCH), ("t", "x", errno.ENODEV)])
def test_an_unknown_task_or_mount_is_named(client, task, mount, number):
    reply = client.reply("stat", path="/", task=task, mount=mount)

    assert reply.errno == number
    assert "'x'" in reply.message
