"""Rename: two directories, and what the new name may replace."""

from __future__ import annotations

import errno
import os
import stat

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import Obj, vfs
from mds import entries, inodes
from mds.create import Wish, born, record_created
from mds.inodes import Inode
from mds.mdt import Named, existing
from mds.ops.base import Base
from rpc import Call

# include/uapi/linux/fs.h
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
# include/linux/fs.h, WHITEOUT_MODE and WHITEOUT_DEV: a character device 0:0 that nobody may open.
WHITEOUT_MODE = stat.S_IFCHR


class Rename(Base):
    """Renames within the namespace of one MDT."""

    async def rename(self, call: Call, req: mds_pb2.RenameRequest) -> mds_pb2.RenameReply:
        """Moves a name, or exchanges two; labels stay. Two names of one inode: nothing is asked, nothing happens."""
        _check_flags(req.flags)
        whiteout: Inode | None = None
        async with self._mdt.locked(call, req.source, req.target):
            with self._mdt.store.op(call) as txn:
                source, target = self._sides(txn, call, req)
                moved = existing(source)
                self._structure(txn, req, source, target)
                if target.child is not None and target.child.fid == moved.fid:
                    call.takes("same-inode", walk=True)
                else:
                    self._ask(txn, call, req, source, target)
                    if req.flags & RENAME_EXCHANGE:
                        self._exchange(txn, source, target)
                    else:
                        self._move(txn, source, target, moved)
                    if req.flags & RENAME_WHITEOUT:
                        whiteout = self._white_out(txn, call, source)
                    call.fid = moved.fid
                reply = txn.keep(mds_pb2.RenameReply())
            if whiteout is not None:
                record_created(self._mdt, call, source, whiteout)
        await self._mdt.store.committed(call.transno)
        await self._mdt.store.settled()
        return reply

    def _sides(self, txn: Txn, call: Call, req: mds_pb2.RenameRequest) -> tuple[Named, Named]:
        """Both directories, then the old name, which has to be there, then the new one."""
        parent = self._mdt.searched(txn, call, req.source.parent)
        newparent = self._mdt.searched(txn, call, req.target.parent, role="newparent", ticket=req.target_ticket)
        source = self._mdt.named(txn, parent, req.source.name)
        existing(source)
        return source, self._mdt.named(txn, newparent, req.target.name)

    def _structure(self, txn: Txn, req: mds_pb2.RenameRequest, source: Named, target: Named) -> None:
        """fs/namei.c, do_renameat2: what needs no permission to be refused."""
        moved = existing(source)
        if target.child is not None and req.flags & RENAME_NOREPLACE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(target.name))
        swaps = req.flags & RENAME_EXCHANGE
        if swaps:
            existing(target)
        self._slashes(req, moved, target)
        if moved.is_dir and entries.within(txn, target.parent.fid, moved.fid):
            raise OSError(errno.EINVAL, "a directory cannot be moved into itself", os.fsdecode(source.name))
        replaced = target.child
        above = replaced is not None and replaced.is_dir and replaced.fid != moved.fid
        if replaced is not None and above and entries.within(txn, source.parent.fid, replaced.fid):
            number = errno.EINVAL if swaps else errno.ENOTEMPTY
            raise OSError(number, os.strerror(number), os.fsdecode(target.name))
        if target.parent.nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "the directory was removed", os.fsdecode(target.name))

    def _slashes(self, req: mds_pb2.RenameRequest, moved: Inode, target: Named) -> None:
        """A slash behind either name is for a directory that is moved; in an exchange each speaks for itself."""
        swaps = req.flags & RENAME_EXCHANGE
        wrong = swaps and req.target.slash and not existing(target).is_dir
        if wrong or (not moved.is_dir and (req.source.slash or (req.target.slash and not swaps))):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fsdecode(target.name))

    def _ask(self, txn: Txn, call: Call, req: mds_pb2.RenameRequest, source: Named, target: Named) -> None:
        exchange = bool(req.flags & RENAME_EXCHANGE)
        case = "exchange" if exchange else "plain" if target.child is None else "replace"
        call.takes("whiteout" if req.flags & RENAME_WHITEOUT else case, walk=True)
        moved, replaced = existing(source), target.child
        vfs.run(
            "exchange" if exchange else "rename", call.lsm, parent=self._mdt.obj(source.parent, "parent"),
            object=self._mdt.obj(moved, name=source.name), newparent=self._mdt.obj(target.parent, "newparent"),
            target=replaced and self._mdt.obj(replaced, "target", target.name), what=os.fsdecode(target.name),
            entries=entries.count(txn, replaced.fid) if replaced else 0,
        )  # fmt: skip

    def _move(self, txn: Txn, source: Named, target: Named, moved: Inode) -> None:
        entries.remove(txn, source.parent.fid, source.name)
        if target.child is not None:
            entries.replace(txn, target.parent.fid, target.name, moved.fid)
            self._mdt.drop_name(txn, target.child)
        else:
            entries.add(txn, target.parent.fid, target.name, moved.fid)
        inodes.update(txn, moved.fid, ctime_ns=self._mdt.now())
        went = target.child is not None and target.child.is_dir
        self._count(txn, source, target, came=moved.is_dir, went=went)

    def _exchange(self, txn: Txn, source: Named, target: Named) -> None:
        """Two names change places, and with a directory its `..`."""
        moved, other = existing(source), existing(target)
        entries.replace(txn, source.parent.fid, source.name, other.fid)
        entries.replace(txn, target.parent.fid, target.name, moved.fid)
        for each in (moved, other):
            inodes.update(txn, each.fid, ctime_ns=self._mdt.now())
        self._count(txn, source, target, came=moved.is_dir, went=other.is_dir, back=True)

    def _white_out(self, txn: Txn, call: Call, source: Named) -> Inode:
        """RENAME_WHITEOUT: a new device takes the old name, labelled as one and asked for by no hook of its own."""
        wish = Wish("whiteout", WHITEOUT_MODE, 0)
        if call.subject.fscreate is not None:
            call.lsm.check("setprocattr", "fscreate", call.subject.fscreate)
        new = Obj("new", "chr_file", mode=WHITEOUT_MODE, name=os.fsdecode(source.name))
        inode = born(self._mdt, txn, call, source, wish, self._mdt.obj(source.parent, "parent"), new)
        inodes.insert(txn, inode)
        entries.add(txn, source.parent.fid, source.name, inode.fid)
        return inode

    def _count(self, txn: Txn, source: Named, target: Named, *, came: bool, went: bool, back: bool = False) -> None:
        """A directory counts as a link of its parent: one `came` to the target, and one `went` from there, `back` to
        the source or for good."""
        more = {source.parent.fid: 0, target.parent.fid: 0}
        more[source.parent.fid] += (went and back) - came
        more[target.parent.fid] += came - went
        for parent in (source.parent, target.parent):
            self._mdt.touch(txn, parent, nlink=inodes.links(parent.nlink, more[parent.fid]))


def _check_flags(flags: int) -> None:
    """EINVAL for flags that are not known, or exclude each other (fs/namei.c, do_renameat2)."""
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT):
        raise OSError(errno.EINVAL, f"rename flags {flags:#x}")
    if flags & RENAME_EXCHANGE and flags != RENAME_EXCHANGE:
        raise OSError(errno.EINVAL, "an exchange neither keeps its target nor leaves a whiteout")
