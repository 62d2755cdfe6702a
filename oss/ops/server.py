"""From an MDS: it asks as itself and for whom it acts, and both must be allowed."""

from __future__ import annotations

import errno

from host.store import Txn
from labelproof.v1 import oss_pb2
from oss import objects
from oss.objects import Object
from oss.ops.base import Base
from oss.ost import check, check_end
from rpc import Call, fid_of

_MODE, _SIZE = frozenset({"mode"}), frozenset({"size", "file"})


class FromMds(Base):
    """What the MDT's changes mean for a file's objects."""

    async def set_label(self, call: Call, req: oss_pb2.SetLabelRequest) -> oss_pb2.OssReply:
        """The object's label from now on. One not there yet is noted, so that a token from before is judged by it.

        A version that is not above the known one is old news: checked, and left at that.
        """
        call.takes("relabel")
        wanted = Object.of(req.entry, req.stripe)
        if fid_of(req.fid) != wanted.fid or not req.label.HasField("value"):
            raise OSError(errno.EPROTO, "a relabel that does not say what it relabels, or to what")
        async with self._ost.store.locks.hold(wanted.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._ost.object_or(txn, wanted)
                obj = o.obj(self._ost.modules)
                check(call, "inode_setxattr", obj, req.label.name, req.label.value, self._ost.fs)
                if not stored or req.label_version > o.label_version:
                    labels = {**(o.labels if stored else wanted.labels), req.label.name: req.label.value}
                    new = o._replace(labels=labels, label_version=req.label_version)
                    objects.put(txn, new)
                    why = "relabel" if call.behalf else "undo"
                    self._ost.record_labels(call, new, o.labels if stored else {}, why)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.OssReply())
        await self._ost.store.committed(call.transno)
        return reply

    async def setattr(self, call: Call, req: oss_pb2.OssSetattrRequest) -> oss_pb2.OssReply:
        """The file's mode and owner from now on, whatever tokens from before say; `closed`: none of them writes now.
        An object that is not there yet is noted with them."""
        call.takes("attr")
        wanted = Object.of(req.entry, req.stripe)
        async with self._ost.store.locks.hold(wanted.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._ost.object_or(txn, wanted)
                check(call, "inode_setattr", o.obj(self._ost.modules), _MODE)
                if req.closed:
                    o = o._replace(closed=max(o.closed, wanted.attr_version))
                self._note(txn, call, o, stored)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.OssReply())
        await self._ost.store.committed(call.transno)
        return reply

    async def punch(self, call: Call, req: oss_pb2.PunchRequest) -> oss_pb2.OssReply:
        """The object's size from now on. What grows, grows by a hole; bytes go only when their end is durable."""
        call.takes("size")
        check_end(req.size)
        wanted = Object.of(req.entry, req.stripe)
        async with self._ost.store.locks.hold(wanted.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._ost.object_or(txn, wanted)
                check(call, "inode_setattr", o.obj(self._ost.modules), _SIZE)
                call.verify()
                self._resize(txn, call, o, stored, req.size)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.OssReply())
            await self._ost.store.committed(call.transno)
            self._ost.files.cut(o.fid, o.stripe, req.size)
        return reply

    def _resize(self, txn: Txn, call: Call, o: Object, stored: bool, size: int) -> None:
        if stored:
            self._ost.files.cut(o.fid, o.stripe, o.size)
        if stored or size:
            self._note(txn, call, o._replace(size=size), stored)

    async def glimpse(self, call: Call, req: oss_pb2.GlimpseRequest) -> oss_pb2.GlimpseReply:
        """The object's end; one that is not there is empty, and judged as the file that the MDS describes."""
        call.takes("size")
        absent = Object.of(req.entry, req.stripe)
        with self._ost.store.op(call) as txn:
            o, stored = self._ost.object_or(txn, absent)
            check(call, "inode_getattr", o.obj(self._ost.modules))
        await self._ost.store.settled()
        return oss_pb2.GlimpseReply(
            size=o.size,
            exists=stored,
            changed_ns=o.changed_ns,
            unprivileged_ns=o.unprivileged_ns,
            outsider_ns=o.outsider_ns,
        )

    async def destroy(self, call: Call, req: oss_pb2.DestroyRequest) -> oss_pb2.OssReply:
        """The object's end; one that is gone stays gone."""
        call.takes("destroy")
        absent = Object.of(req.entry, req.stripe)
        async with self._ost.store.locks.hold(absent.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._ost.object_or(txn, absent)
                obj = o.obj(self._ost.modules)
                # An object is in no directory: it stands for its own parent.
                check(call, "inode_unlink", obj, obj)
                if stored:
                    objects.delete(txn, o.fid, o.stripe)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.OssReply())
            await self._ost.store.committed(call.transno)
            self._ost.files.remove(o.fid, o.stripe)
        return reply
