"""ioctl(2) on open files: the commands of fs/ioctl.c, and those of ext4's own that a filesystem of this kind can know.

The hook comes first, by the command's number; then the command's own checks, in the kernel's order; ENOTTY for others.
What a command has to do with descriptors, the client sees to (client/ops/ioctl.py).
"""

from __future__ import annotations

import errno
import os
import stat
import struct

from host.store import Txn
from host.stripes import BLOCK_BYTES
from labelproof.v1 import mds_pb2
from lsm import dac, ioctls, vfs
from lsm.modules.capability import NUMBER
from lsm.objects import FS_APPEND_FL, FS_IMMUTABLE_FL
from mds import inodes
from mds.inodes import FLAGS_INHERITED, FS_NOATIME_FL, FS_NODUMP_FL, FS_SYNC_FL, Inode
from mds.ops.fcntl import Fcntl
from rpc import Call

# What the client does by fallocate.
_RESERVES = frozenset(
    {
        ioctls.FS_IOC_RESVSP,
        ioctls.FS_IOC_RESVSP64,
        ioctls.FS_IOC_UNRESVSP,
        ioctls.FS_IOC_UNRESVSP64,
        ioctls.FS_IOC_ZERO_RANGE,
    }
)
# Those that only change what the client knows of its descriptor, or that it does by another call of its own.
_CLIENTS = frozenset({ioctls.FIONBIO, ioctls.FIOASYNC, ioctls.FIOCLEX, ioctls.FIONCLEX})
# No file here shares its blocks with another, or has any that could be told.
_UNSUPPORTED = frozenset({ioctls.FICLONE, ioctls.FICLONERANGE, ioctls.FIDEDUPERANGE, ioctls.FIEMAP})
_ATTRS = frozenset({ioctls.FS_IOC_SETFLAGS, ioctls.FS_IOC_FSGETXATTR, ioctls.FS_IOC_FSSETXATTR})
# Kept and shown; the others are a matter of a capability.
FLAGS_KEPT, FLAGS_GUARDED = FLAGS_INHERITED, FS_IMMUTABLE_FL | FS_APPEND_FL
# Flags as in struct fsxattr, in which the others are words on extents, of which there are none (fileattr_fill_flags).
_XFLAGS = {FS_IMMUTABLE_FL: 0x8, FS_APPEND_FL: 0x10, FS_SYNC_FL: 0x20, FS_NOATIME_FL: 0x40, FS_NODUMP_FL: 0x80}
_XFLAGS_UNKEPT = 0x8000 | 0x200  # FS_XFLAG_DAX, FS_XFLAG_PROJINHERIT
_XFLAG_EXTSIZE, _XFLAG_EXTSZINHERIT = 0x800, 0x1000
_FSXATTR = struct.Struct("=5I8x")


