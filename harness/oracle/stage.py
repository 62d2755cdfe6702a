"""What the cases' own administrator does: lays objects out, does the steps "by runner", looks at what came of it."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.clusters import Cluster
from harness.oracle.actor import NotThere
from harness.oracle.folder import Case, Step, context
from harness.tasks import Task

RUNNER = "sysu:sysr:runner_t:s0-s3:c0.c9"
WORK = "sysu:object_r:work_dir_t:s0"
LABEL = "security.selinux"
CONTENT = "hello world"
UNLABELLED = "/unlabelled"
_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "lnk_file", stat.S_IFIFO: "fifo_file",
    stat.S_IFSOCK: "sock_file", stat.S_IFCHR: "chr_file", stat.S_IFBLK: "blk_file",
}  # fmt: skip
_NULL = os.makedev(1, 3)


@dataclass(frozen=True, slots=True)
class Found:
    """One object after a case."""

    kind: str
    mode: str
    label: str | None


@dataclass(slots=True)
class Stage:
    """The cluster, and the administrator on it under each uid that owns what it lays."""

    cluster: Cluster
    _tasks: dict[int, Task] = field(default_factory=dict)

    def admin(self, uid: int = 0) -> Task:
        if uid not in self._tasks:
            login = self.cluster.client("client0").login
            self._tasks[uid] = login(RUNNER, uid=uid, gid=uid, caps="all", umask=0, comm="runner")
        return self._tasks[uid]

    def open(self, cases: Iterable[Case]) -> None:
        """Before the first case: a file without a label, if one of them needs it."""
        if any(item.get("t") == "nolabel" for case in cases for item in case.setup):
            self._unlabelled()

    def directory(self, number: int) -> str:
        """A case's own directory: mode 0777, labelled as the root is, so that `{search}` on it is not audited."""
        path = f"/c{number:03}"
        self.admin().mkdir(path, 0o777)
        self.admin().setxattr(path, LABEL, WORK.encode())
        return path

    def lay(self, top: str, setup: Iterable[Step]) -> None:
        """The objects of a case. ValueError for a kind that there is not."""
        admin = self.admin()
        for item in setup:
            kind = item.get("t", "file")
            if kind not in _LAID:
                raise ValueError(f"{item['p']!r} is of kind {kind!r}; there are {', '.join(_LAID)}")
            path, owner = f"{top}/{item['p']}", item.get("uid", 1000)
            _LAID[kind](admin, top, path, item)
            if kind in ("hard", "nolabel"):
                continue
            admin.chown(path, owner, owner, follow=False)
            if item.get("l") is not None:
                admin.setxattr(path, LABEL, (context(item["l"]) or "").encode(), 0, False)

    def step(self, top: str, step: Step) -> Any:
        """A step by the runner: what it answers. NotThere for one that it does not know, ValueError for a bad one."""
        if step["op"] not in _RUNNER:
            raise NotThere(f"operation {step['op']} by the runner is not one of the grammar")
        try:
            return _RUNNER[step["op"]](self, top, step)
        except KeyError as error:
            raise ValueError(f"{step['op']} by the runner lacks {error}") from error

    def walk(self, top: str) -> dict[str, Found]:
        """Every object below `top`, by its path from there."""
        admin, found = self.admin(), {}
        for entry in sorted(admin.readdir(top), key=lambda entry: entry.name):
            path = f"{top}/{entry.name}"
            seen = admin.lstat(path)
            told = seen.labels.get(LABEL)
            label = _text(told.encode() if told else admin.getxattr(path, LABEL, False))
            kind = _KINDS[stat.S_IFMT(seen.mode)]
            found[entry.name] = Found(kind, oct(stat.S_IMODE(seen.mode)), label)
            if kind == "dir":
                found |= {f"{entry.name}/{name}": below for name, below in self.walk(path).items()}
        return found

    def label(self, path: str) -> dict[str, str]:
        """The label as the mount tells it and as the MDT stores it, `!ERRNO` where there is none to tell."""
        try:
            told = _text(self.admin().getxattr(path, LABEL, False))
            fid = self.admin().lstat(path).fid
        except OSError as error:
            name = f"!{_errno(error)}"
            return {"client": name, "server": name}
        raw = [item["labels"].get(LABEL) for item in self.cluster.collect(fid) if item["target"].startswith("mds")]
        return {"client": told, "server": raw[0] or told}

    def _unlabelled(self) -> None:
        """A file as one that was there before any policy: no call takes a label away, so the stopped MDT loses it."""
        _write(self.admin(), UNLABELLED, b"hello\n", 0o666)
        fid = self.admin().lstat(UNLABELLED).fid
        cluster = self.cluster
        cluster._machine.stop(["mds0"])
        with sqlite3.connect(cluster._data / "mds0" / "mdt.db") as database:
            named = "SELECT child FROM entries WHERE name = ?"
            database.execute(f"DELETE FROM xattrs WHERE fid IN ({named})", (UNLABELLED[1:].encode(),))
        database.close()
        cluster.restart("mds0")
        if any(item["labels"].get(LABEL) for item in cluster.collect(fid) if item["target"].startswith("mds")):
            raise RuntimeError("the file that should have no label has one")


