"""What led to a failure: the operations before it, and of the last one every rpc, decision and label, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.report.book import Change, Decision, Rpc, Step, short
from harness.report.reading import errno_name

Kind = Literal["op", "rpc", "answer", "decision", "label"]
STOPS_MAX = 60  # the last of them; what is wrong is at the end
HARNESS = "harness"


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing on the way, on `node`; a message goes `to` another. `text` is short, `full` has whole contexts."""

    at: int
    kind: Kind
    node: str
    to: str
    text: str
    full: str
    bad: bool = False
    culprit: bool = False


def of(steps: Sequence[Step]) -> tuple[Stop, ...]:
    """The way of these operations, of which the last is the one at fault."""
    stops = [stop for step in steps[:-1] for stop in _before(step)]
    if steps:
        stops += _whole(steps[-1])
    return tuple(sorted(stops, key=lambda stop: stop.at))[-STOPS_MAX:]


def _before(step: Step) -> Iterator[Stop]:
    """Of an operation before it: what it was, and what it left or was denied."""
    yield _operation(step)
    yield from (_decision(item) for item in step.decisions if item.culprit or item.denied)
    yield from map(_change, step.changes)


def _whole(step: Step) -> Iterator[Stop]:
    yield _operation(step)
    yield from _messages(step.rpcs)
    yield from map(_decision, step.decisions)
    yield from map(_change, step.changes)


def _operation(step: Step) -> Stop:
    words = f"{step.number}. {step.f} {step.what}"
    text = f"{step.number}. {step.f} [{step.outcome}] {step.what}"
    full = f"operation {words} by {step.subject or step.task} on {step.client}: {step.outcome}"
    return Stop(step.at, "op", HARNESS, step.client, text, full, not step.ok, step.culprit)


def _messages(rpcs: Iterable[Rpc]) -> Iterator[Stop]:
    for rpc in rpcs:
        begin = rpc.send if rpc.send is not None else rpc.recv
        if rpc.origin == HARNESS or begin is None:
            continue  # the operation itself
        who = short(rpc.subject) + (f" for {short(rpc.behalf)}" if rpc.behalf else "")
        text = f"{rpc.method.rpartition('/')[2]} {rpc.named} {who}"
        full = f"rpc {rpc.method} {rpc.named} as {rpc.subject or 'nobody'} on {rpc.object or 'an object without label'}"
        yield Stop(begin, "rpc", rpc.origin, rpc.to, text, f"{full} {rpc.fid or ''}".strip(), culprit=rpc.culprit)
        end = rpc.reply if rpc.reply is not None else rpc.done
        if end is not None and (rpc.status or rpc.finding):
            told = errno_name(rpc.status) if rpc.status else "ok"
            full = f"{rpc.method} answers {told}{'; ' if rpc.finding else ''}{rpc.finding}"
            yield Stop(end, "answer", rpc.to, rpc.origin, told, full, bool(rpc.status), rpc.culprit)


def _decision(item: Decision) -> Stop:
    perms = " ".join(item.denied or item.requested)
    verdict = "denied" if not item.allowed else "allowed, permissive" if item.denied else "allowed"
    because = f" ({item.reason})" if item.denied and item.reason else ""
    text = f"{item.hook} {item.tclass} {{ {perms} }} {short(item.scontext)} → {short(item.tcontext)} {verdict}{because}"
    full = (
        f"hook {item.hook} on {item.node} ({item.vantage}): {item.tclass} {{ {perms} }} {verdict}{because} to"
        f" {item.scontext} on {item.tcontext} {item.object}"
    )
    return Stop(item.at, "decision", item.node, "", text, full.strip(), bool(item.denied), item.culprit)


def _change(item: Change) -> Stop:
    name, new = item.name.removeprefix("security."), item.new or "none"
    text = f"{name} of {item.object} := {short(new)} ({item.why})"
    full = f"label {item.name} of {item.object} {item.fid} on {item.node}: {item.old or 'none'} → {new} ({item.why})"
    return Stop(item.at, "label", item.node, "", text, full, culprit=item.culprit)
