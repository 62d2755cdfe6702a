"""What every op of the MDS works with: the store, a place resolved under its checks, a new object, a recorded label."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from host.node import Node
from host.store import Store, Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import Fid, Obj, vfs
from mds import entries, inodes, reaper, relabels
from mds.clients import Clients
from mds.entries import NAME_BYTES_MAX
from mds.flocks import Flocks
from mds.handles import Handle, Handles
from mds.inodes import FS_NOATIME_FL, Inode
from mds.leases import Leases
from mds.osts import Osts
from mds.reaper import Reaper
from mds.relabels import Relabels
from rpc import Call, fid_of

# Lustre's FID_SEQ_ROOT, and its first sequence for ordinary files (lustre/include/uapi/linux/lustre/lustre_fid.h).
ROOT = Fid(0x200000007, 1)
SEQ_FIRST = 0x200000400
OID_MAX = (1 << 32) - 1
# As /tmp: whoever the policy lets may add names, and only their owners may remove them.
ROOT_MODE = stat.S_IFDIR | 0o1777
DAY_NS = 24 * 3600 * 10**9

SCHEMA = inodes.SCHEMA + entries.SCHEMA + reaper.SCHEMA + relabels.SCHEMA


class Named(NamedTuple):
    """A name in a directory that the caller may search, and what it stands for, if anything."""

    parent: Inode
    name: bytes
    child: Inode | None


class Mdt:
    """The state of one metadata target."""

    def __init__(self, node: Node, store: Store) -> None:
        self.node = node
        self.store = store
        self.handles = Handles(node.env.rng(f"{node.name}:handles"))
        self.flocks = Flocks()
        self.leases = Leases()
        self.clients = Clients(self)
        self.osts = Osts(node)
        self.relabels = Relabels(node, store, self.osts)
        self.reaper = Reaper(store, self.osts, self.relabels)
        self.fs = Obj("fs", "filesystem")

    # --- policy ------------------------------------------------------------------------------------------------

    @property
    def modules(self) -> Mapping[str, str]:
        """The xattrs of labels -> the modules that keep them there, in call order."""
        return self.node.framework.kept

    def policy_changed(self) -> None:
        """The superblock's label is the policy's to give."""
        self.fs = self.node.superblock()

    # --- places ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def locked(self, call: Call, *places: mds_pb2.Place | mds_pb2.Name | Fid) -> AsyncIterator[None]:
        """Holds the locks of what `places` stand for; again if a name came to stand for another while it waited.

        Names are looked up without a check: who is not allowed to learns nothing but how long it waited.
        """
        while True:
            fids = self.peeked(call, places)
            async with self.store.locks.hold(*fids):
                if self.peeked(call, places) == fids:
                    yield
                    return

    def find(self, txn: Txn, call: Call, place: mds_pb2.Place, *, path: bool = False) -> Inode:
        """The inode of a place, after the checks of the way to it. ENOENT, ESTALE, or the walk's own refusal.

        `path`: a handle will do that was opened with O_PATH; else that is EBADF.
        """
        kind = place.WhichOneof("by")
        if kind == "name":
            return existing(self.look_up(txn, call, place.name))
        if kind == "handle":
            return self.inode(txn, self.handle(call, place.handle, path=path).fid)
        if kind is None:
            raise OSError(errno.EPROTO, "the request names no object")
        return self.reached(txn, call, fid_of(place.fid))

    def look_up(
        self, txn: Txn, call: Call, name: mds_pb2.Name, *, role: str = "parent", ticket: bytes | None = None
    ) -> Named:
        """One path component: the directory by its ticket, search in it, then the name. EINVAL, ENAMETOOLONG."""
        return self.named(txn, self.searched(txn, call, name.parent, role=role, ticket=ticket), name.name)

    def named(self, txn: Txn, parent: Inode, name: bytes) -> Named:
        """A name in a directory that was searched. EINVAL, ENAMETOOLONG."""
        checked_name(name)
        child = entries.find(txn, parent.fid, name)
        return Named(parent, name, None if child is None else self.inode(txn, child))

    def above(self, txn: Txn, directory: Inode) -> Inode:
        """Where `..` leads; the root is above itself."""
        found = entries.parent_of(txn, directory.fid)
        return directory if found is None else self.inode(txn, found[0])

    def searched(
        self, txn: Txn, call: Call, directory: context_pb2.Fid, *, role: str = "parent", ticket: bytes | None = None
    ) -> Inode:
        """A directory in which a name is looked up, by its ticket, after search was asked of it."""
        call.walked()
        parent = self.reached(txn, call, fid_of(directory), ticket)
        vfs.run("lookup", call.lsm, parent=self.obj(parent, role))
        return parent

    def reached(self, txn: Txn, call: Call, fid: Fid, ticket: bytes | None = None) -> Inode:
        """The inode of a FID that the subject has a walk ticket for."""
        self.node.seal.check_ticket(call, fid, self.node.policy.stamp, ticket)
        return self.inode(txn, fid)

    def inode(self, txn: Txn, fid: Fid) -> Inode:
        """The inode of a FID; ESTALE if it is gone, or only waits for its objects to be destroyed."""
        found = inodes.get(txn, fid)
        if found is None or (found.nlink == 0 and not self.handles.is_open(fid)):
            raise OSError(errno.ESTALE, f"{fid} is gone")
        return found

    def handle(self, call: Call, handle: bytes, *, path: bool = False) -> Handle:
        """The caller's own handle; ESTALE if it has no such, EBADF for one of O_PATH where that will not do."""
        found = self.handles.get(handle, call.peer.node, call.subject)
        if found.path and not path:
            raise OSError(errno.EBADF, "the file was opened with O_PATH, which is good for its place only")
        return found

    def obj(self, inode: Inode, role: str = "object", name: bytes = b"") -> Obj:
        return inodes.obj(inode, role, self.modules, name)

    def held(self, call: Call, inode: Inode, handle: Handle) -> Obj:
        """What is open there, with the labels of who opened it, if that is not just who asks."""
        obj = self.obj(inode)
        return obj if handle.opener.digest == call.subject.digest else obj._replace(opener=handle.opener.labels)

    def ticket(self, call: Call, fid: Fid) -> bytes:
        return self.node.seal.ticket(fid, call.subject.digest, self.node.policy.stamp)

    def peeked(self, call: Call, places: Sequence[mds_pb2.Place | mds_pb2.Name | Fid]) -> list[Fid]:
        """What the places stand for now, looked up without a check; of a name its directory too."""
        txn = self.store.view()
        return [fid for place in places for fid in self._peeked(txn, call, place)]

    def _peeked(self, txn: Txn, call: Call, place: mds_pb2.Place | mds_pb2.Name | Fid) -> list[Fid]:
        if isinstance(place, Fid):
            return [place]
        if isinstance(place, mds_pb2.Name):
            parent = fid_of(place.parent)
            child = entries.find(txn, parent, place.name)
            return [parent] if child is None else [parent, child]
        kind = place.WhichOneof("by")
        if kind == "name":
            return self._peeked(txn, call, place.name)
        if kind == "handle":
            return [self.handle(call, place.handle, path=True).fid]
        return [fid_of(place.fid)]

    # --- new objects -------------------------------------------------------------------------------------------

    def allocate(self, txn: Txn) -> Fid:
        """A FID that was never given before and never will be again."""
        number = txn.number("next_oid")
        return Fid(SEQ_FIRST + number // (OID_MAX + 1), number % (OID_MAX + 1))

    def now(self) -> int:
        return self.node.clock.wall_ns()

    def blank(self, fid: Fid, mode: int, uid: int, gid: int) -> Inode:
        """An inode as it begins; a regular file with its layout over all OSTs."""
        now = self.now()
        inode = Inode(
            fid,
            mode,
            uid,
            gid,
            nlink=2 if stat.S_ISDIR(mode) else 1,
            atime_ns=now,
            mtime_ns=now,
            ctime_ns=now,
            mtime_at_ns=now,
            mode_at_ns=now,
        )
        if not inode.is_file:
            return inode
        return inode._replace(stripe_size=self.node.config.stripe_size, osts=self.node.peers("oss"))

    def touch(self, txn: Txn, inode: Inode, **columns: object) -> None:
        """A directory whose entries changed, or an inode: mtime and ctime are now."""
        now = self.now()
        inodes.update(txn, inode.fid, mtime_ns=now, ctime_ns=now, **columns)

    def accessed(self, txn: Txn, call: Call, inode: Inode, at_ns: int = 0) -> None:
        """What was read: atime moves as a mount with relatime lets it (fs/inode.c, relatime_need_update)."""
        at_ns = at_ns or self.now()
        unread = inode.atime_ns <= max(inode.mtime_ns, inode.ctime_ns) or at_ns - inode.atime_ns >= DAY_NS
        # A size that only the OSTs know: somebody writes, and whether he has since it was read last is not known here.
        moves = unread or not inode.size_valid
        if moves and at_ns > inode.atime_ns and not inode.flags & FS_NOATIME_FL and not call.nodemap.read_only:
            inodes.update(txn, inode.fid, atime_ns=at_ns)

    def drop_name(self, txn: Txn, inode: Inode) -> None:
        """One name less. Without any: gone, or an orphan until the last Close and until its objects are destroyed."""
        left = 0 if inode.is_dir else inode.nlink - 1
        inodes.update(txn, inode.fid, nlink=left, ctime_ns=self.now())
        if left == 0:
            self.last_name_gone(txn, inode._replace(nlink=0))

    def last_name_gone(self, txn: Txn, inode: Inode) -> None:
        if not self.handles.is_open(inode.fid):
            self.reaper.bury(txn, inode)


def checked_name(name: bytes) -> None:
    """EINVAL for what is no name of an entry ("." and ".." are the client's to resolve), ENAMETOOLONG."""
    if len(name) > NAME_BYTES_MAX:
        raise OSError(errno.ENAMETOOLONG, f"a name of {len(name)} bytes; {NAME_BYTES_MAX} are the most")
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise OSError(errno.EINVAL, f"{name!r} cannot be the name of an entry")


def existing(named: Named) -> Inode:
    """What the name stands for; ENOENT if nothing."""
    if named.child is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(named.name))
    return named.child
