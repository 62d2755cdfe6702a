"""Close: what an open file leaves behind as it ends."""

from __future__ import annotations

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import Fid
from mds import inodes, privs
from mds.handles import Handle
from mds.inodes import Inode
from mds.ops.base import Base
from mds.osts import Glimpsed
from rpc import Call


class Close(Base):
    """Close."""

    async def close(self, call: Call, req: mds_pb2.CloseRequest) -> mds_pb2.CloseReply:
        """Gives up a handle; the last writer's leaves the size behind, the last one of a nameless file ends it."""
        handle = self._mdt.handle(call, req.handle, path=True)
        async with self._mdt.store.locks.hold(handle.fid):
            self._mdt.handle(call, req.handle, path=True)
            self._mdt.handles.close(handle)
            # An open file's locks go with it, a process's with any of its descriptors of the file (fs/locks.c).
            self._mdt.flocks.drop((False, handle.fid), handle.id)
            self._mdt.leases.drop(handle.fid, handle.id)
            self._mdt.flocks.drop((True, handle.fid), (call.peer.node, call.subject.pid))
            found = await self._final(call, handle)
            with self._mdt.store.op(call) as txn:
                inode = inodes.get(txn, handle.fid)
                if inode is not None:
                    self._settle(txn, inode, found)
                if req.HasField("read_age_ns"):
                    self._read(txn, call, handle.fid, req.read_age_ns)
        await self._mdt.store.committed(call.transno)
        return mds_pb2.CloseReply()

    async def _final(self, call: Call, handle: Handle) -> Glimpsed | None:
        """Size and times when nobody writes any more; None if that is not so, or an OST cannot be asked now.

        A client may keep its tokens. Where a write takes what only this server will know of then, they end first.
        """
        if not handle.writes or self._mdt.handles.writers(handle.fid):
            return None
        inode = inodes.get(self._mdt.store.view(), handle.fid)
        if inode is None or not inode.is_file or inode.nlink == 0:
            return None
        try:
            if privs.at_stake(self._mdt.store.view(), inode):
                await self._end_tokens(call, inode.fid)
            return await self._mdt.osts.glimpse(inode, call)
        except OSError:
            # The size stays the OSTs' to know: whoever asks for it asks them again.
            return None

    def _settle(self, txn: Txn, inode: Inode, found: Glimpsed | None) -> None:
        if inode.nlink == 0:
            self._mdt.last_name_gone(txn, inode)
        elif found is not None:
            # Writes go past this server, which learns here what they did.
            now = found.merged(inode)
            if found.uncapped(inode):
                privs.drop_capabilities(txn, inode)
            inodes.update(
                txn, inode.fid, size=now.size, size_valid=True, mtime_ns=now.mtime_ns, ctime_ns=now.ctime_ns,
                mode=now.mode, mtime_at_ns=max(inode.mtime_at_ns, found.changed_ns), mode_at_ns=inode.mode_at_ns,
                untold=False,
            )  # fmt: skip

    def _read(self, txn: Txn, call: Call, fid: Fid, age_ns: int) -> None:
        """A file that was read through a handle: the atime moves as it ends, as Lustre has it (mdt_mfd_close).

        Not if the inode has changed since: then it may have been given another atime, and counts as unread anyway.
        """
        inode = inodes.get(txn, fid)
        at_ns = self._mdt.now() - age_ns
        if inode is not None and inode.ctime_ns < at_ns:
            self._mdt.accessed(txn, call, inode, at_ns)
