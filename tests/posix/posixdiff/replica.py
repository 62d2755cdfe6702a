"""The cluster: its tasks, and its state as the servers store it.

The state is read from the stores and not through rpcs: after each step all of it is compared, and that costs less so.
What a client sees of it is compared by the steps themselves (stat, readdir, read ...) and by `seen_by_root`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posixdiff.state import Seen
from posixdiff.steps import TASKS, UMASK, Step, capabilities

from harness.clusters import RUNTIMES
from harness.spec import ClusterSpec
from harness.tasks import Fd, Task
from host.store import Txn, fid_bytes, fid_from
from mds import inodes
from mds.inodes import Inode
from mds.mdt import ROOT
from mds.osts import Glimpsed
from mds.stripes import file_size

STRIPE = 4096
_FLAGS = os.O_RDONLY | os.O_NOATIME


class Replica:
    """A cluster without MAC in the simulator, and four tasks on one client of it."""

    def __init__(self, folder: Path) -> None:
        spec = ClusterSpec(
            client=1, oss=2, lsm=("capability",), mode="disabled", stripe_size=STRIPE, recording=False
        )  # fmt: skip
        self.cluster = RUNTIMES["sim"]().start(spec, folder)
        self.mdt = self._server("mds0").mdt
        self._osts = {name: self._server(name).ost for name in ("oss0", "oss1")}
        self._root = self.cluster.client().login(None, uid=0, gid=0, caps="all", comm="observer")
        self._tasks: dict[str, Task] = {}
        self._slots: dict[str, dict[int, int]] = {}
        self._fids: dict[tuple[str, int], str] = {}
        self._digests: dict[Any, bytes] = {}

    def close(self) -> None:
        self.cluster.stop()

    def reset(self) -> None:
        """Ends the tasks, empties the root and makes it as it was, and logs new tasks in."""
        for task in self._tasks.values():
            task.logout()
        for path, seen in sorted(self.paths().items(), reverse=True):
            if seen.ident != ROOT:
                (self._root.rmdir if seen.is_dir else self._root.unlink)(path)
        self._root.chown("/", 0, 0)
        for name in self._root.listxattr("/"):
            self._root.removexattr("/", name)
        self._root.chmod("/", 0o1777)
        self._root.utimes("/")
        caps = capabilities()
        for name, who in TASKS.items():
            self._tasks[name] = self.cluster.client().login(
                None, uid=who.uid, gid=who.gid, groups=who.groups, caps=0 if who.uid else caps, umask=UMASK, comm=name
            )
            self._slots[name] = {}
        self._digests.clear()

    def outcome(self, step: Step) -> tuple[str, Any]:
        """("ok", value) or ("error", errno) of a step."""
        try:
            return "ok", self._call(step)
        except OSError as error:
            return "error", error.errno

    def reading(self) -> set[Any]:
        """The inodes that were read through files still open: their atime is told when those are closed."""
        tasks = self._server("client0")._agent._tasks  # noqa: SLF001
        files = [file for task in self._tasks.values() for file in tasks.get(task.id).fds.values()]
        return {file.entry.fid for file in files if file.read_ns is not None}

    def pid_of(self, pid: int) -> str:
        return next((name for name, task in self._tasks.items() if task.pid == pid), str(pid))

    def state(self, task: str) -> dict[str, Seen]:
        """Every path, and what the task has open."""
        held = {f"fd {slot}": self._fids[task, number] for slot, number in sorted(self._slots[task].items())}
        found = self.paths()
        known = {str(seen.ident): seen for seen in found.values()}
        for name, fid in held.items():
            seen = known.get(fid) or self._orphan(fid)
            found[name] = Seen(seen.ident, seen.attrs, seen.times, {})
        return found

    def paths(self) -> dict[str, Seen]:
        txn = Txn(self.mdt.store.db)
        below: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for parent, name, child in txn.read("SELECT parent, name, child FROM entries"):
            below.setdefault(parent, []).append((name, child))
        found: dict[str, Seen] = {}
        kept: dict[bytes, Seen] = {}
        folders = [("/", fid_bytes(ROOT))]
        while folders:
            path, key = folders.pop()
            seen = found[path] = kept.get(key) or self._seen(txn, key)
            kept[key] = seen
            if seen.is_dir:
                folders += [(os.path.join(path, os.fsdecode(name)), child) for name, child in below.get(key, ())]
        return found

    def seen_by_root(self) -> dict[str, Seen]:
        """Every path as calls tell it."""
        found: dict[str, Seen] = {}
        for path, raw in self.paths().items():
            st = self._root.lstat(path)
            attrs = {name: getattr(st, name) for name in raw.attrs}
            xattrs = {name: self._root.getxattr(path, name, False) for name in self._root.listxattr(path, False)}
            content = self._read(path, st.size) if stat.S_ISREG(st.mode) else b""
            found[path] = Seen(raw.ident, attrs, (st.atime_ns, st.mtime_ns, st.ctime_ns), xattrs, content)
        return found

    # --- steps ------------------------------------------------------------------------------------------------------

    def _call(self, step: Step) -> Any:
        args, slots = dict(step.args), self._slots[step.task]
        into = args.pop("into", None)
        for key in ("fd", "dirfd") + (("to",) if step.name in ("copy_file_range", "sendfile") else ()):
            if isinstance(args.get(key), int):
                args[key] = slots.get(args[key], 1)
        if step.name == "readdir":
            args["plus"] = False
        task = self._tasks[step.task]
        if step.name == "close" and step.args["fd"] in slots:
            del slots[step.args["fd"]]
        result = task.call(step.name, **args)
        if into is not None:
            number = result if isinstance(result, int) else result["fd"]
            fid = self._fids[step.task, args["fd"]] if isinstance(result, int) else result["fid"]
            if into in slots:
                task.close(slots[into])
            slots[into], self._fids[step.task, number] = number, fid
            return None
        return result

    def _read(self, path: str, size: int) -> bytes:
        fd: Fd = self._root.open(path, _FLAGS)
        try:
            return _digest(self._root.pread(fd, size, 0))
        finally:
            self._root.close(fd)

    # --- state ------------------------------------------------------------------------------------------------------

    def _server(self, name: str) -> Any:
        return self.cluster._machine.server(name).app  # noqa: SLF001  # a runtime of one process has them at hand

    def _seen(self, txn: Txn, key: bytes) -> Seen:
        inode = inodes.get(txn, fid_from(key))
        assert inode is not None
        content = b""
        if inode.is_file:
            inode, content = self._whole(inode)
        attrs = {
            "mode": inode.mode, "nlink": inode.nlink, "uid": inode.uid, "gid": inode.gid, "size": inode.size,
            "rdev": inode.rdev,
        }  # fmt: skip
        xattrs = {name: inodes.xattr(txn, inode.fid, name) or b"" for name in inodes.xattr_names(txn, inode.fid)}
        return Seen(inode.fid, attrs, (inode.atime_ns, inode.mtime_ns, inode.ctime_ns), xattrs, content)

    def _orphan(self, fid: str) -> Seen:
        txn = Txn(self.mdt.store.db)
        keys = (key for (key,) in txn.read("SELECT fid FROM inodes WHERE nlink = 0"))
        return self._seen(txn, next(key for key in keys if str(fid_from(key)) == fid))

    def _whole(self, inode: Inode) -> tuple[Inode, bytes]:
        """The file with what its objects know, and a digest of its bytes."""
        rows = {}
        for number, name in enumerate(inode.osts):
            row = Txn(self._osts[name].store.db).read(
                "SELECT size, changed_ns, unprivileged_ns, outsider_ns FROM objects WHERE fid = ? AND stripe = ?",
                fid_bytes(inode.fid), number,
            ).fetchone()  # fmt: skip
            rows[number] = row or (0, 0, 0, 0)
        if not inode.size_valid:
            size = file_size([row[0] for row in rows.values()], inode.stripe_size)
            inode = Glimpsed(size, *(max(row[column] for row in rows.values()) for column in (1, 2, 3))).merged(inode)
        key = (inode.fid, inode.ctime_ns, *rows.values())
        if key not in self._digests:
            self._digests[key] = _digest(self._bytes(inode, [row[0] for row in rows.values()]))
        return inode, self._digests[key]

    def _bytes(self, inode: Inode, sizes: Iterable[int]) -> bytes:
        data = bytearray(inode.size)
        for number, (name, size) in enumerate(zip(inode.osts, sizes, strict=True)):
            part = self._osts[name].files.read(inode.fid, number, 0, size, size)
            for unit in range(0, len(part), STRIPE):
                at = (unit // STRIPE * len(inode.osts) + number) * STRIPE
                chunk = part[unit : unit + STRIPE]
                data[at : at + len(chunk)] = chunk
        return bytes(data)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()
