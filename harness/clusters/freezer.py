"""Processes that stand still: SIGSTOP, and a guard that ends them should this process be gone first.

A frozen node does not see that its stdin ended, so it alone would outlive a harness that was ended by kill -9.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from harness import owner

FREEZE_S_MAX = 5.0
_POLL_S = 0.001

# $0 is the process. The guard reads nothing: its stdin ends when the one that froze the process is gone.
_GUARD = ("sh", "-c", 'read _; kill -KILL "$0"')


class Freezer:
    """Which processes were frozen, by pid."""

    def __init__(self) -> None:
        self._guards: dict[int, subprocess.Popen[bytes]] = {}

    def freeze(self, pid: int) -> None:
        """Returns when no thread of the process runs any more; OSError(ETIMEDOUT) if one does for FREEZE_S_MAX."""
        if pid not in self._guards:
            self._guards[pid] = subprocess.Popen([*_GUARD, str(pid)], stdin=subprocess.PIPE, start_new_session=True)
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + FREEZE_S_MAX
        while not frozen(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {pid} does not stop")
            time.sleep(_POLL_S)

    def thaw(self, pid: int) -> None:
        """Lets the process go on; without effect on one that was not frozen."""
        guard = self._guards.pop(pid, None)
        if guard is None:
            return
        guard.kill()
        guard.communicate()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def frozen(pid: int) -> bool:
    """Whether every thread of the process is stopped (proc(5): state T); what ends meanwhile is not."""
    process = Path(f"/proc/{pid}")
    try:
        # Most processes go on, as their first thread tells, and a node has dozens.
        return owner.stat(process)[0] == "T" and {owner.stat(task)[0] for task in (process / "task").iterdir()} == {"T"}
    except (FileNotFoundError, ProcessLookupError):
        return False
