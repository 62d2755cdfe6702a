"""A step done by real system calls: one function an operation, its arguments as in the history."""

# The system calls themselves, most of them by descriptor:
# ruff: noqa: PTH101

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW = -100, 0x100, 0x400
_GETDENTS64, _FACCESSAT2 = 217, 439
_FLOCK = struct.Struct("hhqqi4x")
_FLAGS_ASKED = 0xFFFFFFFF
# What ext4 keeps for itself in the flags of an inode, and the user does not choose: EXTENTS, INDEX, INLINE_DATA ...
EXT4_OWN = 0x80000 | 0x1000 | 0x10000000 | 0x40000 | 0x100000
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_GETVERSION, FS_IOC_SETVERSION = 0x80086601, 0x40086602, 0x80087601, 0x40087602
FIBMAP, FIGETBSZ, FIONREAD, FIONBIO, FIOASYNC, FIOQSIZE = 1, 2, 0x541B, 0x5421, 0x5452, 0x5460
FICLONE, FICLONERANGE, FIDEDUPERANGE = 0x40049409, 0x4020940D, 0xC0189436
FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR = 0x801C581F, 0x401C5820
FITRIM, FIFREEZE, FITHAW = 0xC0185879, 0xC0045877, 0xC0045878
# What root would do to the filesystem that is compared with, and to all that is on it.
DANGEROUS = frozenset({FITRIM, FIFREEZE})
# Commands that tell a number which is the other filesystem's own business.
_OWN_NUMBERS = frozenset({FS_IOC_GETVERSION, FIOQSIZE, FIBMAP})

# What takes two descriptors.
COPIES = ("copy_file_range", "sendfile")
# A descriptor that nobody has.
NO_FD = 999
# A result that compares equal to whatever the other side says.
ANY = "any"
State = dict[int, int]


