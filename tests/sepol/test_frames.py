"""Messages between a process and its child."""

import io

import pytest

from sepol import frames


def test_a_message_comes_back_as_it_was_sent():
    """Head and body survive, also in small pieces."""
    data = io.BytesIO(frames.pack({"op": "x", "text": "\ud800é\0"}, b"\0body"))

    assert frames.read(lambda size: data.read(min(size, 3))) == ({"op": "x", "text": "\ud800é\0"}, b"\0body")


def test_a_cut_message_is_an_end_of_file():
    """A side that dies in the middle of a message is noticed as gone."""
    data = io.BytesIO(frames.pack({"op": "x"}, b"body")[:-1])

    with pytest.raises(EOFError):
        frames.read(data.read)


@pytest.mark.parametrize("garbage", [b"\xff" * 8, b"\0\0\0\2\0\0\0\0{]", b"\0\0\0\2\0\0\0\0[]"])
def test_garbage_is_refused_before_it_is_read(garbage):
    """Impossible lengths, no JSON, no object: a ValueError, and no gigabytes asked for."""
    with pytest.raises(ValueError, match=r"message|Expecting"):
        frames.read(io.BytesIO(garbage).read)
