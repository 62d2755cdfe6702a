"""Inodes and their xattrs: values in memory, rows in the store. A label is the xattr that its module keeps it in."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from host.store import Param, Txn, fid_bytes, fid_from
from labelproof.v1 import context_pb2
from lsm import Fid, Obj, acl, file_class
from lsm.objects import FS_APPEND_FL, FS_IMMUTABLE_FL
from rpc import fid_message

# include/uapi/linux/fs.h; those that a new inode has from its directory, by its kind (fs/ext4/ext4.h, ext4_mask_flags).
FS_SYNC_FL, FS_NODUMP_FL, FS_NOATIME_FL = 0x08, 0x40, 0x80
FLAGS_INHERITED, FLAGS_OF_ALL = FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL, FS_NODUMP_FL | FS_NOATIME_FL

# fs/ext4/ext4.h, EXT4_LINK_MAX
LINKS_MAX = 65000

# About a kilobyte each. An access control list may have 64, which a new file inherits and a chmod makes anew: of an
# inode with one that large nothing is kept in memory.
ENTRIES_KEPT, ACL_BYTES_KEPT = 4096, 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS inodes (
    fid BLOB PRIMARY KEY, mode INTEGER, uid INTEGER, gid INTEGER, nlink INTEGER, size INTEGER, size_valid INTEGER,
    atime_ns INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, rdev INTEGER, target BLOB, label_version INTEGER,
    stripe_size INTEGER, osts TEXT, objects INTEGER, flags INTEGER,
    mtime_at_ns INTEGER, mode_at_ns INTEGER, caps_at_ns INTEGER, attr_version INTEGER, untold INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS xattrs (fid BLOB, name TEXT, value BLOB, PRIMARY KEY (fid, name)) WITHOUT ROWID;
"""


class Inode(NamedTuple):
    """One inode. `labels`: security.* xattr -> value as stored. Times are ns of wall time.

    `size_valid` False: the OSTs know the size (someone writes, or did when this server last went down). `objects`:
    the OSTs may hold something of this file. `osts`: the layout, one name a stripe. `flags`: FS_*_FL.
    `mtime_at_ns`, `mode_at_ns`, `caps_at_ns` (file capabilities): when this server last set them, which a later write
    on an OST overrules. `attr_version` counts the changes of mode and owner, and the ends of tokens (mds/ops/base.py);
    `untold`: an OST may not know of the last one though somebody may be able to write. `acl`, `default_acl`:
    the access control lists, as stored.
    """

    fid: Fid
    mode: int
    uid: int
    gid: int
    nlink: int = 1
    size: int = 0
    size_valid: bool = True
    atime_ns: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    rdev: int = 0
    target: bytes = b""
    label_version: int = 1
    stripe_size: int = 0
    osts: tuple[str, ...] = ()
    objects: bool = False
    flags: int = 0
    mtime_at_ns: int = 0
    mode_at_ns: int = 0
    caps_at_ns: int = 0
    attr_version: int = 1
    untold: bool = False
    acl: bytes = b""
    default_acl: bytes = b""
    labels: Mapping[str, bytes] = MappingProxyType({})

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def tclass(self) -> str:
        return file_class(self.mode)


_COLUMNS = (
    "mode", "uid", "gid", "nlink", "size", "size_valid", "atime_ns", "mtime_ns", "ctime_ns", "rdev", "target",
    "label_version", "stripe_size", "osts", "objects",
    "flags", "mtime_at_ns", "mode_at_ns", "caps_at_ns", "attr_version", "untold",
)  # fmt: skip

_INODE = f"SELECT {', '.join(_COLUMNS)} FROM inodes WHERE fid = ?"
# From "security." up to, not including, the first name behind that prefix ("/" follows ".").
_LABELS = """
SELECT name, value FROM xattrs WHERE fid = ? AND (name > 'security.' AND name < 'security/' OR name IN (?, ?))
"""


def get(txn: Txn, fid: Fid) -> Inode | None:
    """The inode of a FID, with its labels, if there is one."""
    inode = txn.remembered(fid, lambda: _read(txn, fid))
    if inode is not None and not _small(inode):
        txn.forget(fid)
    return inode


