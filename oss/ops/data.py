"""Data for a token: the MDT decided at open; MAC is asked again when label, policy or the task's context have moved."""

from __future__ import annotations

import errno
import stat
from typing import Any

from host.store import Txn
from labelproof.v1 import context_pb2, oss_pb2
from lsm import dac, vfs
from lsm.hooks import MAY_APPEND, MAY_READ, MAY_WRITE, Opened
from lsm.modules.capability import has
from lsm.objects import FS_APPEND_FL
from oss.objects import Object
from oss.ops.base import Base
from oss.ost import check_end
from rpc import Call, bulk

LENGTH_MAX = 1 << 20

ReadReply = bulk.kind(oss_pb2.ReadReply)


class Data(Base):
    """Reads and writes of one object."""

    async def read(self, call: Call, req: oss_pb2.ReadRequest) -> Any:
        """What the object holds there, short at its end. An object that was never written is empty."""
        call.takes("token")
        token = self._token(call, req.token, req.stripe, MAY_READ)
        if req.length > LENGTH_MAX:
            raise OSError(errno.EINVAL, f"a read of {req.length} bytes; {LENGTH_MAX} are the most")
        wanted = Object.of(token.entry, req.stripe)
        with self._ost.store.op(call) as txn:
            o, _ = self._allowed(txn, call, token, wanted, MAY_READ)
            data = self._ost.files.read(o.fid, o.stripe, req.offset, req.length, o.size)
        await self._ost.store.settled()
        return ReadReply(data=data, size=o.size, judged=self._moved(call, o, token))

    async def write(self, call: Call, req: oss_pb2.WriteRequest) -> oss_pb2.WriteReply:
        """Writes all of it, making the object with its labels first. EFBIG beyond what an object may hold."""
        call.takes("token")
        token = self._token(call, req.token, req.stripe, MAY_WRITE)
        end = req.offset + len(req.data)
        if len(req.data) > LENGTH_MAX:
            raise OSError(errno.EINVAL, f"a write of {len(req.data)} bytes; {LENGTH_MAX} are the most")
        check_end(end)
        wanted = Object.of(token.entry, req.stripe)
        async with self._ost.store.locks.hold(wanted.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._allowed(txn, call, token, wanted, token.rights & (MAY_WRITE | MAY_APPEND))
                grown = self._stamped(call, o._replace(size=max(o.size, end))) if req.data else o
                # The bytes cannot be rolled back, so complete mediation is held before them.
                call.verify()
                self._note(txn, call, grown, stored)
                if req.data:
                    self._ost.files.write(o.fid, o.stripe, req.offset, req.data, o.size)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.WriteReply(size=grown.size, judged=self._moved(call, o, token)))
        await self._ost.store.committed(call.transno)
        return reply

    async def seek(self, call: Call, req: oss_pb2.SeekRequest) -> oss_pb2.SeekReply:
        """The next data or hole of the object; whoever has the file open may know."""
        call.takes("seek")
        token = self._token(call, req.token, req.stripe, 0)
        with self._ost.store.op(call) as txn:
            o, _ = self._ost.object_or(txn, Object.of(token.entry, req.stripe))
            offset = self._ost.files.seek(o.fid, o.stripe, req.offset, o.size, hole=req.hole)
        await self._ost.store.settled()
        return oss_pb2.SeekReply(offset=offset, size=o.size)

    async def fallocate(self, call: Call, req: oss_pb2.FallocateRequest) -> oss_pb2.WriteReply:
        """A hole in place of a range, and an end not before the range's; checked as a write."""
        call.takes("token")
        token = self._token(call, req.token, req.stripe, MAY_WRITE)
        if req.zero and token.entry.flags & FS_APPEND_FL:
            # fs/open.c, vfs_fallocate: before anybody is asked.
            raise PermissionError(errno.EPERM, "what may only be appended to has no bytes taken away")
        end = req.offset + req.length
        check_end(end)
        wanted = Object.of(token.entry, req.stripe)
        async with self._ost.store.locks.hold(wanted.fid):
            with self._ost.store.op(call) as txn:
                o, stored = self._allowed(txn, call, token, wanted, token.rights & (MAY_WRITE | MAY_APPEND))
                now = self._stamped(call, o._replace(size=max(o.size, end) if req.grow else o.size))
                call.verify()
                self._note(txn, call, now, stored)
                self._ost.files.cut(o.fid, o.stripe, o.size)
                if req.zero:
                    self._ost.files.punch(o.fid, o.stripe, req.offset, end)
                call.fid = o.fid
                reply = txn.keep(oss_pb2.WriteReply(size=now.size))
        await self._ost.store.committed(call.transno)
        return reply

    def _stamped(self, call: Call, o: Object) -> Object:
        """The object as written to now, by this subject, which without CAP_FSETID takes the set-id bits.

        Bits that no server here has been told of are the MDT's to take, by the times that are noted.
        """
        now, mode = call.clock.wall_ns(), self._mode_kept(call, o)
        if mode == o.mode and has(call.subject, "fsetid"):
            return o._replace(changed_ns=now)
        outsider_ns = o.outsider_ns if call.subject.in_group(o.gid) else now
        return o._replace(mode=mode, changed_ns=now, unprivileged_ns=now, outsider_ns=outsider_ns)

    def _mode_kept(self, call: Call, o: Object) -> int:
        """The mode that a write leaves; nobody is asked where there are no set-id bits."""
        if not o.mode & (stat.S_ISUID | stat.S_ISGID):
            return o.mode
        obj = o.obj(self._ost.modules)
        lost = dac.lost_with_content(call.lsm, obj)
        return dac.copied_mode(call.lsm, obj, o.mode & ~lost, o.gid) if lost else o.mode

    def _token(self, call: Call, data: bytes, stripe: int, right: int) -> context_pb2.Token:
        """The token, if it is good for this stripe, here, and for that, if for anything. EACCES, EINVAL, EBADF."""
        token = self._ost.node.seal.check_token(call, data, call.clock.wall_ns())
        if stripe >= len(token.layout.osts):
            raise OSError(errno.EINVAL, f"stripe {stripe} of a file with {len(token.layout.osts)}")
        if token.layout.osts[stripe] != self._ost.node.name:
            raise OSError(errno.EINVAL, f"stripe {stripe} is on {token.layout.osts[stripe]}, not {self._ost.node.name}")
        if right and not token.rights & right:
            raise OSError(errno.EBADF, "the file was not opened for that")
        return token

    def _allowed(
        self, txn: Txn, call: Call, token: context_pb2.Token, wanted: Object, mask: int
    ) -> tuple[Object, bool]:
        """The object, after MAC was asked as for an open file; the labels that count are those stored here.

        ESTALE for a write by who has closed the file, as far as that is known here.
        """
        o, stored = self._ost.object_or(txn, wanted)
        if mask & MAY_WRITE and wanted.attr_version < o.closed:
            raise OSError(errno.ESTALE, f"the token for {o.fid} is of a handle that was closed; open the file again")
        obj, opener = o.obj(self._ost.modules), self._ost.node.seal.opener(call, token)
        policy = self._ost.node.policy
        # The MDS has a count of its own, so that it is not by its number that a policy is the same here.
        seqno = policy.seqno if token.policy == policy.stamp else 0
        opened = Opened(token.entry.label_version, seqno, wanted.obj(self._ost.modules).labels)
        held = obj if opener is None else obj._replace(opener=opener)
        vfs.run("file", call.lsm, object=held, mask=mask, opened=opened)
        return o, stored

    def _moved(self, call: Call, o: Object, token: context_pb2.Token) -> bool:
        """Whether label, policy or who asks may be others than when the token was given."""
        then, now = (token.entry.label_version, token.policy), self._ost.node.policy.stamp
        moved = then != (o.label_version, now)
        return moved or self._ost.node.seal.opener(call, token) is not None
