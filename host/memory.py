"""How a node's process treats its memory: what it was given it keeps, and what lives as long as it is not looked at.

glibc gives freed memory at the end of a heap back to the kernel, and gets it again page by page, zeroed, for the next
large buffer: up to half of a 1 MiB transfer (docs/performance.md). Python's collector walks every container that lives
whenever enough new ones have been made, and a policy is a hundred thousand that never die.
"""

from __future__ import annotations

import ctypes
import gc

# malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD; the second is at most half of a thread's heap (HEAP_MAX_SIZE / 2).
_OPTIONS = {-1: 256 << 20, -3: 32 << 20}
# Containers made, less those gone, between two looks at the youngest; and looks at one age until the next is due.
_THRESHOLDS = (50_000, 20, 100)


def keep() -> None:
    """To be called once, as the process starts."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc has it, musl has not
        for option, size_bytes in _OPTIONS.items():
            libc.mallopt(option, size_bytes)
    gc.set_threshold(*_THRESHOLDS)


def settled() -> None:
    """What is there now stays: the collector leaves it out from here on. May be called again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
