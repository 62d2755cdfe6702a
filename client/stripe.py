"""What of a read or write goes to which object, and in which rpc (host/stripes.py says where bytes lie)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """`length` bytes of the file from `at`: on the object `stripe`, from `offset` there."""

    stripe: int
    offset: int
    length: int
    at: int


class Run(NamedTuple):
    """Pieces of one object that touch there, which go in one rpc."""

    pieces: tuple[Piece, ...]

    @property
    def stripe(self) -> int:
        return self.pieces[0].stripe

    @property
    def offset(self) -> int:
        """Where the run begins in the object."""
        return self.pieces[0].offset

    @property
    def length(self) -> int:
        return sum(p.length for p in self.pieces)

    def gather(self, data: bytes | memoryview, base: int) -> bytes | memoryview:
        """The run's bytes out of `data`, which begins at the file's offset `base`."""
        view = memoryview(data)
        parts = [view[p.at - base : p.at - base + p.length] for p in self.pieces]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def scatter(self, data: bytes | memoryview) -> Iterator[tuple[int, memoryview | bytes]]:
        """What the object answered, piece by piece by its place in the file; zeros where it did not answer."""
        view = memoryview(data)
        for p in self.pieces:
            part = view[p.offset - self.offset : p.offset - self.offset + p.length]
            yield p.at, part
            if len(part) < p.length:
                yield p.at + len(part), bytes(p.length - len(part))


def pieces(at: int, length: int, stripe_size: int, count: int) -> Iterator[Piece]:
    """The pieces of `length` bytes from the file's offset `at`, in the file's order."""
    end = at + length
    while at < end:
        number, inside = divmod(at, stripe_size)
        size = min(stripe_size - inside, end - at)
        yield Piece(number % count, number // count * stripe_size + inside, size, at)
        at += size


def runs(parts: Iterable[Piece], bytes_max: int) -> list[Run]:
    """The pieces joined by object where they touch, no run longer than `bytes_max` unless a single piece is."""
    open_runs: dict[int, list[Piece]] = {}
    done: list[Run] = []
    for part in parts:
        mine = open_runs.setdefault(part.stripe, [])
        if mine and sum(p.length for p in mine) + part.length > bytes_max:
            done.append(Run(tuple(mine)))
            mine.clear()
        mine.append(part)
    return done + [Run(tuple(mine)) for mine in open_runs.values()]
