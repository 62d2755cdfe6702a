"""What outlives the call that began it: relabels to undo, and the objects of files without a name, to be destroyed.

Both lists are in the store, so a restart goes on with them. An OST that cannot be reached is tried again until it can:
it may be cut off for any time, and would go on to decide by a label that was never acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, repeat

from host.store import Store, Txn, fid_bytes, fid_from
from lsm import Fid
from mds import inodes
from mds.inodes import Inode
from mds.osts import Osts
from mds.relabels import Relabels

# Pauses between tries, s; the last one again and again.
PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
SCHEMA = "CREATE TABLE IF NOT EXISTS orphans (fid BLOB PRIMARY KEY) WITHOUT ROWID;"

log = logging.getLogger(__name__)


class Reaper:
    """Destroys what was buried, after the commit that buried it; undoes what a crash left half done."""

    def __init__(self, store: Store, osts: Osts, relabels: Relabels) -> None:
        self._store = store
        self._osts = osts
        self._relabels = relabels
        self._task: asyncio.Task[None] | None = None

    def bury(self, txn: Txn, inode: Inode) -> None:
        """The end of an inode without name and handle; at once if the OSTs hold nothing of it."""
        if not inode.objects:
            inodes.delete(txn, inode.fid)
            return
        txn.write("INSERT OR IGNORE INTO orphans VALUES (?)", fid_bytes(inode.fid))
        self.wake()

    def adopt(self, txn: Txn) -> None:
        """After a restart there are no handles, so whatever has no name is to go. Writes nothing if there is none."""
        nameless = "SELECT fid FROM inodes WHERE nlink = 0 AND fid NOT IN (SELECT fid FROM orphans)"
        if txn.read(f"{nameless} LIMIT 1").fetchone():
            txn.write(f"INSERT INTO orphans {nameless}")

    def wake(self) -> None:
        """There may be something to do."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        for tries, pause_s in enumerate(chain(PAUSES_S, repeat(PAUSES_S[-1]))):
            await asyncio.sleep(0)  # the step that woke us ends first
            if await self._relabels.undo_left() and await self._all_destroyed():
                return
            if tries == len(PAUSES_S):
                log.warning("objects without a file, or with a label to undo, wait for an OST: %s", self._orphans())
            await asyncio.sleep(pause_s)

    async def _all_destroyed(self) -> bool:
        """Takes each orphan once, also those that come meanwhile; whether none is left."""
        tried: set[Fid] = set()
        while (orphan := next((fid for fid in self._orphans() if fid not in tried), None)) is not None:
            tried.add(orphan)
            try:
                await self._destroy(orphan)
            except OSError as error:
                log.info("the objects of %s stay for now: %s", orphan, error)
        return not self._orphans()

    async def _destroy(self, fid: Fid) -> None:
        await self._store.settled()
        inode = inodes.get(self._store.view(), fid)
        if inode is not None and inode.objects:
            await self._osts.destroy(inode)
        with self._store.op(None) as txn:
            inodes.delete(txn, fid)
            txn.write("DELETE FROM orphans WHERE fid = ?", fid_bytes(fid))

    def _orphans(self) -> list[Fid]:
        rows = self._store.view().read("SELECT fid FROM orphans ORDER BY fid")
        return [fid_from(row[0]) for row in rows]
