"""What a file loses when somebody writes to it, cuts it or gives it away: set-id bits, and file capabilities.

Rules: lsm/dac.py (lost_with_owner, lost_with_content), fs/open.c (do_truncate), security/commoncap.c
(cap_inode_killpriv).
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field

from host.store import Txn
from lsm import Obj, dac
from mds import filecaps, inodes
from mds.inodes import Inode
from rpc import Call


@dataclass(slots=True)
class Cut:
    """What a file loses as content goes: worked out in the midst of the checks (lsm/vfs/attr.py, _drops_set_id), and
    after them settled, which gives the `columns` that change then."""

    call: Call
    inode: Inode
    obj: Obj
    lost: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    def __call__(self) -> None:
        self.lost = dac.lost_with_content(self.call.lsm, self.obj)

    def settle(self) -> None:
        if self.lost:
            mode = self.inode.mode & ~self.lost
            self.columns = {"mode": dac.copied_mode(self.call.lsm, self.obj, mode, self.inode.gid)}

    def settled(self, writers: int, *, known: bool) -> bool:
        """Whether the size is this server's to know from here on: nobody writes, nor could by a token that he kept, and
        take what has been left. Of a file whose size was `known` before the cut, such tokens have ended."""
        left = written(self.columns.get("mode", self.inode.mode), outsider=True)
        return not writers and (known or not left)


def written(mode: int, *, outsider: bool) -> int:
    """The mode bits that a write without CAP_FSETID has taken; `outsider`: by who is not of the file's group."""
    sgid = stat.S_ISGID if outsider or mode & stat.S_IXGRP else 0
    return mode & (stat.S_ISUID | sgid)


def drop_capabilities(txn: Txn, inode: Inode) -> None:
    """File capabilities go with any change of content or owner, also by root."""
    if not inode.is_dir:
        inodes.remove_xattr(txn, inode.fid, filecaps.XATTR)


def at_stake(txn: Txn, inode: Inode) -> bool:
    """Whether a write that this server has not heard of may have taken something from the file."""
    return inode.is_file and not inode.size_valid and loses(txn, inode)


def loses(txn: Txn, inode: Inode) -> bool:
    """Whether a write without CAP_FSETID takes something from the file."""
    return bool(written(inode.mode, outsider=True)) or inodes.xattr(txn, inode.fid, filecaps.XATTR) is not None


def moved(txn: Txn, before: Inode, *, ended: bool = True) -> Inode | None:
    """The inode, if its mode or owner are others than `before`, where a write takes bits of it or did, and somebody may
    be about to write: then the OSTs that he has it open at are to be told. It is noted as untold, durably as the change
    itself, until they are. Where not all tokens have `ended` of a closed file, somebody may be, too."""
    now = inodes.get(txn, before.fid)
    if now is None or not now.is_file:
        return None
    if not ended:
        inodes.update(txn, now.fid, untold=True, size_valid=False)
    if now.size_valid or now.attr_version == before.attr_version:
        return None
    if not (before.mode | now.mode) & (stat.S_ISUID | stat.S_ISGID):
        return None
    inodes.update(txn, now.fid, untold=True)
    return now
