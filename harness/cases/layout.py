"""What a case works in: a fresh directory of its own, the objects in it, and its subjects, logged in where they act."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from harness import subtree
from harness.cases.operations import Form
from harness.cases.values import Case, Object
from harness.clusters import Cluster
from harness.tasks import Fd, Task

# kind -> type bits of a node that mknod makes, and its device
_NODES = {
    "fifo": (stat.S_IFIFO, 0),
    "socket": (stat.S_IFSOCK, 0),
    "character": (stat.S_IFCHR, os.makedev(1, 3)),
    "block": (stat.S_IFBLK, os.makedev(7, 0)),
}
_OPEN_MODE = {"directory": 0o777}  # labels decide, not modes, unless the file says so
_NAME_MAX = 60


class Stage:
    """The cluster as one case sees it: its paths begin at `root`."""

    def __init__(self, case: Case, cluster: Cluster) -> None:
        self.case = case
        self.cluster = cluster
        self.kept: dict[str, Fd | int] = {}
        self._tasks: dict[tuple[str, str], Task] = {}
        self._layers: dict[str | None, Task] = {}
        self.root = ""

    def enter(self) -> None:
        """Makes the directory, one that was not there. Raises the OSError of what the administrator may not do."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.case.name).strip("-")[:_NAME_MAX] or "case"
        self.root = subtree.first_free(self._layer(self.case.root), name)

    def task(self, subject: str, client: str, *, lsm: bool = False) -> Task:
        """The subject's task on that client; one for the whole case. OSError of the login."""
        if (subject, client) not in self._tasks:
            who = self.case.subjects[subject]
            self._tasks[subject, client] = self.cluster.client(client).login(who.spec, umask=who.umask)
        task = self._tasks[subject, client]
        return task.on(self.cluster.client(client).mount(lsm=True)) if lsm else task

    def make(self, item: Object) -> None:
        """Makes an object as the administrator, with its label from the first moment. OSError of what fails."""
        task, path = self._layer(item.label), self.at(item.path)
        mode = _OPEN_MODE.get(item.kind, 0o666) if item.mode is None else item.mode
        if item.kind == "directory":
            task.mkdir(path, mode)
        elif item.kind == "symlink":
            task.symlink(self.target(item.target), path)
        elif item.kind == "file":
            _file(task, path, mode, item.content)
        else:
            kind, device = _NODES[item.kind]
            task.mknod(path, kind | mode, device)
        if item.owner != (0, 0):
            task.chown(path, *item.owner, follow=False)

    def at(self, path: str) -> str:
        """The path as the cluster knows it."""
        return self.root if path == "." else f"{self.root}/{path}"

    def target(self, text: str) -> str:
        """The target of a symbolic link: one from the top begins at the case's own directory."""
        return self.root + text if text.startswith("/") else text

    def resolved(self, form: Form, args: Mapping[str, Any]) -> dict[str, Any]:
        """A step's arguments as the cluster knows them."""
        return {name: self._value(form.parameters[name].kind, value) for name, value in args.items()}

    def logout(self) -> None:
        """Ends the tasks; what they have open is closed."""
        for task in (*self._tasks.values(), *self._layers.values()):
            with suppress(OSError):
                task.logout()

    def _value(self, kind: str, value: Any) -> Any:
        if kind == "path":
            return self.at(value)
        if kind == "target":
            return self.target(value)
        return self.kept[value] if kind == "fd" else value

    def _layer(self, label: str | None) -> Task:
        """The administrator, creating with that label and exactly the modes asked for."""
        if label not in self._layers:
            spec = replace(self.case.subjects["admin"].spec, fscreate=label)
            self._layers[label] = self.cluster.client().login(spec, umask=0)
        return self._layers[label]


def _file(task: Task, path: str, mode: int, content: bytes) -> None:
    fd = task.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    if content:
        task.write(fd, content)
    task.close(fd)
