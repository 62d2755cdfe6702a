"""How a file's bytes lie over its objects: round robin, `stripe_size` bytes at a time (Lustre's RAID-0 layout)."""

from __future__ import annotations

from collections.abc import Sequence

# What one object may hold, bytes.
OBJECT_BYTES_MAX = 1 << 40


def object_size(size: int, stripe: int, count: int, stripe_size: int) -> int:
    """What of a file of `size` bytes lies in object number `stripe` of `count`."""
    full, rest = divmod(size, stripe_size * count)
    return full * stripe_size + min(max(rest - stripe * stripe_size, 0), stripe_size)


def file_size(sizes: Sequence[int], stripe_size: int) -> int:
    """The size of the file whose objects end at `sizes`: the furthest of their last bytes."""
    return max((_end(size, stripe, len(sizes), stripe_size) for stripe, size in enumerate(sizes)), default=0)


def _end(size: int, stripe: int, count: int, stripe_size: int) -> int:
    if size == 0:
        return 0
    unit, within = divmod(size - 1, stripe_size)
    return (unit * count + stripe) * stripe_size + within + 1