def _write(task: Task, path: str, data: bytes, mode: int) -> None:
    fd = task.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        if data:
            task.pwrite(fd, data, 0)
    finally:
        task.close(fd)


def _file(task: Task, _top: str, path: str, item: Step) -> None:
    _write(task, path, item.get("data", CONTENT).encode(), item.get("mode", 0o666))


def _program(task: Task, _top: str, path: str, item: Step) -> None:
    """What stands in the file matters to who runs it, and nobody here does."""
    _write(task, path, b"#!program\n", item.get("mode", 0o755))


def _directory(task: Task, _top: str, path: str, item: Step) -> None:
    """mkdir(2) takes no set-id bits, and in a directory that has one the new one has it too."""
    mode = item.get("mode", 0o777)
    task.mkdir(path, mode)
    if mode & (stat.S_ISUID | stat.S_ISGID) or item["p"].count("/"):
        task.chmod(path, mode)


# `t` of a setup -> how such an object is made, by the runner, who gives it to its owner then
_LAID: dict[str, Callable[[Task, str, str, Step], object]] = {
    "dir": _directory,
    "file": _file,
    "prog": _program,
    "script": _program,
    "lnk": lambda task, top, path, item: task.symlink(item["target"], path),
    "fifo": lambda task, top, path, item: task.mknod(path, stat.S_IFIFO | 0o666),
    "chr": lambda task, top, path, item: task.mknod(path, stat.S_IFCHR | 0o666, _NULL),
    "hard": lambda task, top, path, item: task.link(f"{top}/{item['target']}", path),
    "nolabel": lambda task, top, path, item: task.link(UNLABELLED, path),
}


def _relabel(stage: Stage, top: str, step: Step) -> None:
    stage.admin().setxattr(f"{top}/{step['path']}", LABEL, (context(step["label"]) or "").encode(), 0, False)


def _setbool(stage: Stage, _top: str, step: Step) -> None:
    stage.cluster.set_booleans({step["name"]: bool(int(step["val"]))}, by=stage.admin())


def _enforce(stage: Stage, _top: str, step: Step) -> None:
    stage.cluster.set_enforce(bool(int(step["val"])), by=stage.admin())


_RUNNER: dict[str, Callable[[Stage, str, Step], Any]] = {
    "relabel": _relabel,
    "setbool": _setbool,
    "enforce": _enforce,
    # Nothing is cached between calls that a server would have to be asked for again, and nobody waits for time.
    "drop": lambda stage, top, step: None,
    "sleep": lambda stage, top, step: None,
    "label": lambda stage, top, step: stage.label(f"{top}/{step['path']}"),
    "rmserver": lambda stage, top, step: stage.admin().unlink(f"{top}/{step['path']}"),
    "mkserver": lambda stage, top, step: _write(stage.admin(1000), f"{top}/{step['path']}", CONTENT.encode(), 0o666),
}


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("latin-1")


def _errno(error: OSError) -> str:
    from errno import errorcode

    return errorcode.get(error.errno or 0, "?")
