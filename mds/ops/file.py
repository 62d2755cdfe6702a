"""What an open file is asked besides its bytes: locks, ioctl, mmap; and watches, which need no open file."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import struct

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import dac, vfs
from lsm.hooks import FAN_PERM, FS_READS, MAY_READ, MAY_WRITE, Mark
from lsm.modules.capability import NUMBER
from lsm.objects import FS_APPEND_FL, FS_IMMUTABLE_FL
from lsm.vfs import F_RDLCK, F_UNLCK, F_WRLCK
from mds import inodes
from mds.flocks import END_MAX, Lock, Waiter
from mds.handles import Handle
from mds.inodes import FLAGS_INHERITED, Inode
from mds.ops.base import WAIT_S
from mds.ops.fcntl import Fcntl
from mds.ops.session import BLOCK_BYTES
from rpc import Call

# include/uapi/asm-generic/ioctls.h, include/uapi/linux/fs.h
FIONREAD, FIBMAP, FIGETBSZ = 0x541B, 1, 2
FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX = 0x5421, 0x5452, 0x5451, 0x5450
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS = 0x80086601, 0x40086602
FS_IOC_GETVERSION, FS_IOC_FSGETXATTR = 0x80087601, 0x801C581F
FS_IOC_SETVERSION, FIOQSIZE, FIFREEZE, FITHAW = 0x40087602, 0x5460, 0xC0045877, 0xC0045878
# Kept and shown: FS_SYNC_FL, FS_NODUMP_FL, FS_NOATIME_FL. The others are a matter of a capability.
FLAGS_KEPT, FLAGS_GUARDED = FLAGS_INHERITED, FS_IMMUTABLE_FL | FS_APPEND_FL
IN_ALL_EVENTS = 0xFFF
# include/uapi/linux/fanotify.h; FAN_OPEN_EXEC, FAN_ONDIR and FAN_EVENT_ON_CHILD besides, and events with an answer.
FAN_EVENTS = IN_ALL_EVENTS | 0x1000 | 0x40000000 | 0x08000000 | FAN_PERM


class File(Fcntl):
    """Operations on handles."""

    async def lock(self, call: Call, req: mds_pb2.LockRequest) -> mds_pb2.LockReply:
        """flock(2), and fcntl(2) with F_SETLK, F_SETLKW, F_GETLK. EAGAIN; with `wait` EINTR, EDEADLK, or `blocked`."""
        handle = self._mdt.handle(call, req.handle)
        key, owner = _lock_key(call, handle, posix=req.posix)
        if req.cancel:
            call.takes("cancel")
            self._mdt.flocks.interrupt(key, owner)
            return mds_pb2.LockReply()
        if req.closes:
            call.takes("close")
            self._mdt.flocks.drop(key, owner)
            return mds_pb2.LockReply()
        self._may_lock(call, req, handle)
        wanted = Lock(owner, req.type == F_WRLCK, *_range(req), call.subject.pid)
        if req.test:
            return _told(self._mdt.flocks.conflict(key, wanted))
        return await self._locked(key, wanted, req)

    async def ioctl(self, call: Call, req: mds_pb2.IoctlRequest) -> mds_pb2.IoctlReply:
        """The commands of fs/ioctl.c for files; ENOTTY for others, after the check."""
        call.takes("ioctl")
        with self._mdt.store.op(call) as txn:
            handle = self._mdt.handle(call, req.handle)
            inode = self._mdt.inode(txn, handle.fid)
            vfs.run("ioctl", call.lsm, object=self._mdt.held(call, inode, handle), cmd=req.cmd)
            reply = self._commanded(txn, call, inode, req)
        await self._mdt.store.settled()
        if req.cmd in (FIONREAD, FIOQSIZE) and inode.is_file and not inode.size_valid:
            reply.value = (await self._mdt.osts.glimpse(inode, call)).size
        return reply

    async def mmap(self, call: Call, req: mds_pb2.MmapRequest) -> mds_pb2.MmapReply:
        """What mmap(2) and mprotect(2) of an open file ask; the pages are the client's own."""
        call.takes("mprotect" if req.mprotect else "mmap")
        with self._mdt.store.op(call) as txn:
            handle = self._mdt.handle(call, req.handle)
            inode = self._mdt.inode(txn, handle.fid)
            obj, opens = self._mdt.held(call, inode, handle), handle.mask
            op = "mprotect" if req.mprotect else "mmap"
            vfs.run(op, call.lsm, object=obj, prot=req.prot, shared=req.shared, dirtied=req.dirtied, mask=opens)
            if not req.mprotect and not req.noatime:
                self._mdt.accessed(txn, call, inode)
        await self._mdt.store.settled()
        return mds_pb2.MmapReply()

    async def watch(self, call: Call, req: mds_pb2.WatchRequest) -> mds_pb2.WatchReply:
        """What inotify_add_watch(2) and fanotify_mark(2) ask of an object: read, then watch. EINVAL for no event."""
        mask = _watched(req)
        call.takes(_watch_case(mask, Mark(req.mark)))
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place, path=True)
            vfs.run("watch", call.lsm, object=self._mdt.obj(inode), mask=mask, mark=Mark(req.mark), fs=self._mdt.fs)
        await self._mdt.store.settled()
        return mds_pb2.WatchReply(entry=self.entry(inode))

    # --- locks -------------------------------------------------------------------------------------------------

    def _may_lock(self, call: Call, req: mds_pb2.LockRequest, handle: Handle) -> None:
        """The checks, and EBADF for a lock that the file was not opened for (fs/locks.c, fcntl_setlk)."""
        op = "getlk" if req.test else "setlk" if req.posix else "flock"
        call.takes(op)
        with self._mdt.store.op(call) as txn:
            obj = self._mdt.held(call, self._mdt.inode(txn, handle.fid), handle)
            needed = {F_RDLCK: MAY_READ, F_WRLCK: MAY_WRITE}.get(req.type, 0)
            opened = not needed & ~handle.mask if req.posix else req.type == F_UNLCK or bool(handle.mask)
            vfs.run(op, call.lsm, object=obj, cmd=req.type, opened=opened)

    async def _locked(self, key: object, wanted: Lock, req: mds_pb2.LockRequest) -> mds_pb2.LockReply:
        flocks = self._mdt.flocks
        if req.type == F_UNLCK or not req.posix:
            # flock gives the old lock up before it asks for another (fs/locks.c, flock_lock_inode).
            flocks.drop(key, wanted.owner, wanted.start, wanted.end)
        if req.type == F_UNLCK:
            return mds_pb2.LockReply()
        try:
            flocks.take(key, wanted)
        except BlockingIOError:
            if not req.wait:
                raise
            return mds_pb2.LockReply(blocked=not await self._waited(key, wanted))
        return mds_pb2.LockReply()

    async def _waited(self, key: object, wanted: Lock) -> bool:
        """Whether the lock came in WAIT_S; EINTR if somebody cancelled the wait."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(error: OSError | None) -> None:
            if not granted.done():
                granted.set_exception(error) if error else granted.set_result(None)

        waiter = Waiter(wanted, wake)
        self._mdt.flocks.wait(key, waiter)
        try:
            await asyncio.wait([granted], timeout=WAIT_S)
        finally:
            self._mdt.flocks.leave(key, waiter)
        if granted.done():
            granted.result()
        return granted.done()

    # --- ioctl -------------------------------------------------------------------------------------------------

    def _commanded(self, txn: Txn, call: Call, inode: Inode, req: mds_pb2.IoctlRequest) -> mds_pb2.IoctlReply:
        self._may_command(call, inode, req.cmd)
        if req.cmd == FS_IOC_SETFLAGS:
            _with_flags(inode)
            self._set_flags(txn, call, inode, req.arg)
            return mds_pb2.IoctlReply()
        if req.cmd in (FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX):
            return mds_pb2.IoctlReply()
        if req.cmd in (FS_IOC_GETFLAGS, FS_IOC_GETVERSION):
            _with_flags(inode)
        if req.cmd == FS_IOC_FSGETXATTR:
            return mds_pb2.IoctlReply(data=struct.pack("=5I8x", 0, 0, 0, 0, 0))
        values = _values(inode)
        if req.cmd not in values:
            raise OSError(errno.ENOTTY, f"{os.strerror(errno.ENOTTY)}: {req.cmd:#x}")
        return mds_pb2.IoctlReply(value=values[req.cmd])

    def _may_command(self, call: Call, inode: Inode, cmd: int) -> None:
        """EPERM for what is root's or the owner's, of those commands that no file here carries out (fs/ioctl.c)."""
        needed = {FIFREEZE: "sys_admin", FITHAW: "sys_admin"} | ({FIBMAP: "sys_rawio"} if inode.is_file else {})
        if cmd in needed and not call.lsm.capable(NUMBER[needed[cmd]]):
            raise PermissionError(errno.EPERM, f"needs CAP_{needed[cmd].upper()}")
        if cmd in (FIFREEZE, FITHAW):
            raise OSError(errno.EOPNOTSUPP, "the filesystem cannot be frozen")
        if cmd == FS_IOC_SETVERSION and not dac.owner_or_capable(call.lsm, self._mdt.obj(inode)):
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may set the version")

    def _set_flags(self, txn: Txn, call: Call, inode: Inode, flags: int) -> None:
        """FS_IOC_SETFLAGS, by the owner (fs/ioctl.c, vfs_fileattr_set)."""
        if call.nodemap.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if not dac.owner_or_capable(call.lsm, self._mdt.obj(inode)):
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may set flags")
        if (flags ^ inode.flags) & FLAGS_GUARDED and not call.lsm.capable(NUMBER["linux_immutable"]):
            raise PermissionError(errno.EPERM, "needs CAP_LINUX_IMMUTABLE")
        if flags & ~(FLAGS_KEPT | FLAGS_GUARDED):
            raise OSError(errno.EOPNOTSUPP, f"inode flags {flags:#x}: {FLAGS_KEPT | FLAGS_GUARDED:#x} are kept here")
        if inode.flags & flags & FS_IMMUTABLE_FL and flags != inode.flags:
            # fs/ext4/ioctl.c, ext4_ioctl_check_immutable
            raise PermissionError(errno.EPERM, "what stays immutable is not changed")
        inodes.update(txn, inode.fid, flags=flags, ctime_ns=self._mdt.now())


def _watched(req: mds_pb2.WatchRequest) -> int:
    """The events of a watch: inotify overlooks what is none, fanotify does not. EINVAL."""
    known = FAN_EVENTS if req.fanotify else IN_ALL_EVENTS
    marks = tuple(Mark) if req.fanotify else (Mark.INODE,)
    if not req.mask & known or req.mark not in marks or (req.fanotify and req.mask & ~known):
        raise OSError(errno.EINVAL, f"watch mask {req.mask:#x}, mark {req.mark:#x}: no such event, or nothing to mark")
    return req.mask & known


def _watch_case(mask: int, mark: Mark) -> str:
    """As proto/ names them: what is marked, events with an answer, events of reading."""
    marked = "" if mark == Mark.INODE else mark.name.lower()
    words = (marked, "perm" if mask & FAN_PERM else "", "reads" if mask & FS_READS else "")
    return "-".join(filter(None, words)) or "watch"


def _values(inode: Inode) -> dict[int, int]:
    """The numbers that commands tell, by what the inode is."""
    values = {FIGETBSZ: BLOCK_BYTES, FS_IOC_GETFLAGS: inode.flags, FS_IOC_GETVERSION: inode.fid.oid}
    if inode.is_file or stat.S_ISFIFO(inode.mode):
        values[FIONREAD] = inode.size
    if inode.is_file or inode.is_dir:
        values[FIOQSIZE] = inode.size
    return values


def _with_flags(inode: Inode) -> None:
    """ENOTTY for what has no inode flags (fs/ext4/namei.c, ext4_special_inode_operations)."""
    if not (inode.is_file or inode.is_dir):
        raise OSError(errno.ENOTTY, f"{os.strerror(errno.ENOTTY)}: neither a file nor a directory")


def _lock_key(call: Call, handle: Handle, *, posix: bool) -> tuple[object, object]:
    """The table's key, and the owner: an open file, or a process."""
    return (posix, handle.fid), ((call.peer.node, call.subject.pid) if posix else handle.id)


def _range(req: mds_pb2.LockRequest) -> tuple[int, int]:
    """First and last byte; length 0 reaches to the end of all files. EINVAL, EOVERFLOW."""
    if not req.posix:
        return 0, END_MAX
    end = req.start + req.length - 1 if req.length else END_MAX
    if end > END_MAX:
        raise OSError(errno.EOVERFLOW, os.strerror(errno.EOVERFLOW))
    return req.start, end


def _told(lock: Lock | None) -> mds_pb2.LockReply:
    """F_GETLK: what is in the way, else F_UNLCK."""
    if lock is None:
        return mds_pb2.LockReply(type=F_UNLCK)
    length = 0 if lock.end == END_MAX else lock.end - lock.start + 1
    kind = F_WRLCK if lock.exclusive else F_RDLCK
    return mds_pb2.LockReply(type=kind, start=lock.start, length=length, pid=lock.pid)
