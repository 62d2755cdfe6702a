"""The client nodes that are connected, and the eviction of one that is not the process that it was.

A client that died has nobody who could give its open files and locks back. It is told from one that mounts once more
by when it began, and evicted as it connects anew, as Lustre does (lustre/ldlm/ldlm_lib.c, target_handle_connect; what
an evicted client had open is closed by mdt_export_cleanup, lustre/mdt/mdt_handler.c).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mds import inodes
from mds.flocks import Owner
from mds.handles import Handle
from rpc import Call

if TYPE_CHECKING:
    from mds.mdt import Mdt


class Clients:
    """By name, in memory only: a server that restarted has no handles to take from anybody."""

    def __init__(self, mdt: Mdt) -> None:
        self._mdt = mdt
        self._started_ns: dict[str, int] = {}
        # Opens under way by their node, and those of them whose client was evicted since they began.
        self._opening: dict[int, str] = {}
        self._lost: set[int] = set()

    async def connected(self, node: str, started_ns: int) -> None:
        """The client connects; if it was restarted, what it held is given up first."""
        former = self._started_ns.get(node)
        self._started_ns[node] = started_ns
        if former not in (None, started_ns):
            await self._evict(node)

    @contextmanager
    def opening(self, call: Call) -> Iterator[None]:
        """While a call is under way that opens something."""
        self._opening[id(call)] = call.peer.node
        try:
            yield
        finally:
            del self._opening[id(call)]
            self._lost.discard(id(call))

    def check_here(self, call: Call) -> None:
        """ENOTCONN if the caller was evicted since the call began: nobody would give back what it is given now."""
        if id(call) in self._lost:
            raise OSError(errno.ENOTCONN, f"{call.peer.node} was evicted")

    async def _evict(self, node: str) -> None:
        mdt = self._mdt
        self._lost.update(call for call, caller in self._opening.items() if caller == node)
        handles = mdt.handles.of(node)
        ids = {handle.id for handle in handles}

        def owned(owner: Owner) -> bool:
            return owner in ids or (isinstance(owner, tuple) and owner[0] == node)

        mdt.flocks.abandon(owned)
        for handle in handles:
            async with mdt.store.locks.hold(handle.fid):
                self._close(handle)
        batch = mdt.node.recorder.batch()
        batch.event("session", phase="evict", peer=node, role="client")
        batch.flush()

    def _close(self, handle: Handle) -> None:
        """As Close does; the size stays the OSTs' to know, and whoever asks for it asks them."""
        mdt = self._mdt
        mdt.handles.close(handle)
        mdt.leases.drop(handle.fid, handle.id)
        inode = inodes.get(mdt.store.view(), handle.fid)
        if inode is not None and inode.nlink == 0:
            with mdt.store.op(None) as txn:
                mdt.last_name_gone(txn, inode)