class Ioctl(Fcntl):
    """The commands."""

    async def ioctl(self, call: Call, req: mds_pb2.IoctlRequest) -> mds_pb2.IoctlReply:
        """The hook, then the command; ENOTTY for one that the object does not know."""
        call.takes("ioctl")
        with self._mdt.store.op(call) as txn:
            handle = self._mdt.handle(call, req.handle)
            inode = self._mdt.inode(txn, handle.fid)
            vfs.run("ioctl", call.lsm, object=self._mdt.held(call, inode, handle), cmd=req.cmd)
            reply = self._commanded(txn, call, inode, req)
        await self._mdt.store.settled()
        if req.cmd in (ioctls.FIONREAD, ioctls.FIOQSIZE) and inode.is_file and not inode.size_valid:
            size = (await self._mdt.osts.glimpse(inode, call)).size
            reply.value = size if req.cmd == ioctls.FIONREAD else _allocated(size)
        return reply

    def _commanded(self, txn: Txn, call: Call, inode: Inode, req: mds_pb2.IoctlRequest) -> mds_pb2.IoctlReply:
        cmd = req.cmd
        self._may_command(call, inode, req)
        if cmd in _UNSUPPORTED:
            raise OSError(errno.EOPNOTSUPP, f"{os.strerror(errno.EOPNOTSUPP)}: {cmd:#x}")
        if cmd in _CLIENTS or (cmd in _RESERVES and inode.is_file):
            return mds_pb2.IoctlReply()
        values = _values(inode)
        if cmd in values:
            return mds_pb2.IoctlReply(value=values[cmd])
        if not (inode.is_file or inode.is_dir) or cmd not in _ATTRS:
            raise OSError(errno.ENOTTY, f"{os.strerror(errno.ENOTTY)}: {cmd:#x}")
        if cmd == ioctls.FS_IOC_FSGETXATTR:
            shown = sum(xflag for flag, xflag in _XFLAGS.items() if inode.flags & flag)
            return mds_pb2.IoctlReply(data=_FSXATTR.pack(shown, 0, 0, 0, 0))
        self._set_flags(txn, call, inode, req)
        return mds_pb2.IoctlReply()

    def _may_command(self, call: Call, inode: Inode, req: mds_pb2.IoctlRequest) -> None:
        """What is refused before anything else is looked at: to whom, and of what."""
        cmd = req.cmd
        known = inode.is_file or inode.is_dir
        needed = {ioctls.FIFREEZE: "sys_admin", ioctls.FITHAW: "sys_admin"}
        if inode.is_file:
            needed[ioctls.FIBMAP] = "sys_rawio"
        if known:
            needed[ioctls.FITRIM] = "sys_admin"
        if cmd in needed and not call.lsm.capable(NUMBER[needed[cmd]]):
            raise PermissionError(errno.EPERM, f"needs CAP_{needed[cmd].upper()}")
        if cmd == ioctls.FIFREEZE or (cmd == ioctls.FITRIM and known):
            raise OSError(errno.EOPNOTSUPP, "the filesystem cannot be frozen, nor its disks be trimmed from here")
        if cmd == ioctls.FITHAW or (cmd == ioctls.FIBMAP and inode.is_file):
            # fs/super.c, thaw_super: it is not frozen. fs/inode.c, bmap: no block device is below.
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if cmd == ioctls.FIOASYNC and req.arg and not stat.S_ISFIFO(inode.mode):
            raise OSError(errno.ENOTTY, "no signal tells of this file")
        if cmd == ioctls.FS_IOC_SETVERSION and known and not dac.owner_or_capable(call.lsm, self._mdt.obj(inode)):
            # The owner is told ENOTTY, as where ext4 has checksums in its metadata.
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may set the version")

    def _set_flags(self, txn: Txn, call: Call, inode: Inode, req: mds_pb2.IoctlRequest) -> None:
        """FS_IOC_SETFLAGS and _FSSETXATTR, by the owner (fs/ioctl.c, vfs_fileattr_set; fs/ext4/ioctl.c)."""
        flags, project = (req.arg, 0) if req.cmd == ioctls.FS_IOC_SETFLAGS else _read_fsxattr(req.data)
        if call.nodemap.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if not dac.owner_or_capable(call.lsm, self._mdt.obj(inode)):
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may set flags")
        if (flags ^ inode.flags) & FLAGS_GUARDED and not call.lsm.capable(NUMBER["linux_immutable"]):
            raise PermissionError(errno.EPERM, "needs CAP_LINUX_IMMUTABLE")
        if req.cmd == ioctls.FS_IOC_FSSETXATTR:
            _check_extents(inode, req.data)
        if flags & ~(FLAGS_KEPT | FLAGS_GUARDED):
            raise OSError(errno.EOPNOTSUPP, f"inode flags {flags:#x}: {FLAGS_KEPT | FLAGS_GUARDED:#x} are kept here")
        if inode.flags & flags & FS_IMMUTABLE_FL and (flags != inode.flags or project):
            # fs/ext4/ioctl.c, ext4_ioctl_check_immutable
            raise PermissionError(errno.EPERM, "what stays immutable is not changed")
        if project:
            raise OSError(errno.EOPNOTSUPP, "files are of no project here")
        inodes.update(txn, inode.fid, flags=flags, ctime_ns=self._mdt.now())


def _values(inode: Inode) -> dict[int, int]:
    """The numbers that commands tell, by what the inode is."""
    values = {ioctls.FIGETBSZ: BLOCK_BYTES}
    if inode.is_file or stat.S_ISFIFO(inode.mode):
        values[ioctls.FIONREAD] = inode.size
    if inode.is_file or inode.is_dir:
        values |= {ioctls.FIOQSIZE: _allocated(inode.size)}
        values |= {ioctls.FS_IOC_GETFLAGS: inode.flags, ioctls.FS_IOC_GETVERSION: inode.fid.oid}
    return values


def _allocated(size: int) -> int:
    """fs/stat.c, inode_get_bytes: what the blocks hold that stat tells of."""
    return inodes.blocks(size) * 512


def _read_fsxattr(data: bytes) -> tuple[int, int]:
    """Flags and project of a struct fsxattr; EFAULT for less than one."""
    if len(data) < _FSXATTR.size:
        raise OSError(errno.EFAULT, f"a struct fsxattr has {_FSXATTR.size} bytes, not {len(data)}")
    xflags, _, _, project, _ = _FSXATTR.unpack_from(data)
    flags = sum(flag for flag, xflag in _XFLAGS.items() if xflags & xflag)
    # Any that is not kept will do to have it refused.
    return flags | (xflags & _XFLAGS_UNKEPT) << 16, project


def _check_extents(inode: Inode, data: bytes) -> None:
    """fs/ioctl.c, fileattr_set_prepare: hints of sizes are for files, those to be inherited for directories."""
    (xflags,) = struct.unpack_from("=I", data)
    if (xflags & _XFLAG_EXTSIZE and not inode.is_file) or (xflags & _XFLAG_EXTSZINHERIT and not inode.is_dir):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
