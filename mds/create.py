"""A new inode: its mode and owner as Linux gives them, its labels as the modules compute them, all in one step."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping
from typing import NamedTuple

from host.store import Txn
from labelproof.v1 import mds_pb2
from lsm import Obj, acl, dac, file_class, vfs
from mds import entries, inodes, labels
from mds.inodes import Inode
from mds.mdt import Mdt, Named
from rpc import Call

PERMISSIONS = 0o7777


class Wish(NamedTuple):
    """What a caller asks for: `op` of lsm/vfs ("tmpfile" has no name), mode with its type bits, before umask."""

    op: str
    mode: int
    umask: int
    claim: mds_pb2.Claim | None = None
    rdev: int = 0
    target: bytes = b""


def create(mdt: Mdt, txn: Txn, call: Call, named: Named, wish: Wish) -> Inode:
    """Checks, then stores the inode, its entry and every label; returns it. EEXIST, EACCES, EPERM, EINVAL."""
    directory, new = may_create(mdt, call, named, wish)
    if named.parent.nlink == 0:
        raise FileNotFoundError(errno.ENOENT, "the directory was removed", _text(named.name))
    inode = born(mdt, txn, call, named, wish, directory, new)
    _store(mdt, txn, call, named, inode)
    return inode


def may_create(mdt: Mdt, call: Call, named: Named, wish: Wish) -> tuple[Obj, Obj]:
    """The checks: the directory and the new object as they were asked about."""
    m, subject, parent = call.lsm, call.subject, named.parent
    exists = named.child is not None
    if not exists and subject.fscreate is not None:
        # The client's word that the task may do this is not enough (process{setfscreate}).
        m.check("setprocattr", "fscreate", subject.fscreate)
    role = "directory" if wish.op == "tmpfile" else "parent"
    directory = mdt.obj(parent, role)
    new = Obj("new", file_class(wish.mode), mode=wish.mode, name=_text(named.name), rdev=wish.rdev)
    vfs.run(wish.op, m, **{role: directory}, new=new, fs=mdt.fs, exists=exists, what=_text(named.name))
    return directory, new


def born(mdt: Mdt, txn: Txn, call: Call, named: Named, wish: Wish, directory: Obj, new: Obj) -> Inode:
    """The inode with every label that a module gives it, not stored yet. EACCES for a claim that is not so."""
    computed = call.lsm.labels("inode_init_security", directory, new)
    stored = {xattr: computed[module].encode() for xattr, module in mdt.modules.items() if module in computed}
    _check_claim(call, wish.claim, stored)
    return _shaped(mdt, txn, call, named.parent, wish)._replace(labels=stored)


def record_created(mdt: Mdt, call: Call, named: Named, inode: Inode) -> None:
    """The `label` events of a new inode; after its step, when it has its transno."""
    if not mdt.node.recorder.on:
        return
    for xattr, module in mdt.modules.items():
        if xattr in inode.labels:
            why = _why(call, module, mdt.obj(named.parent), mdt.obj(inode))
            labels.record(
                mdt.node, call.batch, inode, xattr, None, why, call.transno, call=call, parent=named.parent.fid,
                name=named.name,
            )  # fmt: skip


def _shaped(mdt: Mdt, txn: Txn, call: Call, parent: Inode, wish: Wish) -> Inode:
    """Mode and owner (fs/inode.c, inode_init_owner and mode_strip_sgid); a default list stands in for the umask."""
    kind, bits = stat.S_IFMT(wish.mode), wish.mode & PERMISSIONS
    default = b"" if stat.S_ISLNK(kind) else parent.default_acl
    listed, bits = acl.inherited(acl.parse(default), bits) if default else ((), bits & ~(wish.umask & 0o777))
    gid = call.subject.gid
    if parent.mode & stat.S_ISGID:
        gid = parent.gid
        if stat.S_ISDIR(kind):
            bits |= stat.S_ISGID
        elif bits & stat.S_ISGID and bits & stat.S_IXGRP and not dac.may_set_gid(call.lsm, gid):
            bits &= ~stat.S_ISGID
    if stat.S_ISLNK(kind):
        bits = 0o777
    inode = mdt.blank(mdt.allocate(txn), kind | bits, call.subject.uid, gid)
    kept = acl.encode(listed) if listed and not acl.is_mode(listed) else b""
    flags = parent.flags & (inodes.FLAGS_INHERITED if inode.is_file or inode.is_dir else inodes.FLAGS_OF_ALL)
    return inode._replace(
        flags=flags, rdev=wish.rdev, target=wish.target, size=len(wish.target), acl=kept,
        default_acl=default if inode.is_dir else b"",
    )  # fmt: skip


def _store(mdt: Mdt, txn: Txn, call: Call, named: Named, inode: Inode) -> None:
    call.fid = inode.fid
    if not named.name:
        inodes.insert(txn, inode._replace(nlink=0))
        return
    inodes.insert(txn, inode)
    entries.add(txn, named.parent.fid, named.name, inode.fid)
    more = {"nlink": inodes.links(named.parent.nlink, 1)} if inode.is_dir else {}
    mdt.touch(txn, named.parent, **more)


def _check_claim(call: Call, claim: mds_pb2.Claim | None, stored: Mapping[str, bytes]) -> None:
    """The MDS computes labels itself; a client that says otherwise is wrong, unless it only says the fscreate."""
    if claim is None:
        return
    name, value = claim.label.name, claim.label.value.removesuffix(b"\0")
    if not claim.label.HasField("value"):
        raise OSError(errno.EPROTO, f"a claim for {name!r} without a label")
    if name not in stored:
        raise OSError(errno.EOPNOTSUPP, f"no module here labels new objects in {name!r}")
    if value != stored[name] and value != (call.subject.fscreate or "").encode():
        computed = stored[name].decode()
        raise PermissionError(errno.EACCES, f"the client claims {name} {value!r}; the server computes {computed}")


def _why(call: Call, module: str, parent: Obj, new: Obj) -> str:
    """Where the label came from: the subject's choice, a transition of its type, or the directory."""
    if call.subject.fscreate is not None:
        return "fscreate"
    return "transition" if _type(new.labels.get(module)) != _type(parent.labels.get(module)) else "inherit"


def _type(label: str | None) -> str:
    """user:role:TYPE:range"""
    return [*(label or "").split(":"), "", "", ""][2]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
