"""Large data that no codec copies: a message's field marked `bulk` goes behind the rest, and is read where it lies.

protobuf copies such a field as it is set, serialized, parsed, and again each time that it is looked at. On the wire
nothing is different: fields may come in any order (protobuf.dev, Encoding, "Message Structure"), so anybody's protobuf
reads what is written here, and anybody's writing is read. Arrow Flight treats its `data_body` the same way.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from google.protobuf.message import DecodeError, Message

from labelproof.v1 import context_pb2

# More fields than any message with such data has; each costs a turn of a loop.
FIELDS_MAX = 64
_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_VARINT_BYTES_MAX = 10

_KINDS: dict[Any, Any] = {}


class Bulk:
    """A message with large data: made, written, parsed and looked at as the message is. A kind of its own each."""

    __slots__ = ("_data", "_rest")

    TYPE: ClassVar[type[Message]]
    FIELD: ClassVar[str]
    # The field's number, and what stands on the wire in front of it.
    KEY: ClassVar[int]

    def __init__(self, **fields: Any) -> None:
        self._data: bytes | memoryview = fields.pop(self.FIELD, b"")
        self._rest = self.TYPE(**fields)

    def __getattr__(self, name: str) -> Any:
        return self._data if name == self.FIELD else getattr(self._rest, name)

    @classmethod
    def FromString(cls, body: bytes) -> Self:  # noqa: N802  # protobuf's name
        """The message in `body`, which stays alive for its data. DecodeError."""
        parsed = cls.__new__(cls)
        parsed._data, rest = _split(body, cls.KEY)
        parsed._rest = cls.TYPE.FromString(rest)
        return parsed

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """The message on the wire; the data is copied once."""
        rest = self._rest.SerializeToString()
        return b"".join((rest, _varint(self.KEY), _varint(len(self._data)), self._data)) if self._data else rest

    def ByteSize(self) -> int:  # noqa: N802  # protobuf's name
        """How long SerializeToString is."""
        head = len(_varint(self.KEY)) + len(_varint(len(self._data))) if self._data else 0
        return self._rest.ByteSize() + head + len(self._data)


def kind(message: Any) -> Any:
    """The class for messages of this type: itself, or a Bulk where a field of it is marked so."""
    found = _KINDS.get(message)
    if found is None:
        found = _KINDS[message] = _made(message)
    return found


def _made(message: Any) -> Any:
    for field in message.DESCRIPTOR.fields:
        if field.GetOptions().Extensions[context_pb2.bulk]:
            fixed = {"__slots__": (), "TYPE": message, "FIELD": field.name, "KEY": field.number << 3 | _LEN}
            return type(message.__name__, (Bulk,), fixed)
    return message


def _split(body: bytes, key: int) -> tuple[memoryview, bytes]:
    """The data behind `key`, the last if there are several, and the fields beside. DecodeError."""
    view = memoryview(body)
    data, rest, at, fields = view[:0], [], 0, 0
    while at < len(body):
        begin, fields = at, fields + 1
        if fields > FIELDS_MAX:
            raise DecodeError(f"more than {FIELDS_MAX} fields beside bulk data")
        found, at = _read(body, at)
        if found & 7 == _LEN:
            length, at = _read(body, at)
            at += length
        elif found & 7 == _VARINT:
            length, at = _read(body, at)
        elif found & 7 in (_I64, _I32):
            at += 8 if found & 7 == _I64 else 4
        else:
            raise DecodeError(f"wire type {found & 7} beside bulk data")
        if at > len(body):
            raise DecodeError("a field ends behind the message")
        if found == key:
            data = view[at - length : at]
        else:
            rest.append(view[begin:at])
    return data, b"".join(rest)


def _read(body: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where the next thing begins."""
    value = 0
    for count, byte in enumerate(body[at : at + _VARINT_BYTES_MAX], 1):
        value |= (byte & 0x7F) << 7 * (count - 1)
        if byte < 0x80:
            return value, at + count
    raise DecodeError("a number does not end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
