"""Who opened the file that a descriptor stands for, and what as (struct file, f_cred and the SIDs beside it).

A task that changes its own context keeps what it has open; then every query on the descriptor first asks whether it may
use what another context opened: fd {use} (security/selinux/hooks.c, file_has_perm).
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.model import labels
from harness.model.fs import Event
from harness.model.world import LABEL, Op, Rpc, World


def opener(world: World, event: Event) -> str | None:
    """The context that opened the file which the event's operation works on, else None where it cannot be told.

    `event` is an rpc's or a decision's.
    """
    op = world.op_of(event) or world.ops.get(event.get("op") or "")
    if op is None or not op.settled or op.invoke["f"] == "close":
        return None
    names = _descriptors(world, event, op)
    if not names:
        # By path: what is opened on the way is the operation's own.
        return None if str(event.get("method", "")).startswith("Oss/") else world.context(op.subject)
    contexts = {_opened(world, op, name) for name in names}
    return contexts.pop() if len(contexts) == 1 else None


def stranger(world: World, event: Event) -> bool | None:
    """Whether another context asks than the one that opened; None: it cannot be told."""
    op, opened = world.ops.get(event.get("op") or ""), opener(world, event)
    asks = world.context(op.subject) if op else None
    return None if opened is None or asks is None else opened != asks


def moved(world: World, rpc: Rpc) -> bool:
    """Whether the open file that an rpc is about surely has another label there than its open told."""
    node, op = rpc.recv["n"], world.ops.get(rpc.recv.get("op") or "")
    names, policy = _descriptors(world, rpc.recv, op) if op else (), world.policy(node)
    held = world.tree.descriptors.of(op.invoke, names[0]) if op and len(names) == 1 else None
    opened = world.ops.get(held.op) if held else None
    ret = opened.end.get("ret") if opened and opened.end else None
    if held is None or policy is None or not isinstance(ret, Mapping) or LABEL not in (ret.get("labels") or {}):
        return False
    had = labels.effective(policy, ret["labels"][LABEL])
    on_ost = world.roles.get(node) == "oss"
    has = world.truth.object_since(node, held.fid, rpc.seq) if on_ost else world.truth.since(held.fid, rpc.seq)
    return bool(has) and had not in {labels.effective(policy, label) for label in has}


def _opened(world: World, op: Op, name: str) -> str | None:
    held = world.tree.descriptors.of(op.invoke, name)
    opened = world.ops.get(held.op) if held else None
    return world.context(opened.subject) if opened is not None and opened.settled else None


def _descriptors(world: World, event: Event, op: Op) -> tuple[str, ...]:
    """The arguments that may name the descriptor: a copy has two, of which `to` is written and `fd` is read."""
    args, rpc = op.invoke.get("args") or {}, world.rpc(event)
    method = rpc.recv["method"] if rpc else event.get("method")
    names = tuple(name for name in ("fd", "to") if isinstance(args.get(name), int))
    return {"Oss/Read": names[:1], "Oss/Write": names[-1:]}.get(str(method), names)
