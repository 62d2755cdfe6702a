"""Objects as rows of the store: whose file's, which labels, how long. Their bytes are in files.py."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from host.store import Txn, fid_bytes, fid_from
from labelproof.v1 import context_pb2
from lsm import Fid, Obj
from rpc import fid_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    fid BLOB, stripe INTEGER, mode INTEGER, uid INTEGER, gid INTEGER, size INTEGER, label_version INTEGER,
    changed_ns INTEGER, unprivileged_ns INTEGER, outsider_ns INTEGER, attr_version INTEGER, closed INTEGER,
    PRIMARY KEY (fid, stripe)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    fid BLOB, stripe INTEGER, name TEXT, value BLOB, PRIMARY KEY (fid, stripe, name)
) WITHOUT ROWID;
"""
COLUMNS = "mode, uid, gid, size, label_version, changed_ns, unprivileged_ns, outsider_ns, attr_version, closed"


class Object(NamedTuple):
    """One object: the file's FID, owner and labels, and what of the file lies here. `size` in bytes.

    `changed_ns`: the last write, wall time; `unprivileged_ns`: the last one of who lacked CAP_FSETID;
    `outsider_ns`: the last one of who was not of the file's group either. `attr_version`: as of which change of the
    file's mode or owner these are known here; the mode without what writes to this object have taken of it since.
    `closed`: the attr_version as of which the file's last writer had closed it, where the MDS had it noted here.
    """

    fid: Fid
    stripe: int
    mode: int
    uid: int
    gid: int
    size: int = 0
    label_version: int = 0
    labels: Mapping[str, bytes] = MappingProxyType({})
    changed_ns: int = 0
    unprivileged_ns: int = 0
    outsider_ns: int = 0
    attr_version: int = 0
    closed: int = 0

    @classmethod
    def of(cls, entry: context_pb2.Entry, stripe: int) -> Object:
        """An empty object for the file that a server describes."""
        labels = {label.name: label.value for label in entry.labels if label.HasField("value")}
        return cls(
            fid_of(entry.fid), stripe, entry.mode, entry.uid, entry.gid, 0, entry.label_version, labels,
            attr_version=entry.attr_version,
        )  # fmt: skip

    def told(self, other: Object) -> Object:
        """It, with the mode and the owner of `other`, if those are later ones."""
        if other.attr_version <= self.attr_version:
            return self
        return self._replace(mode=other.mode, uid=other.uid, gid=other.gid, attr_version=other.attr_version)

    def obj(self, modules: Mapping[str, str]) -> Obj:
        """It, as an object of hooks; `modules`: the labels' xattrs -> their modules."""
        labels = {
            module: value.decode("utf-8", "surrogateescape")
            for xattr, module in modules.items()
            if (value := self.labels.get(xattr)) is not None
        }
        mode = stat.S_IFREG | stat.S_IMODE(self.mode)
        return Obj("object", "file", labels, self.label_version, self.uid, self.gid, mode, self.fid)


def get(txn: Txn, fid: Fid, stripe: int) -> Object | None:
    """The object with its labels, if there is one."""
    return txn.remembered((fid, stripe), lambda: _read(txn, fid, stripe))


def _read(txn: Txn, fid: Fid, stripe: int) -> Object | None:
    key = fid_bytes(fid)
    row = txn.read(f"SELECT {COLUMNS} FROM objects WHERE fid = ? AND stripe = ?", key, stripe).fetchone()
    if row is None:
        return None
    labels = dict(txn.read("SELECT name, value FROM labels WHERE fid = ? AND stripe = ?", key, stripe))
    mode, uid, gid, size, version, *written_ns = row
    return Object(fid, stripe, mode, uid, gid, size, version, labels, *written_ns)


def put(txn: Txn, o: Object) -> None:
    """Stores an object, over what is there of it, with exactly its labels."""
    key = fid_bytes(o.fid)
    txn.write(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        key, o.stripe, o.mode, o.uid, o.gid, o.size, o.label_version, o.changed_ns, o.unprivileged_ns, o.outsider_ns,
        o.attr_version, o.closed,
    )  # fmt: skip
    txn.write("DELETE FROM labels WHERE fid = ? AND stripe = ?", key, o.stripe)
    for name, value in o.labels.items():
        txn.write("INSERT INTO labels VALUES (?, ?, ?, ?)", key, o.stripe, name, value)
    txn.remember((o.fid, o.stripe), o)


def written(txn: Txn, o: Object) -> None:
    """Notes the object's size, times, mode and owner after a write, and whose writes count no more."""
    txn.write(
        "UPDATE objects SET size = ?, changed_ns = ?, unprivileged_ns = ?, outsider_ns = ?, mode = ?, uid = ?, gid = ?,"
        " attr_version = ?, closed = ? WHERE fid = ? AND stripe = ?",
        o.size, o.changed_ns, o.unprivileged_ns, o.outsider_ns, o.mode, o.uid, o.gid, o.attr_version, o.closed,
        fid_bytes(o.fid), o.stripe,
    )  # fmt: skip
    txn.remember((o.fid, o.stripe), o)


def delete(txn: Txn, fid: Fid, stripe: int) -> None:
    txn.forget((fid, stripe))
    for table in ("objects", "labels"):
        txn.write(f"DELETE FROM {table} WHERE fid = ? AND stripe = ?", fid_bytes(fid), stripe)


def everything(txn: Txn, only: Collection[Fid] = ()) -> Iterable[Object]:
    """All objects, in order of FID and stripe; or those of `only` these files."""
    wanted = set(map(fid_bytes, only))
    rows = txn.read("SELECT fid, stripe FROM objects ORDER BY fid, stripe")
    keys = [(fid_from(fid), stripe) for fid, stripe in rows if not wanted or fid in wanted]
    return (o for key in keys if (o := get(txn, *key)) is not None)
