"""What a caller was told is done is done: what a server, or the cluster as a whole, promises by an answer.

Rules: RFC 7862 9.2 (no object without its label), RFC 7204 3.1(2) and 3.4.2 (what was set is kept, and can be had of
every object); each OST object follows its file before the relabel is acknowledged.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from harness.model import labels
from harness.model.fs import Event
from harness.model.world import CREATED, LABEL, Op, Rpc, World, sets_label

# What getxattr of the module's own attribute says of no object that is there (security/selinux/hooks.c).
_NEVER = frozenset({errno.ENODATA, errno.EINVAL, errno.EOPNOTSUPP})

# kind, sentence, expected, actual
Broken = tuple[str, str, object, object]


def of_a_server(world: World, event: Event, rpc: Rpc) -> Iterator[Broken]:
    """By a reply that says done."""
    if world.mode(event["n"]) is None or world.roles.get(event["n"]) != "mds":
        return
    given = [label for label in rpc.labels if label.get("name") == LABEL and label.get("role") == "mdt"]
    made = any(hook == "inode_init_security" for hook, *_ in event.get("fired") or ())
    if made and not any(label.get("why") in CREATED for label in given):
        because = f"{event['method']} on {event['n']} made an object and stored no label for it"
        yield "unlabelled", because, "a label event", "none"
    for label in given if rpc.recv["method"] == "Mds/Setxattr" else ():
        yield from _left_behind(world, label)


def _left_behind(world: World, label: Event) -> Iterator[Broken]:
    fid = label["object"]
    for node, held in world.truth.objects(fid):
        if held.label != world.truth.now(fid):
            because = f"{label['n']} relabelled {fid}, and its object on {node} was left with another label"
            yield "ost-label", because, world.truth.now(fid), held.label


def of_all(world: World, op: Op, end: Event) -> Iterator[Broken]:
    """By the end of an operation, as its caller sees it."""
    policy, fid = world.policy(op.invoke.get("client", "")), op.about
    if policy is None or fid is None or not world.truth.known(fid) or world.tree.subject_of(op.invoke) != fid:
        return
    had, asked = world.truth.since(fid, op.seq), sets_label(op)
    if asked is not None and end["phase"] == "ok":
        right = {labels.relabelled(policy, asked), asked.removesuffix("\0")} - {None}
        if not right & had:
            because = f"setting the label of {fid} was acknowledged, and it never had that label"
            yield "relabel", because, " or ".join(sorted(map(str, right))), world.truth.now(fid)
    if end["phase"] == "fail" and end.get("errno") in _NEVER and None not in had and _reads_label(op):
        number = int(end["errno"])
        because = f"the label of {fid} could not be read: {errno.errorcode.get(number, number)}"
        yield "told-label", because, " or ".join(sorted(map(str, had))), errno.errorcode.get(number, number)


def _reads_label(op: Op) -> bool:
    return op.invoke["f"] == "getxattr" and (op.invoke.get("args") or {}).get("name") == LABEL
