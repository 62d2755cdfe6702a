"""Evidence of nodes that do not share our filesystem, kept as the files that a local node would write.

Of a node that runs, what is new comes by its rpc ReadEvidence; of one that stopped, whoever has its files hands them
in. Whole lines only: one that was torn when a node was killed is cut off by the node itself when it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.contacts import ADMIN, NOBODY
from labelproof.v1 import admin_pb2 as pb
from rpc import Channel, Stub

TIMEOUT_S = 10.0
# A reply with that much of a file may have had no room for all of it.
_FULL_BYTES = 1 << 20


@dataclass(slots=True)
class _Copy:
    """One file of a node's, as far as we have it."""

    path: Path
    size: int = 0

    def add(self, data: bytes) -> int:
        """Appends the whole lines of what follows; how many bytes they are."""
        whole = data[: data.rfind(b"\n") + 1]
        if whole:
            with self.path.open("ab") as file:
                file.write(whole)
            self.size += len(whole)
        return len(whole)


class Mirror:
    """The copies of a cluster's files in its run's folder."""

    def __init__(self, run_dir: Path, nodes: Iterable[str]) -> None:
        self._copies = {
            node: (_Copy(run_dir / "history" / f"{node}.jsonl"), _Copy(run_dir / "audit" / f"{node}.log"))
            for node in nodes
        }

    async def fetch(self, channels: Mapping[str, Channel]) -> dict[str, OSError]:
        """Brings the copies of those nodes up to date, and gives the errors of those that did not answer."""
        errors = await asyncio.gather(*(self._fetched(node, channel) for node, channel in channels.items()))
        return {node: error for node, error in zip(channels, errors, strict=True) if error is not None}

    def take(self, node: str, history: bytes, audit: bytes) -> None:
        """Brings the copies of a node that does not run up to date with its whole files."""
        for copy, data in zip(self._copies[node], (history, audit), strict=True):
            copy.add(data[copy.size :])

    async def _fetched(self, node: str, channel: Channel) -> OSError | None:
        stub, (history, audit) = Stub(ADMIN, channel), self._copies[node]
        while True:
            have = pb.ReadEvidenceRequest(history=history.size, audit=audit.size)
            try:
                reply = await stub.read_evidence(have, NOBODY, timeout_s=TIMEOUT_S)
            except OSError as error:
                return error
            added = history.add(reply.history) + audit.add(reply.audit)
            if not added or max(len(reply.history), len(reply.audit)) < _FULL_BYTES:
                return None
