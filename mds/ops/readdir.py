"""Readdir: a directory that is open, page by page."""

from __future__ import annotations

import errno
import os

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import dac, vfs
from lsm.hooks import MAY_EXEC, MAY_READ
from mds import entries
from mds.ops.base import Base
from rpc import Call, fid_message

COOKIE_MAX = (1 << 63) - 1
PAGE_ENTRIES = 256


class Readdir(Base):
    """Readdir."""

    async def readdir(self, call: Call, req: mds_pb2.ReaddirRequest) -> mds_pb2.ReaddirReply:
        """One page; with `plus` each entry as Lookup gives it, for who may search the directory too."""
        call.takes("plus" if req.plus else "names")
        if req.cookie > COOKIE_MAX:
            raise OSError(errno.EINVAL, f"no such place in a directory: {req.cookie}")
        limit = min(req.count or PAGE_ENTRIES, PAGE_ENTRIES)
        with self._mdt.store.op(call) as txn:
            handle = self._mdt.handle(call, req.handle)
            inode = self._mdt.inode(txn, handle.fid)
            if not inode.is_dir:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(inode.fid))
            obj = self._mdt.held(call, inode, handle)
            vfs.run("file", call.lsm, object=obj, mask=MAY_READ, opened=handle.opened)
            if req.plus:
                dac.permission(call.lsm, obj, MAY_EXEC)
            if not req.noatime:
                self._mdt.accessed(txn, call, inode)
            found = entries.page(txn, inode.fid, req.cookie, limit + 1)
            reply = mds_pb2.ReaddirReply(eof=len(found) <= limit)
            reply.entries.extend(self._dirent(txn, each, req.plus) for each in found[:limit])
        await self._mdt.store.settled()
        return reply

    def _dirent(self, txn: Txn, found: entries.Dirent, plus: bool) -> mds_pb2.Dirent:
        inode = self._mdt.inode(txn, found.fid)
        dirent = mds_pb2.Dirent(
            name=found.name, cookie=found.cookie, type=inode.mode & 0o170000, fid=fid_message(found.fid)
        )
        if plus:
            dirent.entry.CopyFrom(self.entry(inode))
        return dirent
