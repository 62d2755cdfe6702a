"""Time as an injected value, so that the same code runs on the machine's clock and on the simulator's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Two clocks of one node, in nanoseconds."""

    def wall_ns(self) -> int:
        """Since the epoch; what the history and the inodes say."""
        ...

    def mono_ns(self) -> int:
        """From any beginning, never backwards; for how long something took."""
        ...


class SystemClock:
    """The machine's own."""

    wall_ns = staticmethod(time.time_ns)
    mono_ns = staticmethod(time.monotonic_ns)


def boot_id() -> str:
    """The clock domain of this machine and its containers: one boot, one wall clock."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
