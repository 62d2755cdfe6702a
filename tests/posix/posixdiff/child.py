"""A process of the reference: `python -m posixdiff.child FOLDER UID GID GROUPS UMASK`; frames on stdin and stdout.

It makes FOLDER its root and drops to its credentials; then each request is (command, argument), each answer a value.
"""

# The system calls themselves, most of them by descriptor:
# ruff: noqa: PTH101, PTH106, PTH108, PTH118, PTH208

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import pickle
import stat
import struct
import sys
from typing import Any

from posixdiff.local import STICKY
from posixdiff.state import Seen
from posixdiff.syscalls import EXT4_OWN, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, Calls, attributes, times

Cached = dict[tuple[Any, ...], tuple[dict[str, bytes], bytes]]


class Child:
    """The commands."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._known: Cached = {}

    def do(self, step: tuple[str, dict[str, Any]]) -> tuple[tuple[str, Any], dict[str, Seen]]:
        """("ok", value) or ("error", errno) of a step; and what is open then."""
        try:
            return ("ok", self._calls.call(*step)), self._held()
        except OSError as error:
            return ("error", error.errno or errno.EIO), self._held()

    def _held(self) -> dict[str, Seen]:
        """The inodes that are open, by slot: `fd 0`."""
        found = {f"fd {slot}": os.fstat(fd) for slot, fd in sorted(self._calls.fds.items())}
        return {name: Seen((st.st_dev, st.st_ino), attributes(st), times(st), {}) for name, st in found.items()}

    def reset(self, umask: int) -> None:
        for slot in list(self._calls.fds):
            self._calls.release(slot)
        os.chdir("/")
        os.umask(umask)

    # --- the observer's ---------------------------------------------------------------------------------------------

    def snapshot(self, _: None) -> dict[str, Seen]:
        """Everything under the root, without a trace in the times."""
        found: dict[str, Seen] = {"/": self._seen(os.lstat("/"), "/")}
        self._below("/", found)
        return found

    def clear(self, _: None) -> None:
        """Empties the root, and makes it as it was."""
        for name in os.listdir("/"):
            _remove(f"/{name}")
        _unlock("/")
        os.chown("/", 0, 0)
        for name in os.listxattr("/"):
            os.removexattr("/", name)
        os.chmod("/", 0o777 | STICKY)
        os.utime("/")
        self._known.clear()

    def _below(self, folder: str, found: dict[str, Seen]) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_NOATIME | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            names = os.listdir(fd)
        finally:
            os.close(fd)
        for name in names:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            found[path] = self._seen(st, path)
            if stat.S_ISDIR(st.st_mode):
                self._below(path, found)

    def _seen(self, st: os.stat_result, path: str) -> Seen:
        key = (st.st_ino, st.st_ctime_ns, st.st_mtime_ns, st.st_size)
        if key not in self._known:
            names = os.listxattr(path, follow_symlinks=False)
            xattrs = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
            self._known[key] = xattrs, _content(path, st)
        return Seen((st.st_dev, st.st_ino), attributes(st), times(st), *self._known[key])


def _content(path: str, st: os.stat_result) -> bytes:
    if not stat.S_ISREG(st.st_mode):
        # A link is followed by who reads it; its target is of the state all the same, and read by a step.
        return b""
    fd = os.open(path, os.O_RDONLY | os.O_NOATIME)
    try:
        return hashlib.blake2b(os.pread(fd, st.st_size, 0), digest_size=8).digest()
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    st = os.lstat(path)
    if stat.S_ISDIR(st.st_mode) or stat.S_ISREG(st.st_mode):
        _unlock(path)
    if not stat.S_ISDIR(st.st_mode):
        os.unlink(path)
        return
    for name in os.listdir(path):
        _remove(os.path.join(path, name))
    os.rmdir(path)


def _unlock(path: str) -> None:
    """Takes all inode flags away, FS_IMMUTABLE_FL and FS_APPEND_FL among them."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        word = bytearray(8)
        fcntl.ioctl(fd, FS_IOC_GETFLAGS, word)
        flags = struct.unpack("=Q", word)[0]
        if flags & ~EXT4_OWN:
            fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("=Q", flags & EXT4_OWN))
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(fd)


def main(folder: str, uid: int, gid: int, groups: list[int], umask: int) -> None:
    proc = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY)
    os.chroot(folder)
    os.chdir("/")
    os.umask(umask)
    if uid:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setgroups([])
    child = Child(Calls(proc))
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    while True:
        try:
            command, argument = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(getattr(child, command)(argument), answers)
        answers.flush()


if __name__ == "__main__":
    main(
        sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(g) for g in sys.argv[4].split(",") if g], int(sys.argv[5])
    )
