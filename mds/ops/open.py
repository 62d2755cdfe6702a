"""Open, which may create or truncate; what an open file can then be asked."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Denied, Fid, dac, vfs
from lsm.hooks import MAY_EXEC, MAY_READ, Opened
from mds import entries, inodes, privs
from mds.create import PERMISSIONS, Wish, create, record_created
from mds.handles import Handle
from mds.inodes import Inode
from mds.mdt import Named, existing
from mds.ops.base import Base, Leased
from mds.osts import Glimpsed
from rpc import Call, fid_message
from rpc.context import task_digest

# How long the OSTs take a token; ns.
TOKEN_NS = 3600 * 10**9
COOKIE_MAX = (1 << 63) - 1
PAGE_ENTRIES = 256

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
    """Open, close, readdir."""

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

    # --- open --------------------------------------------------------------------------------------------------

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
        named = self._mdt.look_up(txn, call, req.place.name)
        return named, named.child if req.flags & os.O_CREAT else existing(named)

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
        inode = replace(create(self._mdt, txn, call, nowhere, wish), nlink=0)
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
            inode = self._cut(txn, call, inode)
        inode, handle = self._opened(txn, call, inode, dac.file_mask(req.flags))
        return Outcome(inode, handle)

    def _may_open(self, call: Call, req: mds_pb2.OpenRequest, named: Named | None, inode: Inode) -> bool:
        """The checks of an open of what is there; whether it is to be emptied."""
        if req.flags & os.O_CREAT and req.flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(inode.fid))
        cut = bool(req.flags & os.O_TRUNC) and inode.is_file
        call.takes("truncate" if cut else "existing")
        obj, mask = self._mdt.obj(inode), dac.file_mask(req.flags)
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
            vfs.run("ftruncate", call.lsm, object=obj, attrs=_SIZE)
        return cut

    def _cut(self, txn: Txn, call: Call, inode: Inode) -> Inode:
        """O_TRUNC: empty, and without what a change of content takes (fs/open.c, do_truncate)."""
        privs.drop_capabilities(txn, inode)
        settled = self._mdt.handles.writers(inode.fid) == 0
        self._mdt.touch(txn, inode, size=0, size_valid=settled, **privs.cut(call, inode))
        return self._mdt.inode(txn, inode.fid)

    async def _emptied(self, call: Call, req: mds_pb2.OpenRequest, inode: Inode) -> mds_pb2.OpenReply:
        """O_TRUNC, second half: the OSTs cut their objects, then everything is asked again, and opened."""
        await self._mdt.osts.punch(inode, self.entry(inode), 0, call, call.subject)
        call.rechecks()
        with self._mdt.store.op(call) as txn:
            named, found = self._target(txn, call, req)
            if found is None or found.fid != inode.fid:
                raise OSError(errno.ESTALE, f"{inode.fid} is gone")
            self._may_open(call, req, named, found)
            found = self._cut(txn, call, found)
            found, handle = self._opened(txn, call, found, dac.file_mask(req.flags))
            reply = self._reply(txn, call, Outcome(found, handle))
        await self._mdt.store.committed(call.transno)
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
            inode = replace(inode, size_valid=False, objects=True)
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
        token = context_pb2.Token(
            fid=fid_message(inode.fid), subject=handle.opener.digest, rights=handle.mask,
            policy_seqno=handle.opened.seqno, expires_ns=self._mdt.now() + TOKEN_NS,
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
        return replace(inode, labels=labels, label_version=opened.version)

    # --- close and readdir -------------------------------------------------------------------------------------

    async def _final(self, call: Call, handle: Handle) -> Glimpsed | None:
        """Size and times when nobody writes any more; None if that is not so, or an OST cannot be asked now."""
        if not handle.writes or self._mdt.handles.writers(handle.fid):
            return None
        inode = inodes.get(Txn(self._mdt.store.db), handle.fid)
        if inode is None or not inode.is_file or inode.nlink == 0:
            return None
        try:
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
            )  # fmt: skip

    def _read(self, txn: Txn, call: Call, fid: Fid, age_ns: int) -> None:
        """A file that was read through a handle: the atime moves as it ends, as Lustre has it (mdt_mfd_close).

        Not if the inode has changed since: then it may have been given another atime, and counts as unread anyway.
        """
        inode = inodes.get(txn, fid)
        at_ns = self._mdt.now() - age_ns
        if inode is not None and inode.ctime_ns < at_ns:
            self._mdt.accessed(txn, call, inode, at_ns)

    def _dirent(self, txn: Txn, found: entries.Dirent, plus: bool) -> mds_pb2.Dirent:
        inode = self._mdt.inode(txn, found.fid)
        dirent = mds_pb2.Dirent(
            name=found.name, cookie=found.cookie, type=inode.mode & 0o170000, fid=fid_message(found.fid)
        )
        if plus:
            dirent.entry.CopyFrom(self.entry(inode))
        return dirent


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
