"""Decisions, a third of what is compared in a long history, taken from their lines without parsing each of them.

In the form that nodes write (docs/history.md) a line has three places that are its own: what stands in front of
`vantage`, the object and its name. The rest repeats, and is parsed once.
"""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

import orjson

# Node, vantage, hook, module, role, object, name, class, both contexts, allowed, policy and its seqno; then requested
# and denied, each by the alphabet.
Avc = tuple[Any, ...]

_OWN = 7  # e, n, i, c, t, rpc, op
_OBJECT = 5  # where object and name stand in a decision
_FIELDS = itemgetter(
    "n", "vantage", "hook", "module", "role", "object", "name", "tclass", "scontext", "tcontext", "allowed", "policy",
    "seqno",
)  # fmt: skip


class Decisions:
    """The `avc` lines of one node's file."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Avc] = {}
        self._values: dict[bytes, Any] = {}

    def of(self, line: bytes) -> tuple[int, str | None, Avc]:
        """Index, operation, decision. Raises ValueError for what is no JSON, KeyError for a field that is missing."""
        head, _, rest = line.partition(b',"vantage":')
        before, _, rest = rest.partition(b',"object":')
        about, _, after = rest.partition(b',"requested":')
        own, named = head.split(b","), about.split(b',"name":')
        known = self._known.get((before, after))
        if known is not None and len(own) == _OWN and len(named) == 2:
            avc = (*known[:_OBJECT], self._value(named[0]), self._value(named[1]), *known[_OBJECT + 2 :])
            return int(own[2][4:]), self._value(own[6][5:]), avc
        event = parsed(line)
        asked, denied = " ".join(sorted(event["requested"])), " ".join(sorted(event["denied"] or ()))
        avc = self._known[before, after] = (*_FIELDS(event), asked, denied)
        return event["i"], event["op"], avc

    def _value(self, text: bytes) -> Any:
        if text not in self._values:
            self._values[text] = parsed(text)
        return self._values[text]


def parsed(text: bytes) -> Any:
    """JSON. orjson takes no lone surrogates, which is how names that are not UTF-8 are written; json does."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
