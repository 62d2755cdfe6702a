"""`why denied`: one denial told whole: who asked what of which object, what denied it, and what would allow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.history import Event
from harness.model.policy import Mode, Policy, Stored
from harness.model.world import is_by_command, is_query
from harness.why import label, provenance
from harness.why.causes import LABELS, Cause, Engine, Query
from harness.why.find import Denial
from harness.why.label import Step
from harness.why.story import Story, call

_DAC = "discretionary access control: owner, group and mode; no policy is asked"
_COMMAND_BITS = 0xFFFF  # of an ioctl's command, which policies know no more of
_CAPABILITY = "the subject's capability sets, which are narrower than what the call needs"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`cause` is audit2why's word (CAPABILITY and DAC are not SELinux's), `remedy` what audit2allow would add."""

    event: str
    sentence: str
    cause: str
    because: tuple[str, ...]
    remedy: tuple[str, ...]
    operation: str
    rpc: str
    policy: str
    subject: tuple[str, ...]
    object: tuple[str, ...]
    lineage: tuple[Step, ...] = ()


class Explainer:
    """Explains denials; engines are kept by policy until `close`."""

    def __init__(self) -> None:
        self._engines: dict[tuple[Path, str], Engine] = {}
        self._stored: dict[Path, Stored] = {}

    def explain(self, denial: Denial) -> Explanation:
        """Raises FileNotFoundError where the run does not hold the policy, sepol.Missing, sepol.PolicyError."""
        story, avc = denial.story, denial.avc
        cause = self.cause(denial)
        return Explanation(
            event=denial.name,
            sentence=sentence(avc),
            cause=cause.name if isinstance(cause, Cause) else cause[0],
            because=cause.because if isinstance(cause, Cause) else (cause[1],),
            remedy=cause.remedy if isinstance(cause, Cause) else (),
            operation=_operation(story, avc),
            rpc=_rpc(story, avc),
            policy=story.policy_name(avc),
            subject=tuple(_subject(story, avc)),
            object=tuple(self._object(story, avc)),
            lineage=tuple(label.steps(story, label.before(story, avc["object"], avc), self._policies(story))),
        )

    def cause(self, denial: Denial) -> Cause | tuple[str, str]:
        """What denied it: SELinux's cause, or (name, sentence) of what is not SELinux's."""
        story, avc = denial.story, denial.avc
        if avc["module"] == "capability":
            return "CAPABILITY", _CAPABILITY
        if avc["module"] != "selinux":
            return "DAC", _DAC
        mode = story.mode(avc)
        if mode is None:
            return "UNKNOWN", "the history has no policy of that node"
        engine = self._engine(story, avc["policy"] or mode.digest)
        if not is_query(avc):
            return _transition(engine, avc, story.label_before(avc["object"], avc))
        unknown = sorted(set(avc["denied"]) - engine.model.facts.perms.get(avc["tclass"], frozenset()))
        if unknown:
            handling = engine.model.facts.handle_unknown
            return (
                "UNKNOWN",
                f"the policy has no {avc['tclass']} {{ {' '.join(unknown)} }}, and handle_unknown is {handling}",
            )
        query = Query(avc["scontext"], avc["tcontext"], avc["tclass"], tuple(avc["denied"]), _ioctl(story, avc))
        cause = engine.cause(query, mode)
        return replace(cause, because=(*cause.because, _lenient(avc, mode))) if avc["allowed"] else cause

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        for stored in self._stored.values():
            stored.close()

    def _object(self, story: Story, avc: Event) -> list[str]:
        """What the object is; of one about to be made, which rules gave the label that was judged."""
        mode = story.mode(avc)
        policy = self._policies(story).policy(mode.digest) if mode else None
        if avc["object"]:
            about = f"{story.path(avc['object'])} {avc['object']}, label version {avc['version']}: {avc['tcontext']}"
            return [about, *_stand_in(story, avc, policy)]
        if avc["hook"] == "setprocattr":
            return [f"the context that the task asks for: {avc['tcontext']}"]
        if avc["role"] != "new":
            about = f"{avc['role'] or avc['name'] or avc['tclass']}: {avc['tcontext']}"
            return [about, *_origin(avc, policy)]
        birth, about = _birth(story, avc), f"{avc['name']!r}, about to be made: {avc['tcontext']}"
        if birth is None or mode is None or policy is None:
            return [about]
        fscreate = _fscreate(story, avc)
        if fscreate:
            return [about, f"the subject's fscreate, which beats every rule: {fscreate}"]
        return [about, *provenance.of_new(policy, birth, dict(mode.booleans))]

    def _engine(self, story: Story, digest: str) -> Engine:
        key = (story.part, digest)
        if key not in self._engines:
            self._engines[key] = Engine(*key)
        return self._engines[key]

    def _policies(self, story: Story) -> Stored:
        return self._stored.setdefault(story.part, Stored(story.part))


