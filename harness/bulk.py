"""Making many values at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector(*, freeze: bool = True) -> Iterator[None]:
    """Without the cyclic collector, for values that have no cycles: it would walk a million of them over and over.

    `freeze`: what is alive at the end is left out of later collections too; without cycles it is freed all the same.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if freeze:
                gc.freeze()
            gc.enable()
