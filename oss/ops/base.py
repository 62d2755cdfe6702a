"""What every family of handlers has."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from host.store import Txn
from oss import objects
from oss.objects import Object
from oss.ost import Ost
from rpc import Call


class HasOst(Protocol):
    """Whatever opens the OST; handlers are bound before it is open."""

    @property
    def ost(self) -> Ost: ...


class Base:
    """Handlers over one OST."""

    def __init__(self, owner: HasOst) -> None:
        self._owner = owner

    @cached_property
    def _ost(self) -> Ost:
        return self._owner.ost

    def _note(self, txn: Txn, call: Call, o: Object, stored: bool) -> None:
        """What an object has become; one that was not `stored` before is made, with the labels of its file."""
        if stored:
            objects.written(txn, o)
            return
        objects.put(txn, o)
        self._ost.record_labels(call, o, {}, "token")
