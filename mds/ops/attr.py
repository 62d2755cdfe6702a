"""Attributes: access, stat, and what chmod, chown, utimes and truncate change."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from host.store import Txn
from host.stripes import OBJECT_BYTES_MAX
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Obj, Subject, acl, dac, vfs
from lsm.hooks import MAY_EXEC, MAY_READ, MAY_WRITE
from mds import inodes, privs
from mds.inodes import Inode
from mds.ops.base import Base, Leased
from rpc import Call

PERMISSIONS = 0o7777
# (uid_t)-1 and (gid_t)-1 are nobody's (kernel/user_namespace.c).
NO_ID = (1 << 32) - 1


class Attr(Base):
    """Access, getattr and setattr."""

    async def access(self, call: Call, req: mds_pb2.AccessRequest) -> mds_pb2.AccessReply:
        """What the subject may do there; access(2) counts no capabilities but root's (access_override_creds)."""
        if req.mask & ~(MAY_READ | MAY_WRITE | MAY_EXEC):
            raise OSError(errno.EINVAL, f"access mode {req.mask:#o}")
        op = "chdir" if req.chdir else "access"
        call.takes(op)
        m = call.lsm if req.effective or req.chdir else call.lsm.acting_for(_as_access(call.subject))
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place, path=True)
            vfs.run(op, m, object=self._mdt.obj(inode), mask=req.mask)
        await self._mdt.store.settled()
        if not req.chdir:
            return mds_pb2.AccessReply()
        return mds_pb2.AccessReply(entry=self.entry(inode), ticket=self._mdt.ticket(call, inode.fid))

    async def getattr(self, call: Call, req: mds_pb2.GetattrRequest) -> mds_pb2.AttrReply:
        """Attributes as of the check; the size of a file that may be growing is asked of its OSTs after it."""
        if req.end:
            return await self._end(call, req)
        call.takes("open" if req.place.WhichOneof("by") == "handle" else "stat")
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place, path=True)
            vfs.run("getattr", call.lsm, object=self._mdt.obj(inode), follow=req.follow)
        await self._mdt.store.settled()
        if inode.is_file and not inode.size_valid:
            inode = (await self._mdt.osts.glimpse(inode, call, call.subject)).merged(inode)
        return self.attr_reply(call, inode)

    async def _end(self, call: Call, req: mds_pb2.GetattrRequest) -> mds_pb2.AttrReply:
        """Where an open file ends: told to whoever opened it (fs/read_write.c, generic_file_llseek);
        the OSTs are asked by the MDS."""
        if req.place.WhichOneof("by") != "handle":
            raise OSError(errno.EINVAL, "the end of a file is told by its handle only")
        call.takes("end")
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place)
        await self._mdt.store.settled()
        known = inode.size_valid or not inode.is_file
        size = inode.size if known else (await self._mdt.osts.glimpse(inode, call)).size
        return mds_pb2.AttrReply(attr=context_pb2.Attr(size=size))

    async def setattr(self, call: Call, req: mds_pb2.SetattrRequest) -> mds_pb2.AttrReply:
        """chmod, chown, utimes in one step; a size is told to the OSTs between two."""
        if req.HasField("size"):
            try:
                return await self._truncate(call, req)
            except Leased as refusal:
                await self._given_way(refusal)
                raise
        attrs = _validated(req)
        call.takes("attr")
        async with self._mdt.locked(call, req.place):
            if _chowns(req):
                # Where an OST cannot say what is gone, what is known goes: no bit more stays for that.
                with suppress(OSError):
                    await self._catch_up(call, req.place)
            gives, may = privs.written(req.mode, outsider=True), partial(self._may_setattr, call, req, attrs)
            ended = not gives or await self._ended(call, req.place, may)
            with self._mdt.store.op(call) as txn:
                inode, changes = may(txn)
                inodes.update(txn, inode.fid, **changes)
                if _chowns(req):
                    privs.drop_capabilities(txn, inode)
                if req.HasField("mode") and inode.acl:
                    listed = acl.with_mode(acl.parse(inode.acl), changes.get("mode", inode.mode))
                    inodes.set_xattr(txn, inode.fid, acl.ACCESS, acl.encode(listed))
                call.fid = inode.fid
                moved = privs.moved(txn, inode, ended=ended)
                reply = txn.keep(self.attr_reply(call, self._mdt.inode(txn, inode.fid)))
            await self._mdt.store.committed(call.transno)
            await self._tell(call, moved)
        return reply

    def _may_setattr(
        self, call: Call, req: mds_pb2.SetattrRequest, attrs: frozenset[str], txn: Txn
    ) -> tuple[Inode, Mapping[str, int]]:  # fmt: skip
        """The checks: the inode, and the columns to change."""
        inode = self._mdt.find(txn, call, req.place)
        obj = self._mdt.obj(inode)
        lost = dac.lost_with_owner(call.lsm, obj) if _chowns(req) else 0
        asked = attrs | {"mode"} if lost else attrs
        vfs.run("setattr", call.lsm, object=obj, attrs=asked, new_attrs={"uid": req.uid, "gid": req.gid})
        return inode, self._changes(call, inode, obj, req, lost)

    def _changes(
        self, call: Call, inode: Inode, obj: Obj, req: mds_pb2.SetattrRequest, lost: int
    ) -> Mapping[str, int]:  # fmt: skip
        """The columns that a setattr changes (fs/attr.c, setattr_copy); `lost`: mode bits that go with the owner."""
        now = self._mdt.now()
        changes: dict[str, int] = {"ctime_ns": now}
        for field, column in (("uid", "uid"), ("gid", "gid"), ("atime_ns", "atime_ns"), ("mtime_ns", "mtime_ns")):
            if req.HasField(field) and not (req.uid == NO_ID and column in ("uid", "gid")):
                changes[column] = getattr(req, field)
        if req.now:
            changes |= {"atime_ns": now, "mtime_ns": now}
        mode = _new_mode(call, obj, req, lost)
        # The same mode again is set all the same: it overrules what writes, which may not be known here, took before.
        return changes | {"mode": mode} if req.HasField("mode") or mode != inode.mode else changes

    async def _truncate(self, call: Call, req: mds_pb2.SetattrRequest) -> mds_pb2.AttrReply:
        """Check and note that the OSTs know the size; cut there; check again and store the size."""
        if {field.name for field, _ in req.ListFields()} - {"place", "size"}:
            raise OSError(errno.EINVAL, "a size is set alone")
        opened = req.place.WhichOneof("by") == "handle"
        call.takes("ftruncate" if opened else "truncate")
        async with self._mdt.locked(call, req.place):
            await self._catch_up(call, req.place)
            with self._mdt.store.op(call) as txn:
                inode, _ = self._may_truncate(txn, call, req)
                known = inode.size_valid
                inodes.update(txn, inode.fid, size_valid=False, objects=True)
            await self._mdt.store.committed(call.transno)
            await self._mdt.osts.punch(inode, self.entry(inode), req.size, call, call.subject)
            call.rechecks()
            with self._mdt.store.op(call) as txn:
                inode, cut = self._may_truncate(txn, call, req)
                reply = txn.keep(self._truncated(txn, call, req.size, cut, known=known))
                moved = privs.moved(txn, inode)
            await self._mdt.store.committed(call.transno)
            await self._tell(call, moved)
        return reply

    def _may_truncate(self, txn: Txn, call: Call, req: mds_pb2.SetattrRequest) -> tuple[Inode, privs.Cut]:
        inode = self._mdt.find(txn, call, req.place)
        opened = req.place.WhichOneof("by") == "handle"
        if opened and not self._mdt.handle(call, req.place.handle).writes:
            raise OSError(errno.EINVAL, "the file is not open for writing")
        obj: Obj = self._mdt.obj(inode)
        attrs = frozenset({"size", "file"} if opened else {"size"})
        cut = privs.Cut(call, inode, obj)
        vfs.run("ftruncate" if opened else "truncate", call.lsm, object=obj, attrs=attrs, drops=cut)
        if not opened:
            self._breaks_leases(call, inode, write=True)
        limit = OBJECT_BYTES_MAX * len(inode.osts)
        if req.size > limit:
            raise OSError(errno.EFBIG, f"{os.strerror(errno.EFBIG)}: {req.size} bytes; {limit} are the most")
        cut.settle()
        return inode, cut

    def _truncated(self, txn: Txn, call: Call, size: int, cut: privs.Cut, *, known: bool) -> mds_pb2.AttrReply:
        inode = cut.inode
        settled = cut.settled(self._mdt.handles.writers(inode.fid), known=known)
        privs.drop_capabilities(txn, inode)
        self._mdt.touch(txn, inode, size=size, size_valid=settled, **cut.columns)
        call.fid = inode.fid
        return self.attr_reply(call, self._mdt.inode(txn, inode.fid))


