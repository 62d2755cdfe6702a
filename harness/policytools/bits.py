"""Sets of types as integers: a union is one `|`, a difference one `& ~`, whatever the number of types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Numbered:
    """The types of two policies, each with a bit of its own, sorted by name."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(set(names))
        self._bit = {name: 1 << number for number, name in enumerate(self.names)}

    def bits(self, names: Iterable[str]) -> int:
        """The set of these names. Raises KeyError for another."""
        found = 0
        for name in names:
            found |= self._bit[name]
        return found

    def spelled(self, bits: int) -> list[str]:
        """The names in a set, sorted."""
        return [self.names[number] for number in _places(bits)]


def attributes(numbered: Numbered, types: Iterable[str], members: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Each type and each attribute of a policy as the set that a rule means by its name."""
    return {name: numbered.bits([name]) for name in types} | {
        name: numbered.bits(found) for name, found in members.items()
    }


def _places(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
