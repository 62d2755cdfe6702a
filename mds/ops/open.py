"""Open, which may create or truncate."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Denied, dac, vfs
from lsm.hooks import Opened
from mds import inodes, privs
from mds.create import PERMISSIONS, Wish, create, may_create, record_created
from mds.entries import NAME_BYTES_MAX
from mds.handles import Handle
from mds.inodes import Inode
from mds.mdt import Named, existing
from mds.ops.base import Base, Leased
from rpc import Call, fid_message
from rpc.context import task_digest

# How long the OSTs take a token; ns.
TOKEN_NS = 3600 * 10**9

O_PATH, O_TMPFILE = os.O_PATH, os.O_TMPFILE
# O_TMPFILE holds O_DIRECTORY, so that kernels that do not know it refuse it (fs/open.c).
_TMPFILE = O_TMPFILE & ~os.O_DIRECTORY
# Beside O_PATH the others mean nothing (O_PATH_FLAGS).
_BESIDE_PATH = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What concerns the client's own end of an open file, and is ignored here.
_CLIENTS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_SYNC | os.O_DSYNC | 0o100000  # O_LARGEFILE
_KNOWN = (
    os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_APPEND | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NOATIME
    | os.O_DIRECT | O_PATH | O_TMPFILE
)  # fmt: skip
_KNOWN |= _CLIENTS
_SIZE = frozenset({"size", "file", "open"})


@dataclass(slots=True)
class Outcome:
    """What one open came to: the inode and its handle, or the denial that a created file leaves behind."""

    inode: Inode
    handle: Handle | None = None
    created: Named | None = None
    denied: Denied | None = None


class Open(Base):
    """Open."""

    async def open(self, call: Call, req: mds_pb2.OpenRequest) -> mds_pb2.OpenReply:
        """Opens what is there, creating it with O_CREAT, emptying it with O_TRUNC; flags not known are no flags."""
        req = _checked_flags(req)
        try:
            with self._mdt.clients.opening(call):
                return await self._open(call, req)
        except Leased as refusal:
            if not req.flags & os.O_NONBLOCK:
                await self._given_way(refusal)
            raise

    async def _open(self, call: Call, req: mds_pb2.OpenRequest) -> mds_pb2.OpenReply:
        async with self._mdt.locked(call, req.place):
            if req.flags & os.O_TRUNC:
                await self._catch_up(call, req.place)
            with self._mdt.store.op(call) as txn:
                outcome = self._outcome(txn, call, req)
                reply = self._reply(txn, call, outcome)
            if outcome.created is not None:
                return await self._created(call, outcome, reply)
            await self._mdt.store.committed(call.transno)
            await self._mdt.store.settled()
            if outcome.handle is None:
                reply = await self._emptied(call, req, outcome.inode)
        return reply

    def _outcome(self, txn: Txn, call: Call, req: mds_pb2.OpenRequest) -> Outcome:
        named, inode = self._target(txn, call, req)
        if inode is None:
            return self._new(txn, call, req, named)
        if req.flags & O_PATH:
            return self._path(txn, call, req, inode)
        if req.flags & _TMPFILE:
            return self._tmpfile(txn, call, req, inode)
        return self._existing(txn, call, req, named, inode)

    def _target(self, txn: Txn, call: Call, req: mds_pb2.OpenRequest) -> tuple[Named | None, Inode | None]:
        """What is to be opened; no inode: it is to be created, under the name."""
        if req.place.WhichOneof("by") != "name":
            return None, self._mdt.find(txn, call, req.place, path=True)
        name = req.place.name.name
        parent = self._mdt.searched(txn, call, req.place.name.parent)
        if req.flags & os.O_CREAT and len(name) > NAME_BYTES_MAX:
            self._in_vain(call, req, Named(parent, name, None))
        named = self._mdt.named(txn, parent, name)
        return named, named.child if req.flags & os.O_CREAT else existing(named)

    def _in_vain(self, call: Call, req: mds_pb2.OpenRequest, named: Named) -> None:
        """fs/namei.c, lookup_open: whether a file may be made is asked before its name is looked up, and the name, too
        long, then answers for both."""
        call.takes("new")
        with suppress(OSError):
            may_create(self._mdt, call, named, Wish("create", 0o100000 | req.mode & PERMISSIONS, req.umask))

    def _new(self, txn: Txn, call: Call, req: mds_pb2.OpenRequest, named: Named | None) -> Outcome:
        """The file, then the open; a denied open leaves the created file behind, as in the kernel."""
        assert named is not None
        call.takes("new")
        claim = req.claim if req.HasField("claim") else None
        wish = Wish("create", 0o100000 | req.mode & PERMISSIONS, req.umask, claim)
        inode = create(self._mdt, txn, call, named, wish)
        mask = dac.file_mask(req.flags)
        try:
            vfs.run("open_new", call.lsm, object=self._mdt.obj(inode, name=named.name), mask=mask)
        except Denied as denied:
            return Outcome(inode, created=named, denied=denied)
        inode, handle = self._opened(txn, call, inode, mask)
        return Outcome(inode, handle, created=named)

    def _path(self, txn: Txn, call: Call, req: mds_pb2.OpenRequest, inode: Inode) -> Outcome:
        """O_PATH: a handle on the place, which keeps the inode and gives no access to it."""
        call.takes("path")
        vfs.run("open_path", call.lsm, object=self._mdt.obj(inode), flags=req.flags, what=str(inode.fid))
        return Outcome(*self._opened(txn, call, inode, 0, path=True))

    def _tmpfile(self, txn: Txn, call: Call, req: mds_pb2.OpenRequest, directory: Inode) -> Outcome:
        """O_TMPFILE: a file of that directory's without a name, which without O_EXCL may get one later."""
        call.takes("tmpfile")
        claim = req.claim if req.HasField("claim") else None
        wish = Wish("tmpfile", 0o100000 | req.mode & PERMISSIONS, req.umask, claim)
        nowhere = Named(directory, b"", None)
        inode = create(self._mdt, txn, call, nowhere, wish)._replace(nlink=0)
        mask = dac.file_mask(req.flags)
        vfs.run("open_new", call.lsm, object=self._mdt.obj(inode), mask=mask)
        inode, handle = self._opened(txn, call, inode, mask)
        if not req.flags & os.O_EXCL:
            self._mdt.handles.linkable.add(inode.fid)
        return Outcome(inode, handle, created=nowhere)

    def _existing(
        self, txn: Txn, call: Call, req: mds_pb2.OpenRequest, named: Named | None, inode: Inode
    ) -> Outcome:  # fmt: skip
        """No handle in the outcome: the file is to be emptied first."""
        cut = self._may_open(call, req, named, inode)
        if cut and not (inode.size_valid and inode.size == 0):
            inodes.update(txn, inode.fid, size_valid=False, objects=True)
            return Outcome(inode)
        if cut:
            inode = self._cut(txn, cut, known=inode.size_valid)
        inode, handle = self._opened(txn, call, inode, dac.file_mask(req.flags))
        return Outcome(inode, handle)

    def _may_open(self, call: Call, req: mds_pb2.OpenRequest, named: Named | None, inode: Inode) -> privs.Cut | None:
        """The checks of an open of what is there; what it loses if it is to be emptied."""
        if req.flags & os.O_CREAT and req.flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(inode.fid))
        obj, mask = self._mdt.obj(inode), dac.file_mask(req.flags)
        cut = privs.Cut(call, inode, obj) if req.flags & os.O_TRUNC and inode.is_file else None
        call.takes("truncate" if cut else "existing")
        parent = named and self._mdt.obj(named.parent, "parent")
        vfs.run(
            "open", call.lsm, object=obj, parent=parent, flags=req.flags, mask=mask, what=str(inode.fid),
            readers=self._mdt.handles.readers(inode.fid),
        )  # fmt: skip
        waits = not req.flags & os.O_NONBLOCK
        self._breaks_leases(call, inode, write=req.flags & os.O_ACCMODE != os.O_RDONLY, waits=waits)
        if stat.S_ISCHR(inode.mode) and not inode.rdev:
            raise OSError(errno.ENXIO, "a whiteout is no device", str(inode.fid))
        if cut:
            vfs.run("ftruncate", call.lsm, object=obj, attrs=_SIZE, drops=cut)
            cut.settle()
        return cut

    def _cut(self, txn: Txn, cut: privs.Cut, *, known: bool) -> Inode:
        """O_TRUNC: empty, and without what a change of content takes (fs/open.c, do_truncate)."""
        inode = cut.inode
        privs.drop_capabilities(txn, inode)
        settled = cut.settled(self._mdt.handles.writers(inode.fid), known=known)
        self._mdt.touch(txn, inode, size=0, size_valid=settled, **cut.columns)
        return self._mdt.inode(txn, inode.fid)

    async def _emptied(self, call: Call, req: mds_pb2.OpenRequest, inode: Inode) -> mds_pb2.OpenReply:
        """O_TRUNC, second half: the OSTs cut their objects, then everything is asked again, and opened."""
        await self._mdt.osts.punch(inode, self.entry(inode), 0, call, call.subject)
        call.rechecks()
        with self._mdt.store.op(call) as txn:
            named, found = self._target(txn, call, req)
            if found is None or found.fid != inode.fid:
                raise OSError(errno.ESTALE, f"{inode.fid} is gone")
            cut = self._may_open(call, req, named, found)
            before, found = found, self._cut(txn, cut, known=inode.size_valid) if cut else found
            moved = privs.moved(txn, before)
            found, handle = self._opened(txn, call, found, dac.file_mask(req.flags))
            reply = self._reply(txn, call, Outcome(found, handle))
        await self._mdt.store.committed(call.transno)
        await self._tell(call, moved)
        return reply

    def _opened(
        self, txn: Txn, call: Call, inode: Inode, mask: int, *, path: bool = False
    ) -> tuple[Inode, Handle]:  # fmt: skip
        """A handle. The first writer makes the size the OSTs' to know, and that is durable before it writes."""
        self._mdt.clients.check_here(call)
        opened = Opened(inode.label_version, self._mdt.node.policy.seqno, self._mdt.obj(inode).labels)
        handle = self._mdt.handles.open(call.peer.node, call.subject, inode.fid, mask, opened, path=path)
        txn.undo(lambda: self._mdt.handles.close(handle))
        if handle.writes and inode.is_file and inode.size_valid:
            inodes.update(txn, inode.fid, size_valid=False, objects=True)
            inode = inode._replace(size_valid=False, objects=True)
        call.fid = inode.fid
        return inode, handle

    async def _created(self, call: Call, outcome: Outcome, reply: mds_pb2.OpenReply) -> mds_pb2.OpenReply:
        assert outcome.created is not None
        if outcome.denied is None:
            record_created(self._mdt, call, outcome.created, outcome.inode)
            await self._mdt.store.committed(call.transno)
            return reply
        await self._mdt.store.committed(call.transno)
        # The file stays though the call fails, so its label is told apart from the call's own events.
        batch, call.batch = call.batch, self._mdt.node.recorder.batch()
        record_created(self._mdt, call, outcome.created, outcome.inode)
        call.batch.flush()
        call.batch = batch
        raise outcome.denied

    def _reply(self, txn: Txn, call: Call, outcome: Outcome) -> mds_pb2.OpenReply:
        inode, handle = outcome.inode, outcome.handle
        if handle is None:
            return mds_pb2.OpenReply()
        reply = mds_pb2.OpenReply(
            attr=inodes.attr(inode, self._mdt.modules), ticket=self._mdt.ticket(call, inode.fid), handle=handle.id,
            created=outcome.created is not None,
        )  # fmt: skip
        if inode.is_file and not handle.path:
            reply.layout.CopyFrom(inodes.layout(inode))
            reply.token = self._token(inode, handle)
        return txn.keep(reply)

    def _token(self, inode: Inode, handle: Handle) -> bytes:
        policy = self._mdt.node.policy
        token = context_pb2.Token(
            fid=fid_message(inode.fid), subject=handle.opener.digest, rights=handle.mask,
            policy=policy.stamp if policy.seqno == handle.opened.seqno else 0, expires_ns=self._mdt.now() + TOKEN_NS,
            entry=self.entry(self._as_opened(inode, handle.opened)), layout=inodes.layout(inode),
            task=task_digest(handle.opener),
            opener=[context_pb2.Label(name=n, value=v.encode()) for n, v in handle.opener.labels.items()],
        )  # fmt: skip
        return self._mdt.node.seal.token(token)

    def _as_opened(self, inode: Inode, opened: Opened) -> Inode:
        """With labels and their version as of the open, so that an OST asks again after a relabel since then."""
        then = opened.labels or {}
        labels = {
            xattr: value.encode("utf-8", "surrogateescape")
            for xattr, module in self._mdt.modules.items()
            if (value := then.get(module)) is not None
        }
        return inode._replace(labels=labels, label_version=opened.version)


def _checked_flags(req: mds_pb2.OpenRequest) -> mds_pb2.OpenRequest:
    """The request with the flags that count (fs/open.c, build_open_flags). EINVAL for those that exclude each other."""
    flags = req.flags & (_BESIDE_PATH if req.flags & O_PATH else _KNOWN)
    if flags & _TMPFILE and (flags & O_TMPFILE != O_TMPFILE or flags & os.O_ACCMODE == os.O_RDONLY):
        raise OSError(errno.EINVAL, "O_TMPFILE makes a file to write to")
    if flags & os.O_CREAT and flags & os.O_DIRECTORY:
        raise OSError(errno.EINVAL, "O_CREAT and O_DIRECTORY together")
    checked = mds_pb2.OpenRequest()
    checked.CopyFrom(req)
    checked.flags = flags
    return checked
