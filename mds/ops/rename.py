"""Rename: two directories, and what the new name may replace."""

from __future__ import annotations

import errno
import os

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import vfs
from mds import entries, inodes
from mds.inodes import Inode
from mds.mdt import Named, existing
from mds.ops.base import Base
from rpc import Call

# include/uapi/linux/fs.h
RENAME_NOREPLACE = 1


class Rename(Base):
    """Renames within the namespace of one MDT."""

    async def rename(self, call: Call, req: mds_pb2.RenameRequest) -> mds_pb2.RenameReply:
        """Moves a name; labels stay. Two names of one inode: nothing is asked, nothing happens."""
        if req.flags & ~RENAME_NOREPLACE:
            raise OSError(errno.EINVAL, f"rename flags {req.flags:#x}: only RENAME_NOREPLACE is known")
        async with self._mdt.locked(call, req.source, req.target):
            with self._mdt.store.op(call) as txn:
                source, target = self._sides(txn, call, req)
                moved = existing(source)
                self._structure(txn, req, source, target)
                if target.child is not None and target.child.fid == moved.fid:
                    call.takes("same-inode", walk=True)
                else:
                    self._ask(txn, call, source, target)
                    self._move(txn, source, target, moved)
                    call.fid = moved.fid
                reply = txn.keep(mds_pb2.RenameReply())
        await self._mdt.store.committed(call.transno)
        await self._mdt.store.settled()
        return reply

    def _sides(self, txn: Txn, call: Call, req: mds_pb2.RenameRequest) -> tuple[Named, Named]:
        source = self._mdt.look_up(txn, call, req.source)
        return source, self._mdt.look_up(txn, call, req.target, role="newparent", ticket=req.target_ticket)

    def _structure(self, txn: Txn, req: mds_pb2.RenameRequest, source: Named, target: Named) -> None:
        """fs/namei.c, do_renameat2: what needs no permission to be refused."""
        moved = existing(source)
        if target.child is not None and req.flags & RENAME_NOREPLACE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(target.name))
        if moved.is_dir and entries.within(txn, target.parent.fid, moved.fid):
            raise OSError(errno.EINVAL, "a directory cannot be moved into itself", os.fsdecode(source.name))
        replaced = target.child
        above = replaced is not None and replaced.is_dir and replaced.fid != moved.fid
        if replaced is not None and above and entries.within(txn, source.parent.fid, replaced.fid):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), os.fsdecode(target.name))
        if target.parent.nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "the directory was removed", os.fsdecode(target.name))

    def _ask(self, txn: Txn, call: Call, source: Named, target: Named) -> None:
        call.takes("plain" if target.child is None else "replace", walk=True)
        moved, replaced = existing(source), target.child
        vfs.run(
            "rename", call.lsm, parent=self._mdt.obj(source.parent, "parent"),
            object=self._mdt.obj(moved, name=source.name), newparent=self._mdt.obj(target.parent, "newparent"),
            target=replaced and self._mdt.obj(replaced, "target", target.name), what=os.fsdecode(target.name),
            entries=entries.count(txn, replaced.fid) if replaced else 0,
        )  # fmt: skip

    def _move(self, txn: Txn, source: Named, target: Named, moved: Inode) -> None:
        if target.child is not None:
            entries.remove(txn, target.parent.fid, target.name)
            self._mdt.drop_name(txn, target.child)
        entries.remove(txn, source.parent.fid, source.name)
        entries.add(txn, target.parent.fid, target.name, moved.fid)
        inodes.update(txn, moved.fid, ctime_ns=self._mdt.now())
        self._count(txn, source, target, moved)

    def _count(self, txn: Txn, source: Named, target: Named, moved: Inode) -> None:
        """A directory counts as a link of its parent (its `..`)."""
        links = {source.parent.fid: source.parent.nlink}
        links.setdefault(target.parent.fid, target.parent.nlink)
        if moved.is_dir:
            links[source.parent.fid] -= 1
            links[target.parent.fid] += 1
            if target.child is not None:
                links[target.parent.fid] -= 1
        self._mdt.touch(txn, source.parent, nlink=links[source.parent.fid])
        self._mdt.touch(txn, target.parent, nlink=links[target.parent.fid])
