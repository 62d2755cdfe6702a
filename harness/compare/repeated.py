"""Decisions and replies, most of what is compared in a long history: what repeats is parsed once.

In the form that nodes write (docs/history.md) such a line begins with what is its own: index, rpc and operation. The
rest repeats, as a file is looked up ten times and each time the answer is the same; or it repeats but for the object.
A line in any other form is parsed as a whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from operator import itemgetter
from typing import Any

import orjson

# Node, vantage, hook, module, role, object, name, class, both contexts, allowed, policy and its seqno; then requested
# and denied, each by the alphabet.
Avc = tuple[Any, ...]
# Node, method, status, case, fired.
Reply = tuple[str, str, int, str | None, list[list[Any]]]

_AVC = itemgetter(
    "n", "vantage", "hook", "module", "role", "object", "name", "tclass", "scontext", "tcontext", "allowed", "policy",
    "seqno",
)  # fmt: skip
_REPLY = itemgetter("n", "method", "status", "case", "fired")
_OBJECT = 5  # where object and name stand in an Avc
_INDEX, _RPC, _OP = 2, 5, 6  # where they stand in a line: e, n, i, c, t, rpc, op
_OWN = 7
_METHOD, _STATUS = 9, 13  # of a reply: the same, from, to, method, subject, behalf, phase, status, definite, bytes
_HEAD = 16


class Decisions:
    """The `avc` lines of one node's file. What is new is appended to `found`, and goes by its place there."""

    def __init__(self, found: list[Avc]) -> None:
        self.by_op: dict[bytes, list[int]] = defaultdict(list)
        self._found = found
        self._places: dict[bytes, int] = {}
        self._shapes: dict[tuple[bytes, bytes], Avc] = {}
        self._values: dict[bytes, Any] = {}

    def take(self, line: bytes) -> Any:
        """The line's index. Raises ValueError for what is no JSON, KeyError for a field that is missing."""
        own = line.split(b",", _OWN)
        said = own[-1]
        place = self._places.get(said)
        if place is None:
            if not said.startswith(b'"vantage":'):
                return self.add(parsed(line))
            place = self._places[said] = self._found_at(self._decision(line, said))
        self.by_op[own[_OP]].append(place)
        return int(own[_INDEX][4:])

    def add(self, event: dict[str, Any]) -> Any:
        """As `take`, of a line in whatever form."""
        self.by_op[_op(event)].append(self._found_at(_avc(event)))
        return event["i"]

    def _decision(self, line: bytes, said: bytes) -> Avc:
        before, _, rest = said.partition(b',"object":')
        about, _, after = rest.partition(b',"requested":')
        named = about.split(b',"name":')
        shape = self._shapes.get((before, after))
        if shape is None or len(named) != 2:
            shape = self._shapes[before, after] = _avc(parsed(line))
            return shape
        return (*shape[:_OBJECT], self._value(named[0]), self._value(named[1]), *shape[_OBJECT + 2 :])

    def _found_at(self, avc: Avc) -> int:
        self._found.append(avc)
        return len(self._found) - 1

    def _value(self, text: bytes) -> Any:
        if text not in self._values:
            self._values[text] = parsed(text)
        return self._values[text]


class Replies:
    """The lines of one node's file that tell a reply, as Decisions; `rpcs` has the operation of each rpc."""

    def __init__(self, found: list[Reply]) -> None:
        self.by_op: dict[bytes, list[int]] = defaultdict(list)
        self._found = found
        self._places: dict[tuple[bytes, ...], int] = {}
        self._rpcs: dict[bytes, bytes] = {}

    def take(self, line: bytes) -> Any:
        """As Decisions.take."""
        own = line.split(b",", _HEAD)
        said = own[-1].partition(b',"resent":')[0]
        if not said.startswith(b'"case":'):
            return self.add(parsed(line))
        key = said, own[_METHOD], own[_STATUS]
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._found_at(parsed(line))
        self._rpcs[own[_RPC]] = op = own[_OP]
        self.by_op[op].append(place)
        return int(own[_INDEX][4:])

    def add(self, event: dict[str, Any]) -> Any:
        """As `take`, of a line in whatever form."""
        op = self._rpcs[b'"rpc":%b' % orjson.dumps(event["rpc"])] = _op(event)
        self.by_op[op].append(self._found_at(event))
        return event["i"]

    def op_of(self, rpc: str) -> str | None:
        """The operation that an rpc belongs to."""
        op = self._rpcs.get(b'"rpc":%b' % orjson.dumps(rpc))
        return None if op is None else operation(op)

    def _found_at(self, event: dict[str, Any]) -> int:
        self._found.append(_REPLY(event))
        return len(self._found) - 1


def operation(text: bytes) -> Any:
    """Of `"op":"op17"` the id, or None."""
    return parsed(text[5:])


def parsed(text: bytes) -> Any:
    """JSON. orjson takes no lone surrogates, which is how names that are not UTF-8 are written; json does."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _avc(event: dict[str, Any]) -> Avc:
    return (*_AVC(event), " ".join(sorted(event["requested"])), " ".join(sorted(event["denied"] or ())))


def _op(event: dict[str, Any]) -> bytes:
    return b'"op":%b' % orjson.dumps(event["op"])
