"""The derived policy of the mediation suite: the given one, plus subjects that lack exactly one permission each.

For every scenario there is a control subject with all that the operation needs, and for every permission that the
kernel's table names there a subject without that one. All act on objects of fresh types, so that no rule of the given
policy has a say. One compilation holds them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness import policy
from harness.model import access, cil
from harness.model.context import split
from harness.profile import Profile
from harness.suites.scenarios import FORMAT, Scenario

PREFIX = "labelproof"
# Roles of objects in a scenario that have a type of their own; `moved` is what an open file is relabelled to, and what
# is created or relabelled becomes `new`, or `sealed`, which only members of SEALERS may make of a label, or `homeless`,
# which may not associate.
ROLES = ("parent", "newparent", "object", "target", "moved", "new", "sealed", "homeless")
SEALERS = f"{PREFIX}_sealers"
# What a task may become, and a label that no policy knows.
BECOME, UNKNOWN = f"{PREFIX}_become_t", f"{PREFIX}_unheard_of_t"


@dataclass(frozen=True, slots=True)
class Denial:
    """One permission missing. `check` is the query that must say so; `subject` and `control` are contexts."""

    scenario: Scenario
    check: access.Check
    permission: str
    subject: str
    control: str

    @property
    def name(self) -> str:
        return f"{self.check.hook}:{self.check.target}:{self.check.tclass}:{self.permission}"

    @property
    def homeless(self) -> bool:
        """Whether it is the new object that lacks the permission, not the subject."""
        return self.check.source == "new"


@dataclass(frozen=True, slots=True)
class Derived:
    """The policy, and what was added: labels by role, what a task may become, and the denials of each scenario by
    its name."""

    policy: policy.Policy
    labels: dict[str, str]
    context: str
    denials: dict[str, list[Denial]]


@dataclass(slots=True)
class _Text:
    """CIL in the making; the contexts of new types take user, role and range of the profile's."""

    profile: Profile
    facts: cil.Facts
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, statement: str) -> None:
        self.lines.append(statement)

    def subject(self, grants: Sequence[access.Check], types: dict[str, str], new: str) -> str:
        """A subject type with just these grants, and what everybody needs to get there; its context."""
        self.count += 1
        name = f"{PREFIX}_s{self.count}_t"
        context = self.process(name)
        for check in grants:
            if check.perms and not (check.source == "new" and new == "homeless"):
                self.allow(name, {**types, "subject": "self", "new": types[new]}, check)
        for tclass in FORMAT:
            self.add(f"(typetransition {name} {types['parent']} {tclass} {types[new]})")
        return context

    def process(self, name: str) -> str:
        """A type that the profile's user may have, with no rights at all; its context."""
        user, role, _, _ = _parts(self.profile.user)
        self.add(f"(type {name}) (roletype {role} {name})")
        return f"{user}:{role}:{name}{_low(self.profile.user)}"

    def allow(self, subject: str, types: dict[str, str], check: access.Check) -> None:
        if check.perms == _VALIDATED:
            self.add(f"(typeattributeset {SEALERS} ({subject}))")
            return
        source = subject if check.source == "subject" else types[check.source]
        self.add(f"(allow {source} {types[check.target]} ({check.tclass} ({' '.join(sorted(check.perms))})))")


def derive(base: policy.Policy, profile: Profile, scenarios: Sequence[Scenario]) -> Derived:
    """The given policy with a subject for each denial of each scenario, compiled. sepol.PolicyError as compile."""
    text = _Text(profile, cil.read(base.cil))
    types = {role: f"{PREFIX}_{role}_t" for role in ROLES}
    sids = text.facts.initial_sids
    superblock = text.facts.fs_use["lustre"][1] if "lustre" in text.facts.fs_use else sids["unlabeled"]
    types |= {"fs": superblock.type, "root": _parts(profile.root)[2], "security": sids["security"].type}
    types |= {"unlabeled": sids["unlabeled"].type, "become": BECOME}
    _declare(text, types)
    context = text.process(BECOME)
    denials = {s.name: list(_denials(text, s, types)) for s in scenarios}
    derived = policy.Policy.compile({"derived.cil": "\n".join([base.cil, *text.lines, ""])}, f"{base.name}-mediation")
    labels = {role: _object(profile, types[role]) for role in ROLES} | {"unlabeled": _object(profile, UNKNOWN)}
    return Derived(derived, labels, context, denials)


