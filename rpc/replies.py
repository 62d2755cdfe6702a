"""The reply cache of one target: a resend (same client and xid) gets the reply that the first one got.

Only for the same request of the same subject; anything else under a known xid is EPROTO. An entry goes when the
client says that it has the reply (acked xid).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One kept reply, as a store keeps it beside what the call changed."""

    client: str
    xid: int
    request: bytes
    subject: bytes
    reply: bytes


class ReplyCache:
    """Kept replies by client and xid. Persisting is the store's: it saves `row`s in the op's own savepoint, deletes
    those up to a call's `acked_xid`, and gives the rest back with `load` when it opens again."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, Row]] = {}
        self._acked: dict[str, int] = {}
        self._running: dict[tuple[str, int], asyncio.Event] = {}

    def load(self, rows: Iterable[Row]) -> None:
        """Puts back what a store kept."""
        for row in rows:
            self.keep(row)

    def keep(self, row: Row) -> None:
        self._rows.setdefault(row.client, {})[row.xid] = row

    async def find(self, client: str, xid: int, request: bytes, subject: bytes) -> Row | None:
        """The reply kept for a call, after the same call is through if it still runs; EPROTO if it is not the same."""
        while (running := self._running.get((client, xid))) is not None:
            await running.wait()
        row = self._rows.get(client, {}).get(xid)
        if row is not None and (row.request, row.subject) != (request, subject):
            raise OSError(
                errno.EPROTO, f"xid {xid} of {client} was another {'request' if row.request != request else 'subject'}"
            )
        if row is None and xid <= self._acked.get(client, 0):
            raise OSError(errno.EPROTO, f"xid {xid} of {client} was acknowledged, so it cannot be sent again")
        return row

    def begin(self, client: str, xid: int) -> None:
        self._running[client, xid] = asyncio.Event()

    def end(self, client: str, xid: int) -> None:
        self._running.pop((client, xid)).set()

    def acknowledge(self, client: str, acked_xid: int) -> None:
        """Forgets the replies that the client has."""
        if acked_xid <= self._acked.get(client, 0):
            return
        self._acked[client] = acked_xid
        kept = self._rows.get(client, {})
        for xid in [xid for xid in kept if xid <= acked_xid]:
            del kept[xid]
