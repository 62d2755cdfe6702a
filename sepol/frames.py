"""One message between a process and its child: a JSON head and raw bytes (a policy, or CIL text).

On the wire: two unsigned 32-bit big-endian lengths, the head, the body. No pickle: a child that a damaged policy has
corrupted must not be able to run anything in its parent.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

FRAME_BYTES_MAX = 1 << 30
_LENGTHS = struct.Struct(">II")

Head = dict[str, Any]


def pack(head: Head, body: bytes = b"") -> bytes:
    """The bytes of one message. Raises ValueError over 1 GiB."""
    text = json.dumps(head, separators=(",", ":")).encode("ascii")
    if len(text) + len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a message of {len(text) + len(body)} bytes is over the limit of {FRAME_BYTES_MAX}")
    return _LENGTHS.pack(len(text), len(body)) + text + body


def read(receive: Callable[[int], bytes]) -> tuple[Head, bytes]:
    """One message; ``receive(n)`` gives at most n bytes, none at the end. Raises EOFError, ValueError for garbage."""
    head_size, body_size = _LENGTHS.unpack(_exactly(receive, _LENGTHS.size))
    if head_size + body_size > FRAME_BYTES_MAX:
        raise ValueError("not a message: its lengths are over the limit")
    head = json.loads(_exactly(receive, head_size))
    if not isinstance(head, dict):
        raise ValueError("not a message: its head is no object")
    return head, _exactly(receive, body_size)


def _exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = receive(min(size - len(data), 1 << 20))
        if not piece:
            raise EOFError("the other side has gone")
        data += piece
    return bytes(data)
