"""The tasks of a client node: who acts there, and the mediation of a task's own attributes."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import rpc.context
from lsm.framework import Mediator
from lsm.objects import Subject
from rpc.record import Batch

# /proc/<pid>/attr/<name> of what a task may set for itself.
CREATE_ATTRS = frozenset({"fscreate", "keycreate", "sockcreate"})
ATTRS = CREATE_ATTRS | {"exec", "current"}
TASKS_MAX = 10_000


@dataclass(slots=True)
class Task:
    """One task. `context` is its subject's bytes on the wire, built once and kept until the subject changes.

    `exec` is the context that it asks for what it executes next; it stays on this node. `ended`: it is logged out,
    though a call of it may be under way.
    """

    id: str
    subject: Subject
    context: bytes
    umask: int
    exec: str | None = None
    ended: bool = False
    fds: dict[int, Any] = field(default_factory=dict)


class Tasks:
    """The tasks of one node, by the id that the harness gave them; pids are the node's own, from 1000."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._pid = 999

    def login(self, task: str, claimed: Subject, *, nid: str, umask: int) -> Task:
        """A new task with the context claimed, which the nodemap has admitted. EEXIST, EAGAIN or EINVAL."""
        if not task:
            raise OSError(errno.EINVAL, "a task needs an id")
        if task in self._tasks:
            raise OSError(errno.EEXIST, f"there is a task {task!r} already; log it out first")
        if len(self._tasks) >= TASKS_MAX:
            raise OSError(errno.EAGAIN, f"this node has {TASKS_MAX} tasks; log some out")
        self._pid += 1
        subject = rpc.context.named(replace(claimed, pid=self._pid, nid=nid))
        self._tasks[task] = Task(task, subject, rpc.context.encode(subject), umask & 0o777)
        return self._tasks[task]

    def get(self, task: str) -> Task:
        """The task; OSError(ESRCH) names one that there is not."""
        try:
            return self._tasks[task]
        except KeyError:
            raise ProcessLookupError(errno.ESRCH, f"no task {task!r} on this node") from None

    def logout(self, task: str) -> Task:
        """Forgets the task and returns it, so that its files can be closed; ESRCH."""
        found = self._tasks.pop(self.get(task).id)
        found.ended = True
        return found

    def but(self, keep: Collection[str]) -> list[str]:
        """The ids of all tasks but those, in the order of their login."""
        return [task for task in self._tasks if task not in set(keep)]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def setprocattr(self, task: Task, attr: str, value: str | None, mediator: Mediator) -> None:
        """Sets fscreate, keycreate, sockcreate or exec, which None clears, or current. The task itself is asked about.

        `value` is what is written to the file in /proc: a newline at its end is cut, and nothing before it clears.
        EINVAL: no such attribute, or not a context; EACCES: the policy says no (security/selinux/hooks.c).
        """
        if attr not in ATTRS:
            raise OSError(errno.EINVAL, f"a task has no attribute {attr!r}; it has {', '.join(sorted(ATTRS))}")
        value = (value or "").removesuffix("\n").partition("\0")[0] or None
        mediator.check("setprocattr", attr, value)
        if value is not None:
            value = _kept(mediator, attr, value)
        if attr == "current" and value is None:
            raise OSError(errno.EINVAL, "a task cannot be without a context")
        if attr == "exec":
            task.exec = value
            return
        task.subject = rpc.context.named(_with(task.subject, attr, value))
        task.context = rpc.context.encode(task.subject)


def _kept(mediator: Mediator, attr: str, value: str) -> str:
    """The context as the module that keeps it writes it; as it is, where none does."""
    kept = (say(mediator.subject, attr, value) for _, say in mediator.framework.overriders("setprocattr_context"))
    return next((context for context in kept if context is not None), value)


def _with(subject: Subject, attr: str, value: str | None) -> Subject:
    if attr == "current":
        return replace(subject, labels={**subject.labels, "selinux": str(value)})
    changed: dict[str, Any] = {attr: value}
    return replace(subject, **changed)


def record(batch: Batch, task: Task, phase: str, by: str, **fields: object) -> None:
    """The `task` event of docs/history.md; `phase` is login, logout or setattr."""
    batch.event(
        "task", task=task.id, phase=phase, subject=batch.subject(task.subject), by=by, umask=task.umask, **fields
    )