def _as_access(subject: Subject) -> Subject:
    """The subject with the capabilities that its real uid, which is the only one here, gives it."""
    effective = subject.caps.permitted if subject.uid == 0 else 0
    return replace(subject, caps=replace(subject.caps, effective=effective))


def _validated(req: mds_pb2.SetattrRequest) -> frozenset[str]:
    """What is to change, in the words of inode_setattr; EINVAL for values that no inode can have."""
    if req.HasField("mode") and req.mode & ~PERMISSIONS:
        raise OSError(errno.EINVAL, f"mode {req.mode:o} holds more than permissions")
    if NO_ID in (req.uid, req.gid) and req.uid != req.gid:
        raise OSError(errno.EINVAL, f"{NO_ID} is no uid or gid")
    if req.now and (req.HasField("atime_ns") or req.HasField("mtime_ns")):
        raise OSError(errno.EINVAL, "times are either the server's or the caller's")
    words = {"mode": "mode", "uid": "uid", "gid": "gid", "atime_ns": "atime_set", "mtime_ns": "mtime_set"}
    attrs = {word for field, word in words.items() if req.HasField(field)}
    if req.now:
        attrs.add("touch")
    if req.uid == NO_ID:
        return frozenset(attrs - {"uid", "gid"})
    if not attrs:
        raise OSError(errno.EINVAL, "nothing to change")
    return frozenset(attrs)


def _new_mode(call: Call, obj: Obj, req: mds_pb2.SetattrRequest, lost: int) -> int:
    """chmod without a set-gid that is not the caller's to give; chown's loss of set-id (fs/attr.c, fs/open.c)."""
    if not req.HasField("mode") and not lost:
        return obj.mode
    mode = stat.S_IFMT(obj.mode) | req.mode if req.HasField("mode") else obj.mode & ~lost
    return dac.copied_mode(call.lsm, obj, mode, req.gid if req.HasField("gid") and req.gid != NO_ID else obj.gid)


def _chowns(req: mds_pb2.SetattrRequest) -> bool:
    return req.HasField("uid") or req.HasField("gid")
