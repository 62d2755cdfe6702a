"""The cluster: its tasks, and its state as the servers store it.

The state is read from the stores and not through rpcs: after each step all of it is compared, and that costs less so.
What a client sees of it is compared by the steps themselves (stat, readdir, read ...) and by `seen_by_root`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.clusters import RUNTIMES
from harness.spec import ClusterSpec
from harness.tasks import Fd, Task
from host import stripes
from host.store import fid_bytes, fid_from
from mds import filecaps, inodes
from mds.inodes import Inode
from mds.mdt import ROOT
from mds.osts import Glimpsed
from posixdiff.local import STICKY
from posixdiff.state import After, Seen
from posixdiff.steps import TASKS, UMASK, Step, capabilities
from posixdiff.syscalls import COPIES, FICLONERANGE, FS_IOC_SETFLAGS, cloned

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
        self._steps: tuple[int, ...] = ()
        self._paths: dict[str, Seen] = {}
        self._nameless: dict[str, Seen] = {}
        self._known: dict[Any, Seen] = {}

    def close(self) -> None:
        self.cluster.stop()

    def run(self, steps: Sequence[Step]) -> list[After]:
        """The state at the beginning, with nothing in the root, and what came of each step."""
        self._reset()
        return [After(("ok", None), self._stored()), *map(self._after, steps)]

    def _reset(self) -> None:
        """Ends the tasks, empties the root and makes it as it was, and logs new tasks in."""
        for task in self._tasks.values():
            task.logout()
        flagged = {key for (key,) in self._select("SELECT fid FROM inodes WHERE flags <> 0")}
        for path, seen in self._stored().items():
            if fid_bytes(seen.ident) in flagged and stat.S_IFMT(seen.attrs["mode"]) in (stat.S_IFDIR, stat.S_IFREG):
                fd = self._root.open(path, _FLAGS)
                self._root.ioctl(fd, FS_IOC_SETFLAGS)
                self._root.close(fd)
        for path, seen in sorted(self._stored().items(), reverse=True):
            if seen.ident != ROOT:
                (self._root.rmdir if seen.is_dir else self._root.unlink)(path)
        self._root.chown("/", 0, 0)
        for name in self._root.listxattr("/"):
            self._root.removexattr("/", name)
        self._root.chmod("/", 0o777 | STICKY)
        self._root.utimes("/")
        caps = capabilities()
        for name, who in TASKS.items():
            self._tasks[name] = self.cluster.client().login(
                None, uid=who.uid, gid=who.gid, groups=who.groups, caps=0 if who.uid else caps, umask=UMASK, comm=name
            )
            self._slots[name] = {}

    def _after(self, step: Step) -> After:
        outcome = self._outcome(step)
        state = self._state(step.task)
        writing = {seen.ident for seen in state.values() if self.mdt.handles.writers(seen.ident)}
        return After(outcome, state, self._reading(), writing)

    def _outcome(self, step: Step) -> tuple[str, Any]:
        try:
            return "ok", self._call(step)
        except OSError as error:
            return "error", error.errno

    def _reading(self) -> set[Any]:
        """The inodes that were read through files still open: their atime is told when those are closed."""
        tasks = self._server("client0")._agent._tasks
        files = [file for task in self._tasks.values() for file in tasks.get(task.id).fds.values()]
        return {file.entry.fid for file in files if file.read_ns is not None}

    def _state(self, task: str) -> dict[str, Seen]:
        """Every path, and what the task has open."""
        held = {f"fd {slot}": self._fids[task, number] for slot, number in sorted(self._slots[task].items())}
        found = self._stored()
        known = {str(seen.ident): seen for seen in found.values()}
        for name, fid in held.items():
            seen = known.get(fid) or self._nameless[fid]
            found[name] = Seen(seen.ident, seen.attrs, seen.times, {})
        return found

    def _stored(self) -> dict[str, Seen]:
        """As stored; read anew only where a step has written."""
        steps = tuple(each.store.transno for each in (self.mdt, *self._osts.values()))
        if steps != self._steps:
            self._steps, self._paths = steps, self._read_paths()
        return dict(self._paths)

    def seen_by_root(self) -> dict[str, Seen]:
        """Every path as calls tell it."""
        found: dict[str, Seen] = {}
        for path, raw in self._stored().items():
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
        for key in ("fd", "dirfd", "to_dirfd", "src", *(("to",) if step.name in COPIES else ())):
            if isinstance(args.get(key), int):
                args[key] = slots.get(args[key], 1)
        if "src" in args:
            src = args.pop("src")
            args |= {"data": cloned(src)} if args["cmd"] == FICLONERANGE else {"arg": src}
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
        return self.cluster._machine.server(name).app  # a runtime of one process has them at hand

    def _read_paths(self) -> dict[str, Seen]:
        rows = self._rows()
        below: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for parent, name, child in self._select("SELECT parent, name, child FROM entries"):
            below.setdefault(parent, []).append((name, child))
        found: dict[str, Seen] = {}
        folders = [("/", fid_bytes(ROOT))]
        while folders:
            path, key = folders.pop()
            found[path] = rows[key]
            folders += [(path.rstrip("/") + "/" + os.fsdecode(name), child) for name, child in below.get(key, ())]
        self._nameless = {str(seen.ident): seen for seen in rows.values() if not seen.attrs["nlink"]}
        return found

    def _rows(self) -> dict[bytes, Seen]:
        """Every inode; one whose rows are as they were is the same object as before."""
        parts: dict[bytes, list[Any]] = {}
        for table in ("inodes", "xattrs"):
            for row in self._select(f"SELECT * FROM {table}"):
                parts.setdefault(row[0], []).append(row)
        for number, ost in enumerate(self._osts.values()):
            for fid, *row in ost.store.db.execute(
                "SELECT fid, size, changed_ns, unprivileged_ns, outsider_ns FROM objects"
            ):
                parts.setdefault(fid, []).append((number, *row))
        # An object of a file that is gone goes a little later.
        kept = {key: tuple(rows) for key, rows in parts.items() if rows[0][0] == key}
        self._known = {rows: self._known.get(rows) or self._seen(rows) for rows in kept.values()}
        return {key: self._known[rows] for key, rows in kept.items()}

    def _select(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.mdt.store.db.execute(sql))

    def _seen(self, rows: tuple[tuple[Any, ...], ...]) -> Seen:
        txn = self.mdt.store.view(raw=True)
        inode = inodes.get(txn, fid_from(rows[0][0]))
        assert inode is not None
        content = b""
        uncapped = False
        if inode.is_file:
            inode, content, uncapped = self._whole(inode, {row[0]: row[1:] for row in rows if isinstance(row[0], int)})
        attrs = {
            "mode": inode.mode, "nlink": inode.nlink, "uid": inode.uid, "gid": inode.gid, "size": inode.size,
            "rdev": inode.rdev,
        }  # fmt: skip
        xattrs = {row[1]: bytes(row[2]) for row in rows[1:] if len(row) == 3}
        if uncapped:
            xattrs.pop(filecaps.XATTR, None)
        return Seen(inode.fid, attrs, (inode.atime_ns, inode.mtime_ns, inode.ctime_ns), xattrs, content)

    def _whole(self, inode: Inode, objects: Mapping[int, tuple[int, ...]]) -> tuple[Inode, bytes, bool]:
        """The file with what its objects know, a digest of its bytes, and whether a write took its capabilities."""
        rows = [objects.get(number, (0, 0, 0, 0)) for number in range(len(inode.osts))]
        uncapped = False
        if not inode.size_valid:
            size = stripes.file_size(dict(enumerate(row[0] for row in rows)), inode.stripe_size, len(rows))
            found = Glimpsed(size, *(max(column) for column in list(zip(*rows, strict=True))[1:]))
            inode, uncapped = found.merged(inode), found.uncapped(inode)
        return inode, _digest(self._bytes(inode, [row[0] for row in rows])), uncapped

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
