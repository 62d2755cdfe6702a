"""Histories of any length to judge: a short recorded one, whose work is repeated with objects and calls of its own.

Each repetition makes new objects under the same names, which the one before has removed; FIDs, operations and rpcs are
named anew, clocks and indexes count on. So the whole is a history that a cluster could have written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from harness import history, profile
from harness.bench.clusters import POLICY
from harness.clusters.cluster import Cluster
from harness.clusters.simulated import Sim
from harness.history import Event
from harness.policy import Policy
from harness.spec import ClusterSpec

FILES = 40

_FID = re.compile(rb"\[0x([0-9a-f]+:0x[0-9a-f]+:0x[0-9a-f]+)\]")
_OP = re.compile(rb'"op(\d+)"')
_RPC = re.compile(rb'"((?:client|mds|oss)\d+|harness):(\d+)"')


class Tiles:
    """A recorded history: `before` its work began, and the work itself."""

    def __init__(self, before: Sequence[Event], work: Sequence[Event]) -> None:
        self.before = list(before)
        self.work = list(work)
        self._line = orjson.dumps(self.work)
        self._old = set(_FID.findall(orjson.dumps(self.before)))
        self._clock = max(e["c"] for e in self.work) - max(e["c"] for e in self.before)
        self._time = max(e["t"] for e in self.work) - max(e["t"] for e in self.before)
        self._events = {n: sum(e["n"] == n for e in self.work) for n in {e["n"] for e in self.work}}

    def slices(self, events: int) -> Iterator[list[Event]]:
        """The history in slices, until there are that many events or a few more."""
        yield self.before
        made, number = len(self.before), 0
        while made < events:
            yield self._repeated(number)
            made += len(self.work)
            number += 1

    def _repeated(self, number: int) -> list[Event]:
        suffix = b"-%d" % number

        def fid(match: re.Match[bytes]) -> bytes:
            return match[0] if match[1] in self._old else b"[0x%x%s]" % (number + 1, match[1])

        line = _FID.sub(fid, self._line)
        line = _OP.sub(rb'"op\1' + suffix + b'"', line)
        line = _RPC.sub(rb'"\1:\2' + suffix + b'"', line)
        events: list[dict[str, Any]] = orjson.loads(line)
        for event in events:
            event["c"] += number * self._clock
            event["t"] += number * self._time
            event["i"] += number * self._events[event["n"]]
        return list(events)


def record(folder: Path) -> Tiles:
    """A little work on a simulated cluster, recorded in `folder`."""
    who = profile.of(POLICY)
    spec = ClusterSpec(client=1, policy=Policy.own(POLICY), root_context=who.root, seed=1)
    cluster = Sim().start(spec, folder)
    try:
        admin = cluster.client().login(who.admin, uid=0, gid=0, caps="all", umask=0)
        admin.chmod("/", 0o1777)
        begun = cluster.mark()
        _work(cluster, who.user)
    finally:
        cluster.stop()
    events = history.read(folder / "history").events
    ends = {node: begun.get(node, 0) for node in {e["n"] for e in events}}
    return Tiles([e for e in events if e["i"] < ends[e["n"]]], [e for e in events if e["i"] >= ends[e["n"]]])


def _work(cluster: Cluster, context: str) -> None:
    """What files go through, ending as it began."""
    task = cluster.client().login(context)
    task.mkdir("/tile")
    for number in range(FILES):
        path = f"/tile/{number}"
        fd = task.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        task.write(fd, b"data")
        task.pread(fd, 4, 0)
        task.close(fd)
        task.stat(path)
        task.getxattr(path, "security.selinux")
        task.unlink(path)
    task.rmdir("/tile")
    task.logout()