def _declare(text: _Text, types: dict[str, str]) -> None:
    """The types of objects, and the rights of who lays them out and of the servers that keep them."""
    kernel, admin = text.facts.initial_sids["kernel"].type, _parts(text.profile.admin)[2]
    text.add(f"(typeattribute {SEALERS})")
    for tclass in FORMAT:
        text.add(f"(validatetrans {tclass} (or (neq t2 {types['sealed']}) (eq t3 {SEALERS})))")
    # A policy may give new objects their creator's role (default_role source).
    roles = dict.fromkeys(("object_r", _parts(text.profile.user)[1], _parts(text.profile.admin)[1]))
    for role in ROLES:
        text.add(f"(type {types[role]})")
        for allowed in roles:
            text.add(f"(roletype {allowed} {types[role]})")
        for subject in dict.fromkeys((kernel, admin)):
            for tclass in FORMAT:
                text.add(f"(allow {subject} {types[role]} ({tclass} (all)))")
        if role != "homeless":
            text.add(f"(allow {types[role]} {types['fs']} (filesystem (associate)))")


def _denials(text: _Text, scenario: Scenario, types: dict[str, str]) -> Iterator[Denial]:
    """One a permission that the scenario's own checks ask: where it is missing, the first that asks it says so."""
    if not scenario.lays:
        types = {**types, "object": types["new"]}
    arrival = [*_ARRIVAL, *scenario.needs()]
    control = text.subject(arrival, types, scenario.becomes)
    seen = set()
    for check in scenario.checks():
        for permission in sorted(check.perms):
            key = (check.source, check.target, check.tclass, permission)
            if check.optional or key in seen or not (scenario.whole or check.target not in _DIRECTORIES):
                continue
            seen.add(key)
            new = "homeless" if check.source == "new" else scenario.becomes
            subject = text.subject([_without(c, check, permission) for c in arrival], types, new)
            yield Denial(scenario, check, permission, subject, control)


def _without(granted: access.Check, denied: access.Check, permission: str) -> access.Check:
    same = (granted.source, granted.target, granted.tclass) == (denied.source, denied.target, denied.tclass)
    if not same or denied.source == "new":
        return granted
    return access.Check(
        granted.hook, granted.role, granted.source, granted.target, granted.tclass, granted.perms - {permission}
    )


def _parts(context: str) -> tuple[str, str, str, str | None]:
    parts = split(context)
    if parts is None:
        raise ValueError(f"the profile's {context!r} is not a context")
    return parts


def _low(context: str) -> str:
    """The low end of a context's range, with the colon before it; nothing in a policy without levels."""
    span = _parts(context)[3]
    return "" if span is None else f":{span.partition('-')[0]}"


def _object(profile: Profile, kind: str) -> str:
    return f"{_parts(profile.user)[0]}:object_r:{kind}{_low(profile.user)}"


_DIRECTORIES = ("parent", "newparent")
_VALIDATED = frozenset({"validatetrans"})
_ARRIVAL = (
    access.Check("sb_kern_mount", "fs", "subject", "fs", "filesystem", frozenset({"mount"})),
    access.Check("inode_permission", "parent", "subject", "root", "dir", frozenset({"search"})),
    access.Check("inode_permission", "parent", "subject", "parent", "dir", frozenset({"search"})),
    access.Check("inode_permission", "parent", "subject", "newparent", "dir", frozenset({"search"})),
)
