"""Where the local side may be, and what of it cannot be compared there."""

from __future__ import annotations

import ctypes
import os
import stat
import tempfile
from pathlib import Path

from posixdiff.syscalls import LIBC

EXT4_MAGIC = 0xEF53
# st_flags of statvfs
_NODEV, _NOATIME = 4, 1024
# fs.* on which answers hang, as the cluster has them: like the kernel itself.
_SYSCTLS = {"protected_symlinks": 0, "protected_regular": 0, "protected_fifos": 0}


def _sysctl(name: str) -> int:
    return int(Path(f"/proc/sys/fs/{name}").read_text())


# Where it has them otherwise, no directory that all may write to is sticky: there alone that makes a difference.
STICKY = stat.S_ISVTX if all(_sysctl(name) == value for name, value in _SYSCTLS.items()) else 0


def place() -> tuple[Path | None, str]:
    """A folder on ext4, mounted as it is by default; or none, and why."""
    if os.geteuid() != 0:
        return None, "the tasks of the local side change their uid, which is root's to do"
    if _sysctl("protected_hardlinks") != 1:
        return None, "fs.protected_hardlinks is not 1 here"
    for folder in map(Path, (tempfile.gettempdir(), "/var/tmp", Path.cwd())):
        if folder.is_dir() and _is_ext4(folder):
            flags = os.statvfs(folder).f_flag
            return (None, f"{folder} is mounted nodev or noatime") if flags & (_NODEV | _NOATIME) else (folder, "")
    return None, "no folder on ext4 to compare with: other filesystems answer otherwise here and there"


def fine_times(folder: Path) -> bool:
    """Whether two changes right after one another have different times (multigrain timestamps, Linux 6.13)."""
    probe = folder / "probe"
    probe.touch()
    times = set()
    for mode in (0o600, 0o644, 0o600, 0o644):
        probe.chmod(mode)
        times.add(probe.stat().st_ctime_ns)
    probe.unlink()
    return len(times) == 4


def _is_ext4(folder: Path) -> bool:
    room = ctypes.create_string_buffer(256)
    return LIBC.statfs(os.fsencode(folder), room) == 0 and int.from_bytes(room.raw[:8], "little") == EXT4_MAGIC
