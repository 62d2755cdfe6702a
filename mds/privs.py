"""What a file loses when somebody writes to it, cuts it or gives it away: set-id bits, and file capabilities.

Rules: fs/attr.c (setattr_should_drop_sgid, setattr_should_drop_suidgid), fs/open.c (chown_common, do_truncate),
security/commoncap.c (cap_inode_killpriv).
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field

from host.store import Txn
from lsm.modules.capability import NUMBER
from mds import filecaps, inodes
from mds.inodes import Inode
from rpc import Call


def given_away(call: Call, inode: Inode) -> int:
    """The mode bits that a change of owner takes, whoever makes it; of a directory none."""
    if inode.is_dir:
        return 0
    sgid = stat.S_ISGID if _group_bit_goes(call, inode) else 0
    return inode.mode & (stat.S_ISUID | sgid)


def changed(call: Call, inode: Inode) -> int:
    """The mode bits that a change of the file's content takes, but for CAP_FSETID."""
    bits = given_away(call, inode)
    return 0 if not bits or call.lsm.capable(NUMBER["fsetid"]) else bits


@dataclass(slots=True)
class Cut:
    """What a file loses as content goes: worked out in the midst of the checks (lsm/vfs/attr.py, _drops_set_id).

    `columns` change then. A mode that stays is not among them: what a write took of it, and only the OSTs know yet,
    would come back.
    """

    call: Call
    inode: Inode
    columns: dict[str, int] = field(default_factory=dict)

    def __call__(self) -> None:
        bits = changed(self.call, self.inode)
        self.columns = {"mode": self.inode.mode & ~bits} if bits else {}


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
    if not inode.is_file or inode.size_valid:
        return False
    return bool(written(inode.mode, outsider=True)) or inodes.xattr(txn, inode.fid, filecaps.XATTR) is not None


def _group_bit_goes(call: Call, inode: Inode) -> bool:
    if not inode.mode & stat.S_ISGID:
        return False
    stays = not inode.mode & stat.S_IXGRP and (call.subject.in_group(inode.gid) or call.lsm.capable(NUMBER["fsetid"]))
    return not stays
