"""Who performs a case's steps: a task with the files it has open, in the case's own directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.oracle.folder import Step
from harness.tasks import Fd, Task


class NotThere(Exception):
    """No cluster does this step, and why: it is skipped, and no difference."""


@dataclass(slots=True)
class Map:
    """A file mapped into memory; `dirtied`: it was written to through the mapping."""

    fd: int
    flags: int
    dirtied: bool = False


@dataclass(slots=True)
class Actor:
    """The task, and what it has open by the names that the case gives."""

    task: Task
    top: str
    fds: dict[str, Fd] = field(default_factory=dict)
    maps: dict[str, Map] = field(default_factory=dict)
    # Whether memory was written to, which may be a file's.
    poked: bool = False

    def path(self, step: Step, name: str = "path") -> str:
        """A path of the step, in the case's directory. NotThere for one outside of it."""
        path = str(step[name])
        if path.startswith("/"):
            raise NotThere(f"{path} is a path of the machine that the case was run on")
        return f"{self.top}/{path}" if path else ""

    def fd(self, step: Step, name: str = "fd") -> Fd:
        """A file that an earlier step opened. NotThere if it was not: that step failed, or was skipped."""
        try:
            return self.fds[step[name]]
        except KeyError:
            raise NotThere(f"no file {step.get(name)!r} is open: the step that opens it did not") from None

    def map(self, step: Step) -> Map:
        """A mapping that an earlier step made. NotThere if it did not."""
        try:
            return self.maps[step.get("map", "m")]
        except KeyError:
            raise NotThere("nothing is mapped: the step that maps it did not") from None

    def call(self, name: str, /, **args: Any) -> Any:
        """A system call by name."""
        return self.task.call(name, **args)


# A value that no two filesystems need agree on.
ANY = object()

Op = Callable[[Actor, Step], Any]
Ops = Mapping[str, Op]


def flags(text: str) -> int:
    """`O_RDWR|O_CREAT` as a number. ValueError names a flag that there is not."""
    value = 0
    for name in text.split("|"):
        if not name.startswith("O_") or not hasattr(os, name):
            raise ValueError(f"{name!r} is no flag of open")
        value |= getattr(os, name)
    return value
