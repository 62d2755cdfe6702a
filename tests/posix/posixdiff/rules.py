"""What may differ, each rule with its reason."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from typing import Any

from posixdiff.state import After, Snapshot, Times
from posixdiff.steps import Step
from posixdiff.syscalls import ANY

Outcome = tuple[str, Any]
Difference = tuple[str, Any, Any]
_STAT = ("mode", "nlink", "uid", "gid", "size", "rdev")


def outcomes(step: Step, local: Outcome, cluster: Outcome) -> tuple[Any, Any] | None:
    """The two outcomes as they compare, if they differ."""
    if local == ("ok", ANY):
        return None
    mine, theirs = _plain(step, local), _plain(step, cluster)
    return None if mine == theirs else (mine, theirs)


def _plain(step: Step, outcome: Outcome) -> Any:
    kind, value = outcome
    if kind == "error":
        return errno.errorcode[value]
    return _VALUES.get(step.name, lambda value: value)(value)


def _stat(value: dict[str, int]) -> dict[str, int]:
    directory = value["mode"] & 0o170000 == 0o040000
    return {name: value[name] for name in _STAT if not (directory and name == "size")}


def _nothing(value: Any) -> None:
    return None


_VALUES = {
    "stat": _stat,
    "lstat": _stat,
    "fstat": _stat,
    "mkdir": _nothing,
    "mknod": _nothing,
    "symlink": _nothing,
    "link": _nothing,
    "linkfd": _nothing,
    "readlink": os.fsencode,
    "listxattr": sorted,
    "readdir": lambda v: sorted(
        (e["name"], (e["type"] == 0o120000) * 2 + (e["type"] == 0o040000)) if isinstance(e, dict) else e for e in v
    ),
    "fcntl": lambda v: v & ~0o100000,
    "getlk": lambda v: v and {k: x for k, x in v.items() if k != "pid"},
}


def tolerated(step: Step, outcome: Outcome, differences: list[Difference]) -> list[Difference]:
    """Those that no rule explains.

    A refused RENAME_WHITEOUT: ext4 has put the whiteout in place before it looks whether the target is empty, and takes
    it back (fs/ext4/namei.c, ext4_rename), so the times of the directory have moved.
    A write past the page cache that is no sector: the times have moved when that is found (fs/ext4/file.c,
    ext4_dio_write_checks).
    A refused sendfile: the source counts as read all the same (fs/splice.c, splice_direct_to_actor).
    """
    if step.name == "rename" and step.args.get("flags", 0) & 4 and outcome[0] == "error":
        return [each for each in differences if not each[0].startswith(("mtime", "ctime"))]
    if step.name in ("write", "pwrite") and outcome == ("error", errno.EINVAL):
        return [each for each in differences if not each[0].startswith(("mtime", "ctime"))]
    if step.name == "sendfile" and outcome[0] == "error":
        return [each for each in differences if not each[0].startswith("atime")]
    return differences


def without_fifo_times(step: Step, differences: list[Difference], cluster: Snapshot) -> list[Difference]:
    """Reading and writing moves the times of a local fifo (fs/pipe.c); of a network filesystem's they stay."""
    if step.name not in ("read", "write"):
        return differences
    fifos = {path for path, seen in cluster.items() if stat.S_ISFIFO(seen.attrs["mode"])}
    return [each for each in differences if each[0].split(" of ", 1)[-1] not in fifos]


class LateAtime:
    """A file's atime moves when it is closed, not when it is read.

    Reads go to the OSTs, which keep no atime; the client tells the MDS with the close, as Lustre's does, so that no
    read costs an rpc more. So while a file is open that was read through, its atime is not compared; when it is
    closed it has to have moved if the local one has, unless the inode changed after the read, or somebody still writes:
    then what the MDS knows of mtime is old, and the atime moves (as it does when such a file is mapped).
    """

    def __init__(self) -> None:
        self._since: dict[Any, int] = {}
        self._silent: set[Any] = set()
        self._unseen: set[Any] = set()

    def look(self, step: Step, after: After) -> None:
        """Who is read from now on the cluster, and who is no longer."""
        ctimes = {seen.ident: seen.times[2] for seen in after.state.values()}
        ended = {fid: self._since.pop(fid) for fid in self._since.keys() - after.reading}
        unsure = {fid for fid, ctime in ended.items() if ctimes.get(fid) != ctime or fid in after.writing}
        # One that nobody sees now is judged no more when it is seen again.
        unsure |= self._unseen
        self._unseen = unsure - ctimes.keys()
        for fid in after.reading:
            self._since.setdefault(fid, ctimes.get(fid, 0))
        self._silent = {*after.reading, *unsure, *(after.writing if step.name == "mmap" else ())}

    def judged(self, differences: list[Difference], cluster: Snapshot) -> list[Difference]:
        """Those that are differences all the same."""
        late = {f"atime of {path}" for path, seen in cluster.items() if seen.ident in self._silent}
        return [each for each in differences if each[0] not in late]

    def kept(self, before: Mapping[Any, Times], side: Snapshot, cluster: Snapshot) -> dict[Any, Times]:
        """The times to compare the next state with: an atime that is not told yet stays what it was."""
        times = {}
        for path, seen in side.items():
            atime = seen.times[0]
            if path in cluster and cluster[path].ident in self._since and seen.ident in before:
                atime = before[seen.ident][0]
            times[seen.ident] = (atime, *seen.times[1:])
        return times
