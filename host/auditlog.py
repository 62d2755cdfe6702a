"""The node's audit log: one line a record, in the kernel's AVC format (lsm/audit.py)."""

from __future__ import annotations

import os
from pathlib import Path

from lsm import audit
from lsm.objects import Decision, Subject
from rpc.clock import Clock


class AuditLog:
    """Appends the records of audited decisions, each in one write; `path` None keeps none."""

    def __init__(self, path: Path | None, node: str, clock: Clock) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = None if path is None else os.open(path, flags, 0o640)
        self._node = node
        self._clock = clock
        self._serial = 0

    def write(self, decision: Decision, subject: Subject) -> None:
        """The record of one audited decision about `subject`; OSError if it cannot be written."""
        self._serial += 1
        line = audit.record(decision, subject, self._clock.wall_ns(), self._serial, self._node) + "\n"
        if self._fd is not None:
            os.write(self._fd, line.encode())

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
