"""Answers and the decisions that earned them: who is told of an object has asked, now or before.

A client may answer from its cache, but only the context that earned the entry, as long as the label and the policy by
which it did are in force (RFC 7204 3.5.1; security/selinux/hooks.c, selinux_inode_getattr and its like, ask each time).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

from harness.model import labels
from harness.model.fs import Event
from harness.model.world import Op, World

_ASKS = dict.fromkeys(("stat", "lstat", "fstat", "getxattr", "listxattr"), "getattr") | {"readlink": "read"}

# Source, target, class, permission.
_Query = tuple[str, str, str, str]


class Earned:
    """What was allowed to whom, and when last; times are the world's, which counts an event once it is judged."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._allowed: dict[_Query, dict[str, int]] = defaultdict(dict)
        self._policies: dict[str, list[int]] = defaultdict(list)

    def decided(self, event: Event) -> None:
        """Takes a decision of the module selinux."""
        if event["allowed"]:
            for permission in event["requested"]:
                query = event["scontext"], event["tcontext"], event["tclass"], permission
                self._allowed[query][event["n"]] = self._world.truth.seq + 1

    def changed(self, node: str) -> None:
        """The node decides by another policy, or by other booleans, from now on."""
        self._policies[node].append(self._world.truth.seq + 1)

    def lacking(self, op: Op) -> str | None:
        """The permission that nobody asked for what an operation was told; None: it is in order, or not known to be
        otherwise."""
        world, permission = self._world, _ASKS.get(op.invoke["f"])
        policy, source = world.policy(op.invoke.get("client", "")), world.context(op.subject)
        inode = world.tree.inodes.get(op.about or "")
        if not (permission and policy and source and inode and op.settled and world.truth.known(inode.fid)):
            return None
        targets = {labels.effective(policy, label) for label in world.truth.since(inode.fid, op.seq)}
        earned = any(self._earned((source, target or "", inode.tclass, permission), op.seq) for target in targets)
        return None if earned or world.tree.subject_of(op.invoke) != inode.fid else permission

    def _earned(self, query: _Query, began: int) -> bool:
        return any(seq > self._changed_by(node, began) for node, seq in self._allowed.get(query, {}).items())

    def _changed_by(self, node: str, seq: int) -> int:
        changes = self._policies[node]
        found = bisect_right(changes, seq)
        return changes[found - 1] if found else -1
