"""Setting a label: it must be the same on the MDT and on every object of the file, or nowhere.

1. Check, and note what is to be done (a durable intent; nothing else changes).
2. Tell every OST, which check too: this server, and whom it acts for.
3. Check again; store the label under its next version, and forget the intent.

If 2 or 3 fails, the OSTs get the old label back under a still higher version. A crash in between leaves the intent, and
the restart undoes it.
"""

from __future__ import annotations

import errno
import os

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import vfs
from mds import inodes, labels, relabels
from mds.inodes import Inode
from mds.ops.base import Base
from mds.relabels import Relabel, labelled
from rpc import Call
from rpc.status import failure

# include/uapi/linux/xattr.h, limits.h
XATTR_CREATE, XATTR_REPLACE = 1, 2
NAME_CHARS_MAX = 255
VALUE_BYTES_MAX = 65536

Request = mds_pb2.GetxattrRequest | mds_pb2.SetxattrRequest | mds_pb2.RemovexattrRequest


class Label(Base):
    """Setxattr of a label that a module here keeps, and what all operations on xattrs begin with."""

    def found(self, txn: Txn, call: Call, req: Request) -> Inode:
        """The object; then whether name and value can be such at all (fs/xattr.c, path_setxattr: in this order)."""
        inode: Inode = self._mdt.find(txn, call, req.place)
        if isinstance(req, mds_pb2.SetxattrRequest) and req.flags & ~(XATTR_CREATE | XATTR_REPLACE):
            raise OSError(errno.EINVAL, f"xattr flags {req.flags:#x}: XATTR_CREATE and XATTR_REPLACE are known")
        self._check_name(req.name)
        if isinstance(req, mds_pb2.SetxattrRequest) and len(req.value) > VALUE_BYTES_MAX:
            raise OSError(errno.E2BIG, f"a value of {len(req.value)} bytes; {VALUE_BYTES_MAX} are the most")
        return inode

    async def _relabel(self, call: Call, req: mds_pb2.SetxattrRequest) -> mds_pb2.SetxattrReply:
        call.takes("label")
        async with self._mdt.locked(call, req.place):
            for fid in self._mdt.peeked(call, [req.place]):
                if not await self._mdt.relabels.settled(fid):
                    raise failure(errno.EIO, f"an earlier relabel of {fid} cannot be undone yet", sure=True)
            with self._mdt.store.op(call) as txn:
                inode, relabel = self._wanted(txn, call, req)
                if inode.is_file:
                    relabels.begin(txn, relabel)
                    inodes.update(txn, inode.fid, objects=True)
                else:
                    reply = self._set(txn, call, inode, relabel)
            if not inode.is_file:
                await self._mdt.store.committed(call.transno)
                return reply
            await self._mdt.store.committed(call.transno)
            try:
                return await self._distributed(call, req, inode, relabel)
            except Exception:
                if not await self._mdt.relabels.undo(relabel):
                    self._mdt.reaper.wake()
                raise

    async def _distributed(
        self, call: Call, req: mds_pb2.SetxattrRequest, inode: Inode, relabel: Relabel
    ) -> mds_pb2.SetxattrReply:
        await self._mdt.relabels.push(inode, relabel, call, call.subject)
        call.rechecks()
        with self._mdt.store.op(call) as txn:
            inode, _ = self._wanted(txn, call, req)
            relabels.end(txn, inode.fid)
            reply = self._set(txn, call, inode, relabel)
        await self._mdt.store.committed(call.transno)
        return reply

    def _wanted(self, txn: Txn, call: Call, req: mds_pb2.SetxattrRequest) -> tuple[Inode, Relabel]:
        """The whole check, and the relabel that it allows, with the label as its module will keep it."""
        inode = self.found(txn, call, req)
        obj = self._mdt.obj(inode)
        vfs.run("setxattr", call.lsm, object=obj, name=req.name, value=req.value, fs=self._mdt.fs)
        old = inode.labels.get(req.name)
        check_flags(req, old)
        canonical = dict(call.framework.overriders("inode_setsecurity"))[self._mdt.modules[req.name]]
        new: str = canonical(call.subject, obj, req.name, req.value)
        return inode, Relabel(inode.fid, req.name, old, new.encode(), inode.label_version + 1)

    @staticmethod
    def _check_name(name: str) -> None:
        """ERANGE, EINVAL for what can be no name."""
        if not name or len(name.encode()) > NAME_CHARS_MAX:
            raise OSError(errno.ERANGE, f"the name of an xattr has 1 to {NAME_CHARS_MAX} bytes")
        if "\0" in name:
            raise OSError(errno.EINVAL, f"{name!r} cannot be the name of an xattr")

    def _set(self, txn: Txn, call: Call, inode: Inode, relabel: Relabel) -> mds_pb2.SetxattrReply:
        inodes.set_xattr(txn, inode.fid, relabel.name, relabel.new)
        inodes.update(txn, inode.fid, label_version=relabel.version, ctime_ns=self._mdt.now())
        call.fid = inode.fid
        new = labelled(inode, relabel)
        # The step gets its transno as it ends; it is the next one, since nothing comes between.
        transno = self._mdt.store.transno + 1
        labels.record(self._mdt.node, call.batch, new, relabel.name, relabel.old, "set", transno, call=call)
        return txn.keep(mds_pb2.SetxattrReply(label_version=new.label_version))


def check_flags(req: mds_pb2.SetxattrRequest, old: bytes | None) -> None:
    """XATTR_CREATE and XATTR_REPLACE against what is stored."""
    if req.flags & XATTR_CREATE and old is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), req.name)
    if req.flags & XATTR_REPLACE and old is None:
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), req.name)
