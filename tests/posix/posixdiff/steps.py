"""A step: who does what; the four tasks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = 3100
UMASK = 0o002


@dataclass(frozen=True, slots=True)
class Who:
    """The credentials of a task; root has the capabilities that this process has, the others none."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


# The owner of most, somebody of the owner's group, and somebody else.
TASKS = {
    "root": Who(0, 0),
    "owner": Who(3001, GROUP),
    "member": Who(3002, 3200, (GROUP, 3300)),
    "other": Who(3003, 3400),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One operation. Arguments as in the history; `fd`, `to`, `dirfd` are slots of the task's, `into` one to fill."""

    task: str
    name: str
    args: Mapping[str, Any]

    def __str__(self) -> str:
        return (
            f"{self.task}: {self.name}({', '.join(f'{key}={_shown(key, value)}' for key, value in self.args.items())})"
        )


def _shown(key: str, value: Any) -> str:
    if key == "flags" and isinstance(value, int):
        return hex(value)
    if key == "mode":
        return oct(value)
    if isinstance(value, bytes) and len(value) > 60:
        return f"{value[:1]!r}*{len(value)}" if len(set(value)) == 1 else f"bytes.fromhex({value.hex()!r})"
    return repr(value)


def capabilities() -> int:
    """The effective capabilities of this process, as a mask."""
    status = Path("/proc/self/status").read_text().splitlines()
    lines = dict(line.split(":", 1) for line in status if ":" in line)
    return int(lines["CapEff"], 16) if os.geteuid() == 0 else 0
