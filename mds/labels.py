"""Labels as this server keeps them: which xattrs they are, what counts where there is none, what history says."""

from __future__ import annotations

from host.node import Node
from lsm import Fid
from mds.inodes import Inode
from rpc import Batch, Call


def default(node: Node, xattr: str) -> bytes | None:
    """What an inode without a label counts as: the initial SID `file` (selinux_inode_getsecurity)."""
    server = node.policy.server
    if server is None or node.module_of(xattr) != "selinux":
        return None
    return server.sid_to_context(server.initial_sid("file")).encode()


def record(
    node: Node, batch: Batch, inode: Inode, xattr: str, old: bytes | None, why: str, transno: int, *,
    call: Call | None = None, parent: Fid | None = None, name: bytes | None = None,
) -> None:  # fmt: skip
    """The history's `label` event: the inode, as it is now, had `old` before."""
    batch.label(
        inode.fid, role="mdt", target=node.name, name=xattr, old=old, new=inode.labels.get(xattr),
        version=inode.label_version, why=why, tclass=inode.tclass, mode=inode.mode, parent=parent, as_=name,
        subject=call.subject if call else node.subject, rpc=call.rpc if call else None, transno=transno,
    )  # fmt: skip
