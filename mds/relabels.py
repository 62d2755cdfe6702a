"""Relabels under way: a log of them, written before the first OST hears of one, gone with the step that ends it.

What a crash leaves here was never acknowledged, so it is undone: the OSTs get the old label back, under a version above
the one that they were told.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from host.node import Node
from host.store import Store, Txn, fid_bytes, fid_from
from labelproof.v1 import context_pb2
from lsm import Fid, Subject
from mds import inodes, labels
from mds.inodes import Inode
from mds.osts import Osts
from rpc import Call

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS relabels (
    fid BLOB PRIMARY KEY, name TEXT, old BLOB, new BLOB, version INTEGER
) WITHOUT ROWID;
"""


class Relabel(NamedTuple):
    """`old` is what the OSTs had; `version` is the one that the new label has there."""

    fid: Fid
    name: str
    old: bytes | None
    new: bytes
    version: int


def begin(txn: Txn, relabel: Relabel) -> None:
    fid, name, old, new, version = relabel
    txn.write("INSERT OR REPLACE INTO relabels VALUES (?, ?, ?, ?, ?)", fid_bytes(fid), name, old, new, version)


def end(txn: Txn, fid: Fid) -> None:
    txn.write("DELETE FROM relabels WHERE fid = ?", fid_bytes(fid))


def pending(txn: Txn) -> list[Relabel]:
    """The ones left, in FID order."""
    rows = txn.read("SELECT fid, name, old, new, version FROM relabels ORDER BY fid")
    return [Relabel(fid_from(fid), *rest) for fid, *rest in rows]


def labelled(inode: Inode, relabel: Relabel) -> Inode:
    """The inode as it will be."""
    return inode._replace(labels={**inode.labels, relabel.name: relabel.new}, label_version=relabel.version)


class Relabels:
    """Tells the OSTs, and takes it back."""

    def __init__(self, node: Node, store: Store, osts: Osts) -> None:
        self._node = node
        self._store = store
        self._osts = osts

    async def push(self, inode: Inode, relabel: Relabel, call: Call | None, behalf: Subject | None) -> None:
        """Tells every OST of the file its new label; the first refusal or failure is raised when all have answered."""
        # As it is: an object that is not there yet is judged as the file, from its old label to the new one.
        known = inode._replace(label_version=relabel.version - 1)
        if relabel.old is not None:
            known = known._replace(labels={**inode.labels, relabel.name: relabel.old})
        entry = inodes.entry(known, self._node.framework.kept)
        label = context_pb2.Label(name=relabel.name, value=relabel.new)
        await self._osts.set_label(inode, entry, label, relabel.version, call, behalf)

    async def undo(self, relabel: Relabel) -> bool:
        """Gives the OSTs the old label back, above the version that they may have been told; whether that was done.

        What cannot be done now stays noted, and is done at the next start, or made needless by the next relabel.
        """
        try:
            inode = await self._undone(relabel)
        except OSError as error:
            log.warning("the relabel of %s cannot be undone now: %s", relabel.fid, error)
            return False
        if inode is not None:
            batch = self._node.recorder.batch()
            transno = self._store.transno
            labels.record(self._node, batch, inode, relabel.name, relabel.old, "undo", transno)
            batch.flush()
        return True

    async def undo_left(self) -> bool:
        """Undoes what a crash left; whether nothing is left. A relabel that is still under way is waited for."""
        done = [await self._undo_if_left(relabel.fid) for relabel in pending(self._store.view())]
        return all(done)

    async def settled(self, fid: Fid) -> bool:
        """Undoes what an earlier relabel of the file has left, if any, under the file's lock; whether nothing is left.
        Before that no other may begin: it would come with a version that the OSTs know as another label's."""
        left = next((relabel for relabel in pending(self._store.view()) if relabel.fid == fid), None)
        return left is None or await self.undo(left)

    async def _undo_if_left(self, fid: Fid) -> bool:
        async with self._store.locks.hold(fid):
            return await self.settled(fid)

    async def _undone(self, relabel: Relabel) -> Inode | None:
        name = relabel.name
        old = relabel.old if relabel.old is not None else labels.default(self._node, name) or b""
        back = Relabel(relabel.fid, name, relabel.new, old, relabel.version + 1)
        with self._store.op(None) as txn:
            inode = inodes.get(txn, relabel.fid)
            # Before the OSTs hear of it, so that no later relabel can come with a version that they know already.
            inodes.update(txn, relabel.fid, label_version=back.version)
            begin(txn, relabel._replace(version=back.version))
        await self._store.settled()
        if inode is not None:
            await self.push(inode, back, None, None)
        with self._store.op(None) as txn:
            end(txn, relabel.fid)
        await self._store.settled()
        return inode and inode._replace(label_version=back.version)
