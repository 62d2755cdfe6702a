"""What is known of an rpc that is to be judged, and the ways that it may have gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.model import access
from harness.model.world import CREATED, Rpc


@dataclass(frozen=True, slots=True)
class Way:
    """One way that an rpc may have gone: the case as the protocol calls it, and the checks."""

    case: str
    checks: tuple[access.Check, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an rpc: its operation's name and arguments, the object's class, and whether another context asks
    than the one that opened the file (None: it cannot be told), and whether its label has moved since."""

    f: str
    args: Mapping[str, Any]
    tclass: str | None
    walk: bool
    rpc: Rpc
    stranger: bool | None = None
    moved: bool = False


Method = Callable[[Asked], Iterator[Way]]


def one(op: str, case: str, *, walks: bool = True) -> Method:
    """Methods with one way only, but for the class of the object."""

    def way(asked: Asked) -> Iterator[Way]:
        for tclass in classes(asked):
            yield Way(case, access.expected(op, case, tclass, walk=asked.walk and walks))

    return way


def classes(asked: Asked) -> tuple[str, ...]:
    """The class of the object, or all of them where it cannot be told."""
    made = [label["class"] for label in asked.rpc.labels if label.get("why") in CREATED]
    return (made[0],) if made else (asked.tclass,) if asked.tclass else access.FILE_CLASSES
