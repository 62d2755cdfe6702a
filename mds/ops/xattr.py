"""Extended attributes; a security label that a module keeps goes through label.py."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import acl, dac, vfs
from lsm.modules.capability import NUMBER
from mds import filecaps, inodes, privs
from mds.inodes import Inode
from mds.ops.label import Label, check_flags
from rpc import Call

# include/uapi/linux/limits.h
LIST_BYTES_MAX = 65536

# What handlers take by its prefix; of system.* two names only.
PREFIXES = ("user.", "trusted.", "security.")
# Where no module labels, nobody manages a label: a Lustre client then answers for itself (LU-16210). Where one does,
# another's is an attribute like any in security.*, as it is to a kernel that runs the one and not the other.
LABELS = frozenset({
    "security.selinux", "security.SMACK64", "security.SMACK64EXEC", "security.SMACK64TRANSMUTE", "security.SMACK64MMAP",
    "security.apparmor",
})  # fmt: skip


class Xattr(Label):
    """The four operations."""

    async def getxattr(self, call: Call, req: mds_pb2.GetxattrRequest) -> mds_pb2.GetxattrReply:
        """A value; absent where there is none. A label that is not stored reads as what the inode counts as."""
        call.takes(_case(req.name))
        if req.name == filecaps.XATTR:
            await self._catch_up(call, req.place)
        with self._mdt.store.op(call) as txn:
            inode = self.found(txn, call, req)
            vfs.run("getxattr", call.lsm, object=self._mdt.obj(inode), name=req.name)
            self._check_kept(req.name, inode)
            value = inodes.xattr(txn, inode.fid, req.name)
            if req.name in self._mdt.modules:
                shown = dict(call.framework.overriders("inode_getsecurity"))[self._mdt.modules[req.name]]
                value = shown(call.subject, self._mdt.obj(inode), req.name, value)
        await self._mdt.store.settled()
        return mds_pb2.GetxattrReply(label=context_pb2.Label(name=req.name, value=value))

    async def listxattr(self, call: Call, req: mds_pb2.ListxattrRequest) -> mds_pb2.ListxattrReply:
        """The names of what is stored; trusted.* for CAP_SYS_ADMIN only."""
        call.takes("list")
        await self._catch_up(call, req.place)
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place)
            vfs.run("listxattr", call.lsm, object=self._mdt.obj(inode))
            names = inodes.xattr_names(txn, inode.fid)
            if any(map(_trusted, names)) and not call.lsm.capable(NUMBER["sys_admin"]):
                names = [name for name in names if not _trusted(name)]
        await self._mdt.store.settled()
        return mds_pb2.ListxattrReply(names=names)

    async def setxattr(self, call: Call, req: mds_pb2.SetxattrRequest) -> mds_pb2.SetxattrReply:
        """Sets a value. E2BIG for a large one, EEXIST and ENODATA by the flags, after the checks."""
        if req.name in self._mdt.modules:
            return await self._relabel(call, req)
        call.takes(_case(req.name))
        async with self._mdt.locked(call, req.place):
            if req.name in (*acl.NAMES, filecaps.XATTR):
                await self._catch_up(call, req.place)
            may = partial(self._may_setxattr, call, req)
            ended = req.name != filecaps.XATTR or await self._ended(call, req.place, may)
            with self._mdt.store.op(call) as txn:
                inode, value = may(txn)
                # fs/posix_acl.c, posix_acl_xattr_set: what a list says is looked at after the checks, also where none
                # is kept.
                wanted = acl.read(req.value) if req.name in acl.NAMES else ()
                self._check_kept(req.name, inode)
                if req.name in acl.NAMES:
                    moved = self._set_acl(txn, call, inode, req.name, wanted)
                else:
                    old = inodes.xattr(txn, inode.fid, req.name)
                    check_flags(req, old)
                    # fs/ext4/xattr.c, ext4_xattr_set_handle: the same value again is no change.
                    moved = old != value
                    _check_room(txn, inode, req.name)
                    inodes.set_xattr(txn, inode.fid, req.name, value)
                    if req.name == filecaps.XATTR:
                        inodes.update(txn, inode.fid, caps_at_ns=self._mdt.now())
                reply = txn.keep(self._changed(txn, call, inode, moved=moved))
                other = privs.moved(txn, inode, ended=ended)
            await self._mdt.store.committed(call.transno)
            await self._tell(call, other)
        return reply

    def _may_setxattr(self, call: Call, req: mds_pb2.SetxattrRequest, txn: Txn) -> tuple[Inode, bytes]:
        """The checks: the inode, and the value as it is stored."""
        inode = self.found(txn, call, req)
        obj = self._mdt.obj(inode)
        value = filecaps.converted(req.value) if req.name == filecaps.XATTR else req.value
        vfs.run("setxattr", call.lsm, object=obj, name=req.name, value=req.value, fs=self._mdt.fs)
        return inode, value

    async def removexattr(self, call: Call, req: mds_pb2.RemovexattrRequest) -> mds_pb2.SetxattrReply:
        """Removes one; ENODATA if there is none. A label never goes: its module refuses."""
        call.takes(_case(req.name))
        async with self._mdt.locked(call, req.place):
            if req.name == filecaps.XATTR:
                await self._catch_up(call, req.place)
            with self._mdt.store.op(call) as txn:
                inode = self.found(txn, call, req)
                vfs.run("removexattr", call.lsm, object=self._mdt.obj(inode), name=req.name)
                self._check_kept(req.name, inode)
                moved = True
                if req.name in acl.NAMES:
                    moved = self._set_acl(txn, call, inode, req.name, ())
                elif not inodes.remove_xattr(txn, inode.fid, req.name):
                    raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), req.name)
                reply = txn.keep(self._changed(txn, call, inode, moved=moved))
        await self._mdt.store.committed(call.transno)
        return reply

    def _set_acl(self, txn: Txn, call: Call, inode: Inode, name: str, wanted: acl.Acl) -> bool:
        """fs/posix_acl.c, set_posix_acl: the owner's; a list that says no more than a mode becomes the mode. Whether
        that changed anything."""
        if name == acl.DEFAULT and not inode.is_dir:
            if wanted:
                raise PermissionError(errno.EACCES, "only a directory has a default access control list")
            return False
        if not dac.owner_or_capable(call.lsm, self._mdt.obj(inode)):
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may set an access control list")
        acl.validate(wanted)
        mode = inode.mode
        if wanted and name == acl.ACCESS:
            mode = inode.mode & ~0o777 | acl.mode_of(wanted)
            if not dac.may_set_gid(call.lsm, inode.gid):
                mode &= ~stat.S_ISGID
            inodes.update(txn, inode.fid, mode=mode, mode_at_ns=self._mdt.now())
        if not wanted or (name == acl.ACCESS and acl.is_mode(wanted)):
            return inodes.remove_xattr(txn, inode.fid, name) or mode != inode.mode
        old, new = inodes.xattr(txn, inode.fid, name), acl.encode(wanted)
        inodes.set_xattr(txn, inode.fid, name, new)
        return old != new or mode != inode.mode

    def _check_kept(self, name: str, inode: Inode) -> None:
        """EOPNOTSUPP for what no handler takes, or a label where no module keeps any, EINVAL for a bare prefix.

        Known only after the checks (fs/xattr.c, xattr_resolve_name).
        """
        if name in PREFIXES:
            raise OSError(errno.EINVAL, f"{name!r} cannot be the name of an xattr")
        listed = name in acl.NAMES and not stat.S_ISLNK(inode.mode)
        if not (name.startswith(PREFIXES) or listed) or (name in LABELS and not self._mdt.modules):
            raise OSError(errno.EOPNOTSUPP, f"no xattr {name!r} is kept here")

    def _changed(self, txn: Txn, call: Call, inode: Inode, *, moved: bool) -> mds_pb2.SetxattrReply:
        if moved:
            inodes.update(txn, inode.fid, ctime_ns=self._mdt.now())
        call.fid = inode.fid
        return mds_pb2.SetxattrReply(label_version=inode.label_version)


def _check_room(txn: Txn, inode: Inode, name: str) -> None:
    """ENOSPC for a name that listxattr could not give any more."""
    names = {*inodes.xattr_names(txn, inode.fid), name}
    if sum(len(each.encode()) + 1 for each in names) > LIST_BYTES_MAX:
        raise OSError(errno.ENOSPC, f"{inode.fid} has no room for another xattr name")


def _case(name: str) -> str:
    """Which hooks are asked: a list's own; for user.*, and namespaces that nobody knows, inode_permission first."""
    if name in acl.NAMES:
        return "acl"
    return "attr" if name.startswith(("trusted.", "security.", "system.")) else "user"


def _trusted(name: str) -> bool:
    return name.startswith("trusted.")
