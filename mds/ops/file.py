"""What an open file is asked besides its bytes: locks, mmap; and watches, which need no open file."""

from __future__ import annotations

import asyncio
import errno
import os

from labelproof.v1 import mds_pb2
from lsm import vfs
from lsm.hooks import FAN_PERM, FS_READS, MAY_READ, MAY_WRITE, Mark
from lsm.vfs import F_RDLCK, F_UNLCK, F_WRLCK
from mds.flocks import END_MAX, Lock, Waiter
from mds.handles import Handle
from mds.ops.base import WAIT_S
from mds.ops.ioctl import Ioctl
from rpc import Call

IN_ALL_EVENTS = 0xFFF
# include/uapi/linux/fanotify.h; FAN_OPEN_EXEC, FAN_ONDIR and FAN_EVENT_ON_CHILD besides, and events with an answer.
FAN_EVENTS = IN_ALL_EVENTS | 0x1000 | 0x40000000 | 0x08000000 | FAN_PERM


class File(Ioctl):
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
        """What inotify_add_watch(2) and fanotify_mark(2) ask of an object: read, then watch. EINVAL for no mask."""
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


def _watched(req: mds_pb2.WatchRequest) -> int:
    """The events of a watch: inotify overlooks what is none, or that there is none; fanotify does not. EINVAL."""
    known = FAN_EVENTS if req.fanotify else IN_ALL_EVENTS
    marks = tuple(Mark) if req.fanotify else (Mark.INODE,)
    if not req.mask or (req.fanotify and req.mask & ~known) or req.mark not in marks:
        raise OSError(errno.EINVAL, f"watch mask {req.mask:#x}, mark {req.mark:#x}: no such event, or nothing to mark")
    return req.mask & known


def _watch_case(mask: int, mark: Mark) -> str:
    """As proto/ names them: what is marked, events with an answer, events of reading."""
    marked = "" if mark == Mark.INODE else mark.name.lower()
    words = (marked, "perm" if mask & FAN_PERM else "", "reads" if mask & FS_READS else "")
    return "-".join(filter(None, words)) or "watch"


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