def sentence(avc: Event) -> str:
    """One line that says what was denied."""
    perms = " ".join(avc["denied"])
    verdict = "denied" if not avc["allowed"] else "would deny, were it enforcing,"
    at = "" if avc["vantage"] == "server" else f" (as {avc['vantage']})"
    return f"{avc['n']}{at} {verdict} {avc['tclass']} {{ {perms} }} to {avc['scontext']} on {avc['tcontext']}"


def _lenient(avc: Event, mode: Mode) -> str:
    """Why what was denied was done all the same."""
    domain = f"{avc['scontext'].split(':')[2]} is a permissive domain (typepermissive)"
    return f"done all the same: {domain if mode.enforcing else 'the node is permissive'}"


def _ioctl(story: Story, avc: Event) -> int | None:
    """The command, its low 16 bits, of an ioctl that was asked for by it."""
    op = story.op(avc) if is_by_command(avc) else None
    command = op["args"].get("cmd") if op else None
    return command & _COMMAND_BITS if isinstance(command, int) else None


def _transition(engine: Engine, avc: Event, old: str | None) -> Cause:
    """A relabel that the validatetrans rules forbid, which audit2why never hears of."""
    contexts = f"old (1) is {old or 'not known'}, new (2) is {avc['tcontext']}, task (3) is {avc['scontext']}"
    rules = (f"one of: {rule}" for rule in engine.rules.transitions(avc["tclass"]))
    return Cause("CONSTRAINT", ("the label may not follow the one before", *rules, contexts), LABELS)


def _operation(story: Story, avc: Event) -> str:
    op = story.op(avc)
    if op is None:
        return "none of a test"
    return f"{op['op']} {call(op)} on {op['client']} mount {op['mount']}, test {op['test'] or 'none'}"


def _rpc(story: Story, avc: Event) -> str:
    recv, case = story.rpc(avc), story.case(avc)
    where = f"{recv['method']} from {recv['from']} to {recv['to']}" if recv else f"no rpc, on {avc['n']} itself"
    behalf = ", for the subject acted for" if avc.get("behalf") else ""
    return f"{where}{f', case {case}' if case else ''}, hook {avc['hook']}({avc['role']}){behalf}"


def _subject(story: Story, avc: Event) -> list[str]:
    op = story.op(avc)
    login = story.login(op["client"], op["task"]) if op else None
    if op is None or login is None:
        return [avc["scontext"]]
    subject = story.subject(login["n"], login["subject"]) or {}
    own = (subject.get("labels") or {}).get("selinux")
    who = f"task {op['task']}, uid {subject.get('uid')}, logged in by {login['by']} at {login['n']}:{login['i']}"
    if avc["module"] == "selinux" and own != avc["scontext"]:
        return [avc["scontext"], f"not the context of {who}, which is {own}"]
    return [avc["scontext"], who]


def _fscreate(story: Story, avc: Event) -> str | None:
    recv = story.rpc(avc)
    subject = story.subject(avc["n"], (recv.get("behalf") or recv.get("subject")) if recv else None)
    chosen = (subject or {}).get("fscreate")
    return str(chosen) if chosen else None


def _birth(story: Story, avc: Event) -> provenance.Birth | None:
    """Of an object about to be made: the parent is what the same hook was asked about just before."""
    parent = story.judged(avc, "parent")
    return provenance.Birth(avc["scontext"], parent, avc["tclass"], avc["name"]) if parent else None


def _stand_in(story: Story, avc: Event, policy: Policy | None) -> Iterator[str]:
    """Where the decision was not made on the label that is stored: what stood in for it."""
    if avc["module"] != "selinux" or policy is None:
        return
    stored = story.label_before(avc["object"], avc)
    if stored is None and avc["tcontext"] == policy.initial_sid("file"):
        yield f"no label is stored: {label.STAND_INS['file']}"
    elif stored is not None and policy.canonical(stored) is None:
        yield f"what is stored, {stored}, is no context of the policy: {label.STAND_INS['unlabeled']}"


def _origin(avc: Event, policy: Policy | None) -> Iterator[str]:
    """Which statement of the policy labels what no file is: a filesystem, or something of the kernel's own."""
    if policy is None or avc["module"] != "selinux":
        return
    if avc["role"] == "fs":
        how = policy.facts.fs_use.get("lustre")
        rule = {"genfs": "genfscon lustre /"}.get(how[0], f"fs_use_{how[0]} lustre") if how else "no rule for lustre"
        yield f"by {rule}" + ("" if how else ": the initial SID `unlabeled`")
    elif avc["tclass"] == "security":
        yield "the initial SID `security`"