def _read(txn: Txn, fid: Fid) -> Inode | None:
    key = fid_bytes(fid)
    row = txn.read(_INODE, key).fetchone()
    return None if row is None else _inode(fid, row, dict(txn.read(_LABELS, key, acl.ACCESS, acl.DEFAULT)))


def insert(txn: Txn, inode: Inode) -> None:
    """Stores a new inode and its labels."""
    marks = ", ".join("?" * (1 + len(_COLUMNS)))
    values = (_stored(name, getattr(inode, name)) for name in _COLUMNS)
    txn.write(f"INSERT INTO inodes VALUES ({marks})", fid_bytes(inode.fid), *values)
    for name, value in inode.labels.items():
        set_xattr(txn, inode.fid, name, value)
    for name, listed in ((acl.ACCESS, inode.acl), (acl.DEFAULT, inode.default_acl)):
        if listed:
            set_xattr(txn, inode.fid, name, listed)
    if _small(inode):
        txn.remember(inode.fid, inode)


def update(txn: Txn, fid: Fid, **columns: object) -> None:
    """Changes columns of an inode that is there; changes of mode and owner are counted. With a ctime, it is noted when
    mtime and mode were set."""
    if "ctime_ns" in columns:
        for name in ("mtime", "mode"):
            if {name, f"{name}_ns"} & columns.keys():
                columns.setdefault(f"{name}_at_ns", columns["ctime_ns"])
    changes = ", ".join(f"{name} = ?" for name in columns)
    counted = not columns.keys().isdisjoint(("mode", "uid", "gid"))
    if counted:
        changes += ", attr_version = attr_version + 1"
    values = (_stored(name, value) for name, value in columns.items())
    txn.write(f"UPDATE inodes SET {changes} WHERE fid = ?", *values, fid_bytes(fid))
    known: Inode | None = txn.kept(fid)
    if known is not None:
        new: dict[str, Any] = {**columns, "attr_version": known.attr_version + 1} if counted else columns
        txn.remember(fid, known._replace(**new))


def delete(txn: Txn, fid: Fid) -> None:
    """The end of an inode and its xattrs."""
    txn.forget(fid)
    txn.write("DELETE FROM inodes WHERE fid = ?", fid_bytes(fid))
    txn.write("DELETE FROM xattrs WHERE fid = ?", fid_bytes(fid))


def everything(txn: Txn, only: Collection[Fid] = ()) -> Iterable[Inode]:
    """All inodes, in FID order; or `only` those."""
    wanted = set(map(fid_bytes, only))
    keys = [fid for (fid,) in txn.read("SELECT fid FROM inodes ORDER BY fid") if not wanted or fid in wanted]
    return (inode for key in keys if (inode := get(txn, fid_from(key))) is not None)


# --- xattrs ------------------------------------------------------------------------------------------------------


def xattr(txn: Txn, fid: Fid, name: str) -> bytes | None:
    """The value of an xattr; None if it is absent."""
    row = txn.read("SELECT value FROM xattrs WHERE fid = ? AND name = ?", fid_bytes(fid), name).fetchone()
    return None if row is None else bytes(row[0])


def xattr_names(txn: Txn, fid: Fid) -> list[str]:
    """The names of an inode's xattrs, in order."""
    return [row[0] for row in txn.read("SELECT name FROM xattrs WHERE fid = ? ORDER BY name", fid_bytes(fid))]


def set_xattr(txn: Txn, fid: Fid, name: str, value: bytes) -> None:
    """Stores an xattr, over the one that is there."""
    txn.forget(fid)
    txn.write("INSERT OR REPLACE INTO xattrs VALUES (?, ?, ?)", fid_bytes(fid), name, value)


def remove_xattr(txn: Txn, fid: Fid, name: str) -> bool:
    """Whether there was one to remove."""
    txn.forget(fid)
    return txn.write("DELETE FROM xattrs WHERE fid = ? AND name = ?", fid_bytes(fid), name) > 0


# --- the inode as others see it ----------------------------------------------------------------------------------


