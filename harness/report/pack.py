"""Details of tests, packed: many fragments compress to a twentieth, and the page unpacks one when it is opened.

A pack is gzip in base64 of a JSON list of fragments (RFC 1952, RFC 4648); browsers read it with DecompressionStream.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson

FRAGMENTS = 12  # in a pack: neighbours are alike, and one is opened in a few milliseconds


@dataclass(slots=True)
class Packs:
    """`places`: which pack, and which fragment in it, by name; `left` are those for which there was no room."""

    packs: list[str] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    left: int = 0


def pack(names: Iterable[str], fragment: Callable[[str], str], room_bytes: int) -> Packs:
    """Packs the fragments in this order until the room is used up; those that come after are only counted."""
    result, batch = Packs(), []
    waiting = list(names)
    for start in range(0, len(waiting), FRAGMENTS):
        batch = waiting[start : start + FRAGMENTS]
        packed = squeeze([fragment(name) for name in batch])
        if len(packed) > room_bytes:
            result.left = len(waiting) - start
            break
        room_bytes -= len(packed)
        result.places |= {name: (len(result.packs), place) for place, name in enumerate(batch)}
        result.packs.append(packed)
    return result


def squeeze(fragments: list[str]) -> str:
    """The same bytes for the same fragments: no time in the header."""
    data = orjson.dumps([clean(fragment) for fragment in fragments])
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii")


def clean(text: str) -> str:
    """Names that are not UTF-8 are lone surrogates in our text; on a page they are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
