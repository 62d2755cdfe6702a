"""Names: looking one up, giving one to something new or old, taking one away."""

from __future__ import annotations

import errno
import os
import stat

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import vfs
from mds import entries, inodes
from mds.create import Wish, create, record_created
from mds.inodes import Inode
from mds.mdt import Named, existing
from mds.ops.base import Base
from rpc import Call, fid_of

TARGET_BYTES_MAX = 4095
RDEV_MAX = (1 << 32) - 1
# Without the type bits mknod makes a regular file (fs/namei.c, do_mknodat).
_SPECIAL = frozenset({stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK})


class Namespace(Base):
    """The operations on one directory; two are in rename.py."""

    async def lookup(self, call: Call, req: mds_pb2.LookupRequest) -> mds_pb2.LookupReply:
        """One component: search on the directory, then the name. Of a second path: before, where the first ends."""
        second = req.HasField("first")
        call.takes("second" if second else "name")
        with self._mdt.store.op(call) as txn:
            if second:
                self._mdt.searched(txn, call, req.first, role="first", ticket=req.first_ticket)
            if req.name.name in (b".", b".."):
                searched = self._mdt.searched(txn, call, req.name.parent)
                inode = searched if req.name.name == b"." else self._mdt.above(txn, searched)
            else:
                inode = existing(self._mdt.look_up(txn, call, req.name))
            reply = mds_pb2.LookupReply(entry=self.entry(inode), ticket=self._mdt.ticket(call, inode.fid))
        await self._mdt.store.settled()
        return reply

    async def mkdir(self, call: Call, req: mds_pb2.MkdirRequest) -> mds_pb2.AttrReply:
        """A new directory; of the mode's bits, set-id ones are not for the caller to choose (fs/namei.c)."""
        call.takes("new", walk=True)
        mode = stat.S_IFDIR | req.mode & (0o777 | stat.S_ISVTX)
        return await self._make(call, req.name, Wish("mkdir", mode, req.umask, _claim(req)))

    async def mknod(self, call: Call, req: mds_pb2.MknodRequest) -> mds_pb2.AttrReply:
        """A device, fifo, socket, or a regular file that is not opened."""
        kind = stat.S_IFMT(req.mode) or stat.S_IFREG
        if kind == stat.S_IFDIR:
            raise PermissionError(errno.EPERM, "mknod makes no directories; mkdir does")
        if kind != stat.S_IFREG and kind not in _SPECIAL:
            raise OSError(errno.EINVAL, f"no such kind of file: mode {req.mode:o}")
        if req.rdev > RDEV_MAX:
            raise OSError(errno.EINVAL, f"no device number: {req.rdev:#x}")
        regular = kind == stat.S_IFREG
        call.takes("regular" if regular else "special", walk=True)
        # A fifo or a socket has no number (fs/inode.c, init_special_inode).
        rdev = req.rdev if stat.S_ISCHR(kind) or stat.S_ISBLK(kind) else 0
        op = "mknod_regular" if regular else "mknod"
        return await self._make(
            call, req.name, Wish(op, kind | stat.S_IMODE(req.mode), req.umask, _claim(req), rdev=rdev)
        )

    async def symlink(self, call: Call, req: mds_pb2.SymlinkRequest) -> mds_pb2.AttrReply:
        """A symbolic link; its target is any text that a path could be."""
        call.takes("new", walk=True)
        if not req.target:
            raise FileNotFoundError(errno.ENOENT, "a link to nothing")
        if len(req.target) > TARGET_BYTES_MAX:
            raise OSError(errno.ENAMETOOLONG, f"a target of {len(req.target)} bytes; {TARGET_BYTES_MAX} are the most")
        if b"\0" in req.target:
            raise OSError(errno.EINVAL, "a target holds a NUL")
        wish = Wish("symlink", stat.S_IFLNK | 0o777, 0, _claim(req), target=req.target)
        return await self._make(call, req.name, wish)

    async def readlink(self, call: Call, req: mds_pb2.ReadlinkRequest) -> mds_pb2.ReadlinkReply:
        """The target of a link; EINVAL for anything else."""
        call.takes("read")
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place, path=True)
            vfs.run("readlink", call.lsm, object=self._mdt.obj(inode))
            self._mdt.accessed(txn, call, inode)
            reply = mds_pb2.ReadlinkReply(target=inode.target)
        await self._mdt.store.settled()
        return reply

    async def link(self, call: Call, req: mds_pb2.LinkRequest) -> mds_pb2.AttrReply:
        """Another name for an object, whose labels stay."""
        call.takes("link", walk=True)
        source = self._mdt.handle(call, req.handle, path=True).fid if req.handle else fid_of(req.object)
        async with self._mdt.locked(call, req.name, source):
            await self._catch_up(call, source)
            with self._mdt.store.op(call) as txn:
                named = self._mdt.look_up(txn, call, req.name)
                # Whoever holds it open needs no ticket for it.
                inode = (
                    self._mdt.inode(txn, source)
                    if req.handle
                    else self._mdt.reached(txn, call, source, req.object_ticket)
                )
                vfs.run(
                    "link", call.lsm, object=self._mdt.obj(inode), parent=self._mdt.obj(named.parent, "parent"),
                    exists=named.child is not None, what=os.fsdecode(named.name),
                )  # fmt: skip
                linked = self._linked(txn, named, inode)
                call.fid = inode.fid
                reply = txn.keep(self.attr_reply(call, linked))
        await self._mdt.store.committed(call.transno)
        return reply

    async def unlink(self, call: Call, req: mds_pb2.UnlinkRequest) -> mds_pb2.UnlinkReply:
        """Takes a name away; the file goes with its last name and last opener."""
        call.takes("unlink", walk=True)
        return await self._remove(call, req.name, "unlink")

    async def rmdir(self, call: Call, req: mds_pb2.UnlinkRequest) -> mds_pb2.UnlinkReply:
        """Takes an empty directory away."""
        call.takes("rmdir", walk=True)
        return await self._remove(call, req.name, "rmdir")

    async def _make(self, call: Call, name: mds_pb2.Name, wish: Wish) -> mds_pb2.AttrReply:
        async with self._mdt.locked(call, name):
            with self._mdt.store.op(call) as txn:
                named = self._mdt.look_up(txn, call, name)
                inode = create(self._mdt, txn, call, named, wish)
                reply = txn.keep(self.attr_reply(call, inode))
            record_created(self._mdt, call, named, inode)
        await self._mdt.store.committed(call.transno)
        return reply

    def _linked(self, txn: Txn, named: Named, inode: Inode) -> Inode:
        linkable = self._mdt.handles.linkable
        if inode.nlink == 0 and inode.fid not in linkable:
            raise FileNotFoundError(errno.ENOENT, "the file has no name any more")
        if inode.nlink == 0:
            linkable.discard(inode.fid)
            txn.undo(lambda: linkable.add(inode.fid))
        if inode.nlink >= inodes.LINKS_MAX:
            raise OSError(errno.EMLINK, f"{inode.fid} has {inode.nlink} names")
        entries.add(txn, named.parent.fid, named.name, inode.fid)
        self._mdt.touch(txn, named.parent)
        inodes.update(txn, inode.fid, nlink=inode.nlink + 1, ctime_ns=self._mdt.now())
        return self._mdt.inode(txn, inode.fid)

    async def _remove(self, call: Call, name: mds_pb2.Name, op: str) -> mds_pb2.UnlinkReply:
        async with self._mdt.locked(call, name):
            with self._mdt.store.op(call) as txn:
                named = self._mdt.look_up(txn, call, name)
                child = named.child
                vfs.run(
                    op, call.lsm, parent=self._mdt.obj(named.parent, "parent"),
                    object=child and self._mdt.obj(child, name=named.name), what=os.fsdecode(named.name),
                    entries=entries.count(txn, child.fid) if child else 0,
                )  # fmt: skip
                self._unnamed(txn, call, named, existing(named))
                reply = txn.keep(mds_pb2.UnlinkReply())
        await self._mdt.store.committed(call.transno)
        return reply

    def _unnamed(self, txn: Txn, call: Call, named: Named, child: Inode) -> None:
        entries.remove(txn, named.parent.fid, named.name)
        fewer = {"nlink": inodes.links(named.parent.nlink, -1)} if child.is_dir else {}
        self._mdt.touch(txn, named.parent, **fewer)
        self._mdt.drop_name(txn, child)
        call.fid = child.fid


def _claim(req: mds_pb2.MkdirRequest | mds_pb2.MknodRequest | mds_pb2.SymlinkRequest) -> mds_pb2.Claim | None:
    return req.claim if req.HasField("claim") else None