def obj(inode: Inode, role: str, modules: Mapping[str, str], name: bytes = b"") -> Obj:
    """The inode as an object of hooks; `modules`: the labels' xattrs -> their modules."""
    labels = {
        module: value.decode("utf-8", "surrogateescape")
        for xattr, module in modules.items()
        if (value := inode.labels.get(xattr)) is not None
    }
    return Obj(
        role, inode.tclass, labels, inode.label_version, inode.uid, inode.gid, inode.mode, inode.fid,
        name.decode("utf-8", "surrogateescape"), inode.rdev, inode.acl,
        inode.flags,
    )  # fmt: skip


def entry(inode: Inode, xattrs: Iterable[str]) -> context_pb2.Entry:
    """What a client needs for checks of its own; a label in `xattrs` that is not stored is said to be absent.

    The same message may be given again: it is copied into others, and never changed.
    """
    labels = tuple([(name, inode.labels.get(name)) for name in xattrs])
    made = _entry if _small(inode) else _entry.__wrapped__
    return made(
        inode.fid, inode.mode, inode.uid, inode.gid, inode.label_version, labels, inode.acl, inode.flags,
        inode.attr_version,
    )  # fmt: skip


@lru_cache(ENTRIES_KEPT)
def _entry(
    fid: Fid, mode: int, uid: int, gid: int, label_version: int, labels: tuple[tuple[str, bytes | None], ...],
    listed: bytes, flags: int, attr_version: int,
) -> context_pb2.Entry:  # fmt: skip
    return context_pb2.Entry(
        fid=fid_message(fid), mode=mode, uid=uid, gid=gid, label_version=label_version,
        labels=[context_pb2.Label(name=name, value=value) for name, value in labels], acl=listed,
        flags=flags & (FS_IMMUTABLE_FL | FS_APPEND_FL), attr_version=attr_version,
    )  # fmt: skip


def attr(inode: Inode, xattrs: Iterable[str]) -> context_pb2.Attr:
    """The attributes, as stat gives them."""
    return context_pb2.Attr(
        entry=entry(inode, xattrs), nlink=inode.nlink, size=inode.size, blocks=blocks(inode.size), rdev=inode.rdev,
        atime_ns=inode.atime_ns, mtime_ns=inode.mtime_ns, ctime_ns=inode.ctime_ns,
    )  # fmt: skip


def blocks(size: int) -> int:
    """Of 512 bytes, as if there were no holes."""
    return -(-size // 512)


def links(nlink: int, subdirectories: int) -> int:
    """A directory's link count with so many more subdirectories, or fewer: each one's `..` is a link.

    One that had too many has 1 ever after, and there is no limit (fs/ext4/namei.c, ext4_inc_count and ext4_dec_count,
    under the feature dir_nlink).
    """
    return 1 if nlink == 1 or nlink + subdirectories > LINKS_MAX else nlink + subdirectories


def layout(inode: Inode) -> context_pb2.Layout:
    return context_pb2.Layout(stripe_size=inode.stripe_size, osts=inode.osts)


def _small(inode: Inode) -> bool:
    """Whether memory has room for many like it."""
    return len(inode.acl) + len(inode.default_acl) <= ACL_BYTES_KEPT


def _stored(name: str, value: object) -> Param:
    if name == "osts":
        assert isinstance(value, tuple)
        return " ".join(value)
    assert isinstance(value, int | str | bytes)
    return int(value) if isinstance(value, bool) else value


def _inode(fid: Fid, row: tuple[object, ...], labels: dict[str, bytes]) -> Inode:
    """`labels` may hold the access control lists, which are none of them."""
    columns: dict[str, object] = dict(zip(_COLUMNS, row, strict=True))
    columns["osts"] = tuple(str(columns["osts"]).split())
    columns["size_valid"] = bool(columns["size_valid"])
    columns["objects"] = bool(columns["objects"])
    columns["untold"] = bool(columns["untold"])
    listed, default = labels.pop(acl.ACCESS, b""), labels.pop(acl.DEFAULT, b"")
    return Inode(fid, labels=labels, acl=listed, default_acl=default, **columns)  # type: ignore[arg-type]  # the columns are the fields
