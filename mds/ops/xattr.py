"""Extended attributes; a security label that a module keeps goes through label.py."""

from __future__ import annotations

import errno
import os

from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2
from lsm import vfs
from lsm.modules.capability import NUMBER
from mds import inodes, labels
from mds.inodes import Inode
from mds.ops.label import XATTR_CREATE, XATTR_REPLACE, Label, check_flags
from rpc import Call

# include/uapi/linux/limits.h
NAME_CHARS_MAX = 255
VALUE_BYTES_MAX = 65536
LIST_BYTES_MAX = 65536

NAMESPACES = ("user.", "trusted.", "security.", "system.")
# Labels of the kernel's modules: one that is not kept by a module on here is not managed.
LABELS = frozenset({
    "security.selinux", "security.SMACK64", "security.SMACK64EXEC", "security.SMACK64TRANSMUTE", "security.SMACK64MMAP",
    "security.apparmor",
})  # fmt: skip
# Set by nobody: they would say what nobody here has measured. Lustre refuses them alike.
UNSETTABLE = frozenset({"security.ima", "security.evm"})


class Xattr(Label):
    """The four operations."""

    async def getxattr(self, call: Call, req: mds_pb2.GetxattrRequest) -> mds_pb2.GetxattrReply:
        """A value; absent where there is none. A label that is not stored reads as what the inode counts as."""
        self._check_name(req.name)
        call.takes(_case(req.name))
        with self._mdt.store.op(call) as txn:
            inode = self._mdt.find(txn, call, req.place)
            vfs.run("getxattr", call.lsm, object=self._mdt.obj(inode), name=req.name)
            value = inodes.xattr(txn, inode.fid, req.name)
            if req.name in self._mdt.modules:
                value = labels.shown(self._mdt.node, call.lsm, req.name, value)
        await self._mdt.store.settled()
        return mds_pb2.GetxattrReply(label=context_pb2.Label(name=req.name, value=value))

    async def listxattr(self, call: Call, req: mds_pb2.ListxattrRequest) -> mds_pb2.ListxattrReply:
        """The names of what is stored; trusted.* for CAP_SYS_ADMIN only."""
        call.takes("list")
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
        self._check_name(req.name)
        _check_value(req)
        if req.name in self._mdt.modules:
            return await self._relabel(call, req)
        if req.name in UNSETTABLE or req.name.startswith("system."):
            raise OSError(errno.EOPNOTSUPP, f"{req.name} cannot be set here")
        call.takes(_case(req.name))
        async with self._mdt.locked(call, req.place):
            with self._mdt.store.op(call) as txn:
                inode = self._mdt.find(txn, call, req.place)
                obj = self._mdt.obj(inode)
                vfs.run("setxattr", call.lsm, object=obj, name=req.name, value=req.value, fs=self._mdt.fs)
                check_flags(req, inodes.xattr(txn, inode.fid, req.name))
                _check_room(txn, inode, req.name)
                inodes.set_xattr(txn, inode.fid, req.name, req.value)
                reply = txn.keep(self._changed(txn, call, inode))
        await self._mdt.store.committed(call.transno)
        return reply

    async def removexattr(self, call: Call, req: mds_pb2.RemovexattrRequest) -> mds_pb2.SetxattrReply:
        """Removes one; ENODATA if there is none. A label never goes: its module refuses."""
        self._check_name(req.name)
        call.takes(_case(req.name))
        async with self._mdt.locked(call, req.place):
            with self._mdt.store.op(call) as txn:
                inode = self._mdt.find(txn, call, req.place)
                vfs.run("removexattr", call.lsm, object=self._mdt.obj(inode), name=req.name)
                if not inodes.remove_xattr(txn, inode.fid, req.name):
                    raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), req.name)
                reply = txn.keep(self._changed(txn, call, inode))
        await self._mdt.store.committed(call.transno)
        return reply

    def _changed(self, txn: Txn, call: Call, inode: Inode) -> mds_pb2.SetxattrReply:
        inodes.update(txn, inode.fid, ctime_ns=self._mdt.now())
        call.fid = inode.fid
        return mds_pb2.SetxattrReply(label_version=inode.label_version)

    def _check_name(self, name: str) -> None:
        """EOPNOTSUPP for a namespace, or a module's label, that is not kept here; ERANGE, EINVAL for no name at all."""
        prefix = next((p for p in NAMESPACES if name.startswith(p)), None)
        if prefix is None or (name in LABELS and name not in self._mdt.modules):
            raise OSError(errno.EOPNOTSUPP, f"no xattr {name[:NAME_CHARS_MAX]!r} is kept here")
        if len(name.encode()) > NAME_CHARS_MAX:
            raise OSError(errno.ERANGE, f"the name of an xattr has {NAME_CHARS_MAX} bytes at most")
        if name == prefix or "\0" in name:
            raise OSError(errno.EINVAL, f"{name!r} cannot be the name of an xattr")


def _check_value(req: mds_pb2.SetxattrRequest) -> None:
    if req.flags not in (0, XATTR_CREATE, XATTR_REPLACE):
        raise OSError(errno.EINVAL, f"xattr flags {req.flags:#x}: XATTR_CREATE or XATTR_REPLACE or none")
    if len(req.value) > VALUE_BYTES_MAX:
        raise OSError(errno.E2BIG, f"a value of {len(req.value)} bytes; {VALUE_BYTES_MAX} are the most")


def _check_room(txn: Txn, inode: Inode, name: str) -> None:
    """ENOSPC for a name that listxattr could not give any more."""
    names = {*inodes.xattr_names(txn, inode.fid), name}
    if sum(len(each.encode()) + 1 for each in names) > LIST_BYTES_MAX:
        raise OSError(errno.ENOSPC, f"{inode.fid} has no room for another xattr name")


def _case(name: str) -> str:
    return "user" if name.startswith("user.") else "attr"


def _trusted(name: str) -> bool:
    return name.startswith("trusted.")
