"""What a cluster leaves besides its history: the stored labels as found, and one audit log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from labelproof.v1 import admin_pb2 as pb
from labelproof.v1 import context_pb2
from rpc import Recorder, fid_of
from rpc.record import text

# (node, rpc of Admin, request) -> reply
Ask = Callable[[str, str, Any], Awaitable[Any]]

_FID = re.compile(r"\[(0x[0-9a-f]+):(0x[0-9a-f]+):(0x[0-9a-f]+)\]")
_STAMP = re.compile(rb"msg=audit\((\d+)\.(\d+):(\d+)\)")


def raw(found: pb.RawObject) -> dict[str, Any]:
    """The fields of a `raw` event; a label without a value is an attribute that is absent."""
    labels = {label.name: text(label.value) if label.HasField("value") else None for label in found.labels}
    fields = {
        "target": found.target, "object": str(fid_of(found.fid)), "mode": found.mode, "labels": labels,
        "version": found.label_version, "stripe": found.stripe,
    }  # fmt: skip
    return fields | ({"path": found.path} if found.path else {})


async def collected(ask: Ask, servers: Iterable[str], fids: Iterable[str], recorder: Recorder) -> list[dict[str, Any]]:
    """The stored objects of these servers, or those of `fids` among them, recorded as `raw` events."""
    request = pb.CollectRequest(objects=map(fid, fids))
    replies = await asyncio.gather(*(ask(node, "collect", request) for node in servers))
    found = [raw(item) for reply in replies for item in reply.objects]
    batch = recorder.batch()
    for item in found:
        batch.event("raw", **item)
    batch.flush()
    return found


def fid(name: str) -> context_pb2.Fid:
    """The FID that the history writes as `[0x1:0x2:0x0]`; ValueError for anything else."""
    match = _FID.fullmatch(name)
    if match is None:
        raise ValueError(f"not a FID: {name!r}")
    seq, oid, ver = (int(part, 16) for part in match.groups())
    return context_pb2.Fid(seq=seq, oid=oid, ver=ver)


def merge_audit(run_dir: Path) -> None:
    """Writes `audit.log`: the records of every node's log by time; those of one time by node, in the node's order."""
    lines: list[tuple[tuple[int, ...], str, bytes]] = []
    for path in sorted((run_dir / "audit").glob("*.log")):
        lines += [(_when(line), path.name, line) for line in path.read_bytes().splitlines(keepends=True)]
    lines.sort(key=lambda item: (item[0][:2], item[1], item[0][2:]))
    (run_dir / "audit.log").write_bytes(b"".join(line for _, _, line in lines))


def _when(line: bytes) -> tuple[int, ...]:
    """Seconds, milliseconds and serial of a record; a torn line goes first."""
    match = _STAMP.search(line)
    return tuple(map(int, match.groups())) if match else (0, 0, 0)