class Calls:
    """A task's calls. `fds`: slot -> descriptor; `proc`: /proc/self/fd, opened before the root was changed."""

    def __init__(self, proc: int) -> None:
        self.fds: State = {}
        self._proc = proc

    def call(self, name: str, args: dict[str, Any]) -> Any:
        """The plain result; OSError as the kernel gives it."""
        args = dict(args)
        into = args.pop("into", None)
        for key in ("fd", "dirfd", "to_dirfd", "src", *(("to",) if name in COPIES else ())):
            if isinstance(args.get(key), int):
                args[key] = self._fd(args[key])
        result = getattr(self, name)(**args)
        if into is not None:
            self.release(into)
            self.fds[into] = result
            return None
        return result

    def release(self, slot: int) -> None:
        if slot in self.fds:
            os.close(self.fds.pop(slot))

    def _fd(self, slot: int) -> int:
        return self.fds.get(slot, NO_FD)

    # --- files ------------------------------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o666, dirfd: int | None = None) -> int:
        return os.open(path, flags, mode, dir_fd=dirfd)

    def reopen(self, fd: int, flags: int) -> int:
        os.fstat(fd)
        return os.open(str(fd), flags, dir_fd=self._proc)

    def dup(self, fd: int) -> int:
        return os.dup(fd)

    def close(self, fd: int) -> None:
        os.close(fd)
        self.fds = {slot: known for slot, known in self.fds.items() if known != fd}

    def read(self, fd: int, length: int) -> bytes:
        return _filled(length, lambda room: os.readv(fd, [room])) if _direct(fd) else os.read(fd, length)

    def write(self, fd: int, data: bytes) -> int:
        return os.writev(fd, [_laid(data)]) if _direct(fd) else os.write(fd, data)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        if not _direct(fd):
            return os.pread(fd, length, offset)
        return _filled(length, lambda room: os.preadv(fd, [room], offset))

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        return os.pwritev(fd, [_laid(data)], offset) if _direct(fd) else os.pwrite(fd, data, offset)

    def lseek(self, fd: int, offset: int, whence: int) -> int | str:
        """Where a directory's entries are is its filesystem's own business."""
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return ANY
        return os.lseek(fd, offset, whence)

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        _checked(LIBC.fallocate(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)))

    def copy_file_range(self, fd: int, to: int, length: int, offset: int | None, to_offset: int | None) -> int:
        return os.copy_file_range(fd, to, length, offset, to_offset)

    def sendfile(self, fd: int, to: int, length: int, offset: int | None) -> int:
        return os.sendfile(to, fd, offset, length)

    def getdents(self, fd: int, count: int) -> str:
        """In which order entries are, and where, is the filesystem's own business; whether one may read them is not."""
        _checked(LIBC.syscall(_GETDENTS64, fd, ctypes.create_string_buffer(512), 512 if count else 0))
        os.lseek(fd, 0, os.SEEK_SET)
        return ANY

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fcntl(self, fd: int, cmd: int, arg: int = 0) -> int:
        return fcntl.fcntl(fd, cmd, arg)

    def flock(self, fd: int, operation: int) -> None:
        fcntl.flock(fd, operation)

    def lockf(self, fd: int, type: int, start: int, length: int) -> None:
        fcntl.fcntl(fd, fcntl.F_SETLK, _FLOCK.pack(type, 0, start, length, 0))

    def getlk(self, fd: int, type: int, start: int, length: int) -> dict[str, int] | None:
        kind, _, at, size, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(type, 0, start, length, 0)))
        return None if kind == fcntl.F_UNLCK else {"type": kind, "start": at, "length": size, "pid": pid}

    def ioctl(self, fd: int, cmd: int, arg: int = 0, data: bytes = b"", src: int | None = None) -> Any:
        """`src` is the other descriptor of a command that has one."""
        if cmd in DANGEROUS and not os.geteuid():
            raise AssertionError(f"ioctl {cmd:#x} by root is for no filesystem that anybody uses")
        if cmd == FICLONE:
            return fcntl.ioctl(fd, cmd, src)
        if cmd == FICLONERANGE:
            data = cloned(src)
        if data:
            room = bytearray(data)
            fcntl.ioctl(fd, cmd, room)
            return bytes(room) if cmd == FS_IOC_FSGETXATTR else 0
        if cmd == FS_IOC_SETFLAGS:
            arg |= self._word(fd, FS_IOC_GETFLAGS) & EXT4_OWN
        found = self._word(fd, cmd, arg)
        if cmd in _OWN_NUMBERS:
            return ANY
        return found & ~EXT4_OWN if cmd == FS_IOC_GETFLAGS else found if cmd in (FIONREAD, FIGETBSZ) else 0

    def mmap(self, fd: int, prot: int, flags: int) -> None:
        LIBC.mmap.restype = ctypes.c_void_p
        LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_int64]
        at = LIBC.mmap(None, 4096, prot, flags, fd, 0)
        if at == ctypes.c_void_p(-1).value:
            _checked(-1)
        LIBC.munmap(ctypes.c_void_p(at), 4096)

    # --- names ------------------------------------------------------------------------------------------------------

    def mkdir(self, path: str, mode: int, dirfd: int | None = None) -> None:
        os.mkdir(path, mode, dir_fd=dirfd)

    def mknod(self, path: str, mode: int, rdev: int = 0, dirfd: int | None = None) -> None:
        os.mknod(path, mode, rdev, dir_fd=dirfd)

    def symlink(self, target: str, path: str, dirfd: int | None = None) -> None:
        os.symlink(target, path, dir_fd=dirfd)

    def readlink(self, path: str, dirfd: int | None = None) -> str:
        return os.readlink(path, dir_fd=dirfd)

    def link(self, path: str, to: str, dirfd: int = AT_FDCWD, to_dirfd: int = AT_FDCWD) -> None:
        _checked(LIBC.linkat(dirfd, _path(path), to_dirfd, _path(to), 0))

    def linkfd(self, fd: int, to: str) -> None:
        os.fstat(fd)
        _checked(LIBC.linkat(self._proc, _path(str(fd)), AT_FDCWD, _path(to), AT_SYMLINK_FOLLOW))

    def rename(
        self, path: str, to: str, flags: int = 0, dirfd: int = AT_FDCWD, to_dirfd: int = AT_FDCWD
    ) -> None:  # fmt: skip
        _checked(LIBC.renameat2(dirfd, _path(path), to_dirfd, _path(to), flags))

    def unlink(self, path: str, dirfd: int | None = None) -> None:
        os.unlink(path, dir_fd=dirfd)

    def rmdir(self, path: str, dirfd: int | None = None) -> None:
        os.rmdir(path, dir_fd=dirfd)

    def readdir(self, path: str | None = None, fd: int | None = None) -> list[tuple[str, int]]:
        """The names with their types; a directory that is open is read from its beginning."""
        if fd is not None:
            # Python's own way to read a directory looks at the descriptor first, and has other errors.
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                _checked(LIBC.syscall(_GETDENTS64, fd, ctypes.create_string_buffer(512), 512))
            os.lseek(fd, 0, os.SEEK_SET)
            return _entries(fd)
        here = os.open(path or "", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return _entries(here)
        finally:
            os.close(here)

    # --- attributes -------------------------------------------------------------------------------------------------

    def stat(self, path: str, dirfd: int | None = None) -> dict[str, int]:
        return attributes(os.stat(path, dir_fd=dirfd))

    def lstat(self, path: str, dirfd: int | None = None) -> dict[str, int]:
        return attributes(os.lstat(path, dir_fd=dirfd))

    def fstat(self, fd: int) -> dict[str, int]:
        return attributes(os.fstat(fd))

    def access(self, path: str, mode: int, flags: int = 0) -> None:
        _checked(LIBC.syscall(_FACCESSAT2, AT_FDCWD, _path(path), mode, flags))

    def chdir(self, path: str | None = None, fd: int | None = None) -> None:
        os.chdir(path if fd is None else fd)

    def chmod(self, mode: int, path: str | None = None, fd: int | None = None) -> None:
        os.chmod(path if fd is None else fd, mode)

    def chown(self, uid: int, gid: int, path: str | None = None, fd: int | None = None, follow: bool = True) -> None:
        if fd is None:
            os.chown(path, uid, gid, follow_symlinks=follow)
        else:
            os.fchown(fd, uid, gid)

    def utimes(
        self, atime_ns: int | None, mtime_ns: int | None, path: str | None = None, fd: int | None = None,
        follow: bool = True,
    ) -> None:  # fmt: skip
        """One that is None is left as it is; both: now."""
        omit = (1 << 30) - 2
        times = None if atime_ns is None and mtime_ns is None else struct.pack(
            "4q", *(part for ns in (atime_ns, mtime_ns) for part in ((0, omit) if ns is None else divmod(ns, 10**9)))
        )  # fmt: skip
        if fd is None:
            _checked(LIBC.utimensat(AT_FDCWD, _path(path), times, 0 if follow else AT_SYMLINK_NOFOLLOW))
        else:
            _checked(LIBC.futimens(fd, times))

    def truncate(self, path: str, length: int) -> None:
        os.truncate(path, length)

    def ftruncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    # --- extended attributes ----------------------------------------------------------------------------------------

    def getxattr(
        self, name: str, path: str | None = None, fd: int | None = None, follow: bool = True, size: int = 0
    ) -> bytes:  # fmt: skip
        """With a `size` of 0 as much as there is."""
        room = ctypes.create_string_buffer(size or 65536)
        got = _checked(_xattr("getxattr", fd, follow)(_where(path, fd), _path(name), room, len(room)))
        return room.raw[:got]

    def setxattr(
        self, name: str, value: bytes, flags: int = 0, path: str | None = None, fd: int | None = None,
        follow: bool = True,
    ) -> None:  # fmt: skip
        _checked(_xattr("setxattr", fd, follow)(_where(path, fd), _path(name), value, len(value), flags))

    def listxattr(
        self, path: str | None = None, fd: int | None = None, follow: bool = True, size: int = 0
    ) -> list[str]:
        room = ctypes.create_string_buffer(size or 65536)
        got = _checked(_xattr("listxattr", fd, follow)(_where(path, fd), room, len(room)))
        return sorted(name.decode() for name in room.raw[:got].split(b"\0") if name)

    def removexattr(self, name: str, path: str | None = None, fd: int | None = None, follow: bool = True) -> None:
        _checked(_xattr("removexattr", fd, follow)(_where(path, fd), _path(name)))

    def umask(self, mask: int) -> int:
        return os.umask(mask)

    def _word(self, fd: int, cmd: int, arg: int = 0) -> int:
        room = bytearray(struct.pack("=Q", arg))
        fcntl.ioctl(fd, cmd, room)
        return int(struct.unpack("=Q", room)[0]) & _FLAGS_ASKED


def cloned(src: int | None) -> bytes:
    """A struct file_clone_range, of the whole file."""
    return struct.pack("=q3Q", src or 0, 0, 0, 0)


def attributes(found: os.stat_result) -> dict[str, int]:
    """What of a stat is compared, times apart."""
    return {
        "mode": found.st_mode, "nlink": found.st_nlink, "uid": found.st_uid, "gid": found.st_gid,
        "size": found.st_size, "rdev": found.st_rdev,
    }  # fmt: skip


def times(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns


def _entries(fd: int) -> list[tuple[str, int]]:
    """Types by lstat where the entry's own is of no use to Python; a name that vanished has none."""
    with os.scandir(fd) as found:
        return sorted((entry.name, entry.is_symlink() * 2 + entry.is_dir(follow_symlinks=False)) for entry in found)


def _direct(fd: int) -> bool:
    """Whether it goes past the page cache, and so wants memory that begins with a page."""
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)


def _laid(data: bytes) -> memoryview:
    """The bytes in such memory."""
    room = mmap.mmap(-1, len(data) + 1)
    room[: len(data)] = data
    return memoryview(room)[: len(data)]


def _filled(length: int, read: Callable[[memoryview], int]) -> bytes:
    room = _laid(bytes(length))
    return bytes(room[: read(room)])


def _xattr(name: str, fd: int | None, follow: bool) -> Callable[..., int]:
    function: Callable[..., int] = getattr(LIBC, ("" if follow else "l") + name if fd is None else "f" + name)
    return function


def _where(path: str | None, fd: int | None) -> Any:
    return _path(path) if fd is None else fd


def _path(path: str | None) -> bytes:
    return os.fsencode(path or "")


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
