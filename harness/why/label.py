"""`why label`: the chain of events that led to an object's label, each with the rule that it followed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.history import Event
from harness.model.context import split
from harness.model.policy import Stored
from harness.why import provenance
from harness.why.story import LABEL, Story, call

STAND_INS = {
    "unlabeled": "decisions are made on the initial SID `unlabeled`",
    "file": "decisions are made on the initial SID `file`",
}
_SETTERS = frozenset({"inode_setxattr", "inode_removexattr", "inode_setsecurity"})


@dataclass(frozen=True, slots=True)
class Step:
    """One event: where it stands in the history, what happened, and by which rules."""

    event: str
    sentence: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """An object and the steps to its label, oldest first; `label` is the last one stored on the MDS."""

    object: str
    path: str
    label: str | None
    steps: tuple[Step, ...]


def explain(story: Story, fid: str, policies: Stored, *, name: str = LABEL) -> Lineage:
    """The lineage of the label `name` of an object of this cluster."""
    events = [event for event in story.labels[fid] if event["name"] == name]
    mdt = [event for event in events if event["role"] == "mdt"]
    return Lineage(fid, story.path(fid), mdt[-1]["new"] if mdt else None, tuple(steps(story, events, policies)))


def steps(story: Story, events: Iterable[Event], policies: Stored) -> Iterable[Step]:
    """One step an event."""
    for event in events:
        yield Step(f"{event['n']}:{event['i']}", _sentence(story, event), tuple(_rules(story, event, policies)))


def before(story: Story, fid: str | None, event: Event) -> list[Event]:
    """The SELinux labels that the MDS had stored for an object when an event happened."""
    found = [label for label in story.labels.get(fid or "", ()) if label["role"] == "mdt" and label["name"] == LABEL]
    return [
        label for label in found if (label["n"] == event["n"] and label["i"] < event["i"]) or label["c"] < event["c"]
    ]


def who(story: Story, event: Event) -> str:
    """Subject, operation and test of an event."""
    op = story.op(event)
    subject = story.subject(event["n"], event.get("subject"))
    context = ((subject or {}).get("labels") or {}).get("selinux") or "no context"
    if op is None:
        return f"by {context}, outside of the tests' operations"
    return f"by {context} in {op['op']} {call(op)} on {op['client']}, {op['test'] or 'no test'}"


def _sentence(story: Story, event: Event) -> str:
    new, place, old = event["new"] or "removed", event["target"], event["old"] or "absent"
    match event["why"]:
        case "root":
            return f"{new} at {place}: the root of the filesystem, when it was made"
        case "inherit" | "transition" | "fscreate":
            parent = f"{story.path(event['parent'])} ({story.label_before(event['parent'], event)})"
            return f"{new} at {place}: made as {event['as']!r} in {parent}, {who(story, event)}"
        case "token":
            return f"{new} at {place} stripe {event.get('stripe', 0)}: the file's own label, brought by its data token"
        case "relabel":
            return f"{new} at {place} stripe {event.get('stripe', 0)}: the file was relabelled, was {old}"
        case "undo":
            return f"{new} at {place}: taken back, was {old}, {who(story, event)}"
    return f"{new} at {place}: set, was {old}, {who(story, event)}"


def _rules(story: Story, event: Event, policies: Stored) -> Iterable[str]:
    match event["why"]:
        case "root":
            yield "root_context of the cluster's spec, or the initial SID `file`"
        case "fscreate":
            yield from _fscreate(story, event)
        case "inherit" | "transition":
            yield from _creation(story, event, policies)
        case "set" | "remove":
            yield from _decisions(story, event)


def _creation(story: Story, event: Event, policies: Stored) -> Iterable[str]:
    mode = story.mode(event)
    policy = policies.policy(mode.digest) if mode else None
    subject = story.subject(event["n"], event.get("subject"))
    context = ((subject or {}).get("labels") or {}).get("selinux")
    parent = story.judged(event, "parent") or story.label_before(event["parent"], event)
    if mode is None or policy is None or context is None or split(context) is None:
        yield "the rule cannot be told: the run does not hold the policy or the subject"
        return
    if parent is None:
        parent = policy.initial_sid("file")
    birth = provenance.Birth(context, parent or "", event["class"], event["as"])
    yield from provenance.of_new(policy, birth, dict(mode.booleans))


def _fscreate(story: Story, event: Event) -> Iterable[str]:
    """The task's own choice, and the operation that made it."""
    op = story.op(event)
    yield "the subject's fscreate, which beats every rule"
    if op is None:
        return
    for earlier in reversed(story.ops.values()):
        same = (earlier["client"], earlier["task"]) == (op["client"], op["task"])
        if same and earlier["f"] == "setfscreate" and earlier["c"] < op["c"]:
            yield f"chosen in {earlier['op']} {call(earlier)}"
            return
    yield "chosen at the task's login"


def _decisions(story: Story, event: Event) -> Iterable[str]:
    """What was asked before the label was set."""
    if not event.get("rpc"):
        return
    asked = [avc for avc in story.decided_before(event) if avc["module"] == "selinux" and avc["hook"] in _SETTERS]
    # An operation that waited for other servers asks all of it once more in its last step.
    yield from dict.fromkeys(
        f"allowed: {avc['scontext']} {avc['tclass']} {{ {' '.join(avc['requested'])} }} {avc['tcontext']}"
        for avc in asked
    )
    if any("mac_admin" in avc["requested"] for avc in asked):
        yield f"no context of the policy, or mac_admin would not be asked: {STAND_INS['unlabeled']}"
