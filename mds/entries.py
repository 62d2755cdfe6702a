"""Directory entries. A cookie stays with its entry as long as that lives, so that a page begun can be gone on with."""

from __future__ import annotations

from typing import NamedTuple

from host.store import Txn, fid_bytes, fid_from
from lsm import Fid

# include/uapi/linux/limits.h, NAME_MAX
NAME_BYTES_MAX = 255

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    parent BLOB, name BLOB, cookie INTEGER, child BLOB, PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS entries_by_cookie ON entries (parent, cookie);
CREATE INDEX IF NOT EXISTS entries_by_child ON entries (child);
"""


class Dirent(NamedTuple):
    """One entry of a directory."""

    name: bytes
    cookie: int
    fid: Fid


def find(txn: Txn, parent: Fid, name: bytes) -> Fid | None:
    """What `name` in `parent` stands for."""
    if len(name) > NAME_BYTES_MAX:
        return None
    return txn.remembered((parent, name), lambda: _found(txn, parent, name))


def _found(txn: Txn, parent: Fid, name: bytes) -> Fid | None:
    row = txn.read("SELECT child FROM entries WHERE parent = ? AND name = ?", fid_bytes(parent), name).fetchone()
    return fid_from(row[0]) if row else None


def add(txn: Txn, parent: Fid, name: bytes, child: Fid) -> None:
    """A new name; its cookie is beyond any that was ever given, so that no reader has passed it by."""
    cookie = txn.number("next_cookie")
    txn.forget((parent, name))
    txn.write("INSERT INTO entries VALUES (?, ?, ?, ?)", fid_bytes(parent), name, cookie, fid_bytes(child))


def replace(txn: Txn, parent: Fid, name: bytes, child: Fid) -> None:
    """A name that is there stands for something else now; its cookie stays."""
    txn.forget((parent, name))
    txn.write("UPDATE entries SET child = ? WHERE parent = ? AND name = ?", fid_bytes(child), fid_bytes(parent), name)


def remove(txn: Txn, parent: Fid, name: bytes) -> None:
    txn.forget((parent, name))
    txn.write("DELETE FROM entries WHERE parent = ? AND name = ?", fid_bytes(parent), name)


def count(txn: Txn, parent: Fid) -> int:
    row = txn.read("SELECT COUNT(*) FROM entries WHERE parent = ?", fid_bytes(parent)).fetchone()
    return int(row[0])


def page(txn: Txn, parent: Fid, after: int, limit: int) -> list[Dirent]:
    """At most `limit` entries behind the cookie `after`, in cookie order."""
    rows = txn.read(
        "SELECT name, cookie, child FROM entries WHERE parent = ? AND cookie > ? ORDER BY cookie LIMIT ?",
        fid_bytes(parent), after, limit,
    )  # fmt: skip
    return [Dirent(bytes(name), cookie, fid_from(child)) for name, cookie, child in rows]


def parent_of(txn: Txn, child: Fid) -> tuple[Fid, bytes] | None:
    """A directory and the name by which `child` can be found in it (the only one, if `child` is a directory)."""
    row = txn.read(
        "SELECT parent, name FROM entries WHERE child = ? ORDER BY parent, name", fid_bytes(child)
    ).fetchone()
    return (fid_from(row[0]), bytes(row[1])) if row else None


def within(txn: Txn, fid: Fid, ancestor: Fid) -> bool:
    """Whether the directory `fid` is `ancestor` or lies below it."""
    here: Fid | None = fid
    while here is not None and here != ancestor:
        found = parent_of(txn, here)
        here = found[0] if found else None
    return here == ancestor


def path(txn: Txn, fid: Fid, root: Fid) -> str:
    """A path from the root ("/" itself); without a name any more, the FID. Bytes that are not UTF-8 as `\\xNN`."""
    parts: list[str] = []
    here = fid
    while found := parent_of(txn, here):
        here, name = found
        parts.append(name.decode("utf-8", "backslashreplace"))
    return "/" + "/".join(reversed(parts)) if here == root else str(fid)
