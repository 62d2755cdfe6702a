"""fcntl(2), as far as it is a server's business: flags that a handle is judged by, leases, who is to get signals."""

from __future__ import annotations

import errno
import fcntl
import os

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import vfs
from lsm.hooks import F_GETOWN_EX, F_GETOWNER_UIDS, F_SETOWN_EX, MAY_APPEND
from lsm.vfs import F_RDLCK, F_UNLCK, F_WRLCK
from mds.handles import Handle
from mds.ops.open import Open
from rpc import Call

# Who gets signals is the client's to know; whether it may be asked or changed is not.
_OWNER = frozenset({
    fcntl.F_SETOWN, fcntl.F_GETOWN, fcntl.F_SETSIG, fcntl.F_GETSIG, F_SETOWN_EX, F_GETOWN_EX, F_GETOWNER_UIDS,
})  # fmt: skip


class Fcntl(Open):
    """The commands that come here."""

    async def fcntl(self, call: Call, req: mds_pb2.FcntlRequest) -> mds_pb2.FcntlReply:
        """By `cmd`; EINVAL for one that no server has to do with."""
        if req.cmd == fcntl.F_SETLEASE:
            return await self._set_lease(call, req)
        with self._mdt.store.op(call) as txn:
            handle = self._mdt.handle(call, req.handle, path=req.cmd == fcntl.F_GETFL)
            if req.cmd == fcntl.F_SETFL:
                return self._set_flags_of(txn, call, handle, req.arg)
            obj = self._mdt.held(call, self._mdt.inode(txn, handle.fid), handle)
            if req.cmd == fcntl.F_GETLEASE:
                call.takes("getlease")
                vfs.run("getlease", call.lsm, object=obj)
                return mds_pb2.FcntlReply(value=self._mdt.leases.told(handle.fid, handle.id, self._now()))
            if req.cmd == fcntl.F_GETFL:
                call.takes("getfl")
                vfs.run("getfl", call.lsm, object=obj)
                return mds_pb2.FcntlReply()
            if req.cmd not in _OWNER:
                raise OSError(errno.EINVAL, f"fcntl command {req.cmd}")
            call.takes("owner")
            vfs.run("owner", call.lsm, object=obj, cmd=req.cmd)
        return mds_pb2.FcntlReply()

    def _set_flags_of(self, txn: Txn, call: Call, handle: Handle, flags: int) -> mds_pb2.FcntlReply:
        """F_SETFL where O_APPEND or O_NOATIME change: a new token, and the handle is judged by it from now on."""
        call.takes("setfl")
        inode = self._mdt.inode(txn, handle.fid)
        drops = bool(handle.mask & MAY_APPEND) and not flags & os.O_APPEND
        obj = self._mdt.held(call, inode, handle)
        appends = MAY_APPEND if flags & os.O_APPEND and handle.mask else 0
        turns = handle.mask & MAY_APPEND != appends
        vfs.run("setfl", call.lsm, object=obj, drops_append=drops, turns_append=turns, flags=flags)
        changed = self._mdt.handles.change(handle, handle.mask & ~MAY_APPEND | appends)
        txn.undo(lambda: self._mdt.handles.change(changed, handle.mask))
        return mds_pb2.FcntlReply(token=self._token(inode, changed) if inode.is_file else b"")

    async def _set_lease(self, call: Call, req: mds_pb2.FcntlRequest) -> mds_pb2.FcntlReply:
        """F_SETLEASE. EAGAIN: others have the file open, or a lease is in the way, or there was none to give up."""
        call.takes("setlease")
        handle = self._mdt.handle(call, req.handle)
        # Under the file's lock: an open of it is either before this, and counts, or after.
        async with self._mdt.store.locks.hold(handle.fid):
            with self._mdt.store.op(call) as txn:
                handle = self._mdt.handle(call, req.handle)
                obj = self._mdt.held(call, self._mdt.inode(txn, handle.fid), handle)
                vfs.run("setlease", call.lsm, object=obj, cmd=req.arg)
            self._lease(handle, req.arg)
        return mds_pb2.FcntlReply()

    def _lease(self, handle: Handle, type: int) -> None:
        """fs/locks.c, check_conflicting_open: a read lease bears no writer, a write lease nobody else at all."""
        leases, handles = self._mdt.leases, self._mdt.handles
        others = {F_RDLCK: handles.writers(handle.fid), F_WRLCK: handles.others(handle)}.get(type, 0)
        if others or (type == F_UNLCK and not leases.drop(handle.fid, handle.id)):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if type != F_UNLCK:
            leases.take(handle.fid, handle.id, type, self._now())

    def _now(self) -> int:
        return self._mdt.node.clock.mono_ns()
