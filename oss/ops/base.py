"""What every family of handlers has."""

from __future__ import annotations

from typing import Protocol

from oss.ost import Ost


class HasOst(Protocol):
    """Whatever opens the OST; handlers are bound before it is open."""

    @property
    def ost(self) -> Ost: ...


class Base:
    """Handlers over one OST."""

    def __init__(self, owner: HasOst) -> None:
        self._owner = owner

    @property
    def _ost(self) -> Ost:
        return self._owner.ost
