"""How a file's bytes lie over its objects, which client and servers have to agree on: round robin, `stripe_size` bytes
at a time (Lustre's RAID-0 layout, lov_offset.c)."""

from __future__ import annotations

from collections.abc import Mapping

# What one object may hold, and what is data or a hole as a whole, as on most disks; bytes.
OBJECT_BYTES_MAX, BLOCK_BYTES = 1 << 40, 4096


def object_size(size: int, stripe: int, count: int, stripe_size: int) -> int:
    """What of a file's first `size` bytes lies in object number `stripe` of `count`."""
    full, rest = divmod(size, stripe_size * count)
    return full * stripe_size + min(max(rest - stripe * stripe_size, 0), stripe_size)


def file_size(sizes: Mapping[int, int], stripe_size: int, count: int) -> int:
    """The file's size by its objects' sizes: the furthest byte that any of them holds (lov_stripe_size)."""
    ends = (file_offset(size - 1, stripe, count, stripe_size) + 1 for stripe, size in sizes.items() if size)
    return max(ends, default=0)


def file_offset(offset: int, stripe: int, count: int, stripe_size: int) -> int:
    """Where in the file the byte at `offset` of object number `stripe` of `count` lies."""
    row, inside = divmod(offset, stripe_size)
    return (row * count + stripe) * stripe_size + inside


def block_end(offset: int) -> int:
    """The end of the block that ends at `offset` or holds the byte there."""
    return -(-offset // BLOCK_BYTES) * BLOCK_BYTES
