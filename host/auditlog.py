"""The node's audit log: one line a record, in the kernel's AVC format (lsm/audit.py)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lsm import audit
from lsm.objects import Decision, Subject
from rpc.clock import Clock


class AuditLog:
    """Appends the records of audited decisions; `path` None keeps none. One write a call."""

    def __init__(self, path: Path | None, node: str, clock: Clock) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = None if path is None else os.open(path, flags, 0o640)
        self._node = node
        self._clock = clock
        self._serial = 0

    def write(self, decisions: Iterable[Decision], subject: Subject) -> None:
        """The audited ones of `decisions`, in order; what an OSError means is the caller's to decide."""
        lines = [self._line(decision, subject) for decision in decisions if decision.audited]
        if lines and self._fd is not None:
            os.write(self._fd, "".join(lines).encode())

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _line(self, decision: Decision, subject: Subject) -> str:
        self._serial += 1
        return audit.record(decision, subject, self._clock.wall_ns(), self._serial, self._node) + "\n"
