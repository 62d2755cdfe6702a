"""The objects' bytes: one sparse file each. The store's row says how long an object is, the file may be longer.

Bytes behind that end are leavings of a step that was rolled back, and are cut before the object grows over them.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from host.stripes import BLOCK_BYTES, block_end
from lsm import Fid

_LIBC = ctypes.CDLL(None, use_errno=True)
# FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_PUNCH = 1 | 2
_ZEROS = bytes(1 << 16)
# About 500 bytes each.
PATHS_KEPT = 4096


class Files:
    """The folder of object files. Every method may raise OSError, ENOSPC above all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unsynced: set[Path] = set()
        self._path = lru_cache(PATHS_KEPT)(self._path_of)
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, fid: Fid, stripe: int, offset: int, length: int, size: int) -> bytes:
        """At most `length` bytes of an object of `size` bytes; holes are NULs."""
        wanted = min(length, size - offset)
        if wanted <= 0:
            # Offsets from afar may be more than a system call takes.
            return b""
        try:
            fd = os.open(self._path(fid, stripe), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return bytes(wanted)
        try:
            return os.pread(fd, wanted, offset).ljust(wanted, b"\0")
        finally:
            os.close(fd)

    def write(self, fid: Fid, stripe: int, offset: int, data: bytes | memoryview, size: int) -> None:
        """Writes into an object of `size` bytes, all of `data` or OSError."""
        path = self._path(fid, stripe)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, size)
            while data:
                done = os.pwrite(fd, data, offset)
                data, offset = data[done:], offset + done
        finally:
            os.close(fd)
        self._unsynced.add(path)

    def seek(self, fid: Fid, stripe: int, offset: int, size: int, *, hole: bool) -> int | None:
        """Where the next hole, or the next data, begins in an object of `size` bytes, by whole blocks: also of the
        block that the object ends in, since it need not be the file that ends there."""
        if offset >= block_end(size):
            return offset if hole else None
        try:
            fd = os.open(self._path(fid, stripe), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return offset if hole else None
        try:
            found = os.lseek(fd, offset // BLOCK_BYTES * BLOCK_BYTES, os.SEEK_HOLE if hole else os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return offset if hole else None
        finally:
            os.close(fd)
        if hole:
            return max(min(block_end(found), block_end(size)), offset)
        return max(found // BLOCK_BYTES * BLOCK_BYTES, offset) if found < size else None

    def cut(self, fid: Fid, stripe: int, size: int) -> None:
        """Frees what lies behind `size`; a file that is not there has nothing there."""
        path = self._path(fid, stripe)
        if path.exists() and path.stat().st_size > size:
            os.truncate(path, size)

    def punch(self, fid: Fid, stripe: int, start: int, end: int) -> None:
        """Bytes from `start` up to `end` read as zeros; the file keeps its length, and frees what it can."""
        path = self._path(fid, stripe)
        if start >= end or not path.exists():
            return
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            end = min(end, block_end(os.fstat(fd).st_size))
            if start < end and _LIBC.fallocate(fd, _PUNCH, ctypes.c_int64(start), ctypes.c_int64(end - start)):
                _zero(fd, start, min(end, os.fstat(fd).st_size))
        finally:
            os.close(fd)
        self._unsynced.add(path)

    def remove(self, fid: Fid, stripe: int) -> None:
        path = self._path(fid, stripe)
        self._unsynced.discard(path)
        path.unlink(missing_ok=True)

    def sync(self) -> None:
        """Makes what was written durable; called before each commit, so that no row speaks of bytes that may vanish."""
        while self._unsynced:
            path = next(iter(self._unsynced))
            self._sync(path)
            self._unsynced.discard(path)

    def keep_only(self, known: Iterable[tuple[Fid, int]]) -> None:
        """Removes the files of objects that the store does not know: never acknowledged, or destroyed.

        On a volume that can only be read they stay; nobody can make an object over them there.
        """
        paths = {self._path(fid, stripe) for fid, stripe in known}
        for path in self._folder.iterdir():
            if path not in paths:
                _removed_if_writable(path)

    def _sync(self, path: Path) -> None:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def _path_of(self, fid: Fid, stripe: int) -> Path:
        return self._folder / f"{fid.seq:016x}-{fid.oid:08x}-{fid.ver:08x}.{stripe}"


def _removed_if_writable(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def _zero(fd: int, start: int, end: int) -> None:
    """For a disk that makes no holes."""
    while start < end:
        start += os.pwrite(fd, _ZEROS[: end - start], start)
