"""Which permissions an operation is, where a number says so: MAY_*, commands of ioctl and fcntl, events watched for.

In the order of the classes' bits, which is how the kernel names them.
"""

from __future__ import annotations

from functools import cache

from lsm import ioctls
from lsm.hooks import (
    F_GETFL,
    F_GETOWNER_UIDS,
    F_SETFL,
    FAN_PERM,
    FS_READS,
    MAY_APPEND,
    MAY_EXEC,
    MAY_READ,
    MAY_WRITE,
    Mark,
)

IOCTL_GETATTR = frozenset(
    {ioctls.FIONREAD, ioctls.FIBMAP, ioctls.FIGETBSZ, ioctls.FS_IOC_GETFLAGS, ioctls.FS_IOC_GETVERSION}
)
IOCTL_SETATTR = frozenset({ioctls.FS_IOC_SETFLAGS, ioctls.FS_IOC_SETVERSION})
IOCTL_FREE = frozenset({ioctls.FIONBIO, ioctls.FIOASYNC})
IOCTL_CLOEXEC = frozenset({ioctls.FIOCLEX, ioctls.FIONCLEX})
# Whatever they are asked of.
IOCTL_TTY = frozenset({ioctls.KDSKBENT, ioctls.KDSKBSENT})
# And F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG; not those with _EX, and no leases.
FCNTL_USE = frozenset({F_SETFL, F_GETFL, 8, 9, 10, 11, F_GETOWNER_UIDS})
_WATCH = {Mark.INODE: "watch", Mark.MOUNT: "watch_mount", Mark.FILESYSTEM: "watch_sb"}


@cache
def of_mask(directory: bool, mask: int) -> tuple[str, ...]:
    """security/selinux/hooks.c, file_mask_to_av: append stands in for write, but on a directory, which has search for
    execute."""
    if directory:
        mask &= ~MAY_APPEND
    write = "append" if mask & MAY_APPEND else "write"
    execute = "search" if directory else "execute"
    bits = ((MAY_READ, "read"), (MAY_WRITE | MAY_APPEND, write), (MAY_EXEC, execute))
    return tuple(perm for bit, perm in bits if mask & bit)


def of_watch(mask: int, mark: Mark) -> tuple[str, ...]:
    """What is watched; with_perm where events wait for an answer, reads where they tell of reading
    (selinux_path_notify)."""
    with_perm = ("watch_with_perm",) if mask & FAN_PERM else ()
    return _WATCH[mark], *with_perm, *(("watch_reads",) if mask & FS_READS else ())
