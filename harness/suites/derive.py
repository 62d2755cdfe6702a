"""The derived policy of the mediation suite: the given one, plus subjects that lack exactly one permission each.

For every family of scenarios there is a control subject with all that the operation needs on any class, and for every
permission that the kernel's table names there a subject without that one. All act on objects of fresh types, so that no
rule of the given policy has a say. One compilation holds them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sepol
from harness import policy
from harness.model import access, cil
from harness.model.context import split
from harness.model.policy import Policy
from harness.profile import Profile
from harness.suites.scenarios import FORMAT, Scenario

PREFIX = "labelproof"
# Roles of objects in a scenario that have a type of their own; `moved` is what an open file is relabelled to, and what
# is created or relabelled becomes `new`, or `sealed`, which only members of SEALERS may make of a label, or `homeless`,
# which may not associate.
ROLES = ("parent", "newparent", "object", "target", "moved", "new", "sealed", "homeless")
SEALERS = f"{PREFIX}_sealers"
# The low 16 bits of FS_IOC_FSGETXATTR, and of another command, which is then the only one that is allowed.
COMMAND, OTHER_COMMAND = 0x581F, 0x5820
# What a task may become, who opens what others are handed, and a label that no policy knows.
OPENER = f"{PREFIX}_opener_t"
BECOME, UNKNOWN = f"{PREFIX}_become_t", f"{PREFIX}_unheard_of_t"


# Role of an object -> type; and a permission that a subject lacks, on objects of a role whatever their class.
Types = Mapping[str, str]
Missing = tuple[str, str, str]


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
    """The policy, and what was added: labels by role, what a task may become, who opens what others are handed, and
    the denials of each scenario by its name. `barred`: scenarios that a constraint of the given policy leaves to
    nobody, or that it has no words for, and what it is that they lack. `silent`: access(2) is denied without record."""

    policy: policy.Policy
    labels: dict[str, str]
    context: str
    opener: str
    denials: dict[str, list[Denial]]
    barred: dict[str, str]
    silent: bool


@dataclass(slots=True)
class _Text:
    """CIL in the making; the contexts of new types take user, role and range of the profile's."""

    profile: Profile
    facts: cil.Facts
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, statement: str) -> None:
        self.lines.append(statement)

    @property
    def classes(self) -> list[str]:
        """The classes of files that the policy has."""
        return [tclass for tclass in FORMAT if tclass in self.facts.perms]

    def asked(self, check: access.Check) -> access.Check:
        """A check as this policy can be asked: with the permissions that it has, and `open` only under the capability
        `open_perms` (security/selinux/hooks.c, open_file_to_av and selinux_inode_setattr)."""
        known = self.facts.perms.get(check.tclass, frozenset[str]()) | _BY_COMMAND | _VALIDATED
        silent = frozenset[str]() if "open_perms" in self.facts.policycaps else frozenset({"open"})
        return replace(check, perms=(check.perms & known) - silent)

    def unheard(self, check: access.Check) -> frozenset[str]:
        """What a check asks that this policy does not have, and therefore denies."""
        if self.facts.handle_unknown == "allow" or check.optional:
            return frozenset()
        known = self.facts.perms.get(check.tclass, frozenset[str]())
        return check.perms - known - _BY_COMMAND - _VALIDATED

    def subject(self, grants: Sequence[tuple[access.Check, Types]], new: str, missing: Missing | None) -> str:
        """A subject type with just these grants but what is missing, and what everybody needs to get there; its
        context. `new` is the role of what it makes."""
        self.count += 1
        name = f"{PREFIX}_s{self.count}_t"
        context = self.process(name)
        if any(check.target == "opener" for check, _ in grants):
            self.add(f"(allow {OPENER} {name} (process (dyntransition)))")
        given = {}
        for check, types in grants:
            named = {**types, "new": types[new]}
            rule = self.rule(name, named, check, missing)
            if rule and not (check.source == "new" and new == "homeless"):
                given[rule] = True
        for rule in given:
            self.add(rule)
        for tclass in self.classes:
            self.add(f"(typetransition {name} {PREFIX}_parent_t {tclass} {grants[0][1][new]})")
        return context

    def process(self, name: str) -> str:
        """A type that the profile's user may have, with no rights at all; its context."""
        user, role, _, _ = _parts(self.profile.user)
        self.add(f"(type {name}) (roletype {role} {name})")
        return f"{user}:{role}:{name}{_low(self.profile.user)}"

    def rule(self, subject: str, types: Types, check: access.Check, missing: Missing | None) -> str:
        """What grants a check, but for the permission that is missing; empty if nothing is left."""
        perms = check.perms
        if perms == _BY_COMMAND:
            other = missing is not None and missing[2] in perms
            command = OTHER_COMMAND if other else COMMAND
            return f"(allowx {subject} {types[check.target]} (ioctl {check.tclass} ({command:#x})))"
        if missing and missing[:2] == (check.source, check.target) and check.source != "new":
            perms -= {missing[2]}
        if not perms:
            return ""
        if perms == _VALIDATED:
            return f"(typeattributeset {SEALERS} ({subject}))"
        source = subject if check.source == "subject" else types[check.source]
        return f"(allow {source} {types[check.target]} ({check.tclass} ({' '.join(sorted(perms))})))"


def derive(base: policy.Policy, profile: Profile, scenarios: Sequence[Scenario]) -> Derived:
    """The given policy with a subject for each denial of each family, compiled. sepol.PolicyError as compile."""
    model = Policy(base.binary, base.cil, name=base.name)
    text = _Text(profile, model.facts)
    types = {role: f"{PREFIX}_{role}_t" for role in ROLES}
    contexts = {"fs": model.fs_label("lustre") or "", "root": profile.root}
    contexts |= {sid: model.initial_sid(sid) or "" for sid in ("security", "unlabeled")}
    types |= {role: _parts(context)[2] for role, context in contexts.items()}
    types |= {"become": BECOME, "opener": OPENER, "subject": "self"}
    _declare(text, types)
    contexts["become"], contexts["opener"] = text.process(BECOME), _opener(text, types)
    denials: dict[str, list[Denial]] = {}
    for family in families(scenarios).values():
        denials |= _denials(text, family, types)
    derived = policy.Policy.compile({"derived.cil": "\n".join([base.cil, *text.lines, ""])}, f"{base.name}-mediation")
    labels = {role: _object(profile, types[role]) for role in ROLES}
    barred = dict(_unspoken(text, scenarios, denials))
    open_ones = {name: found for name, found in denials.items() if name not in barred}
    barred |= _barred(derived, text, open_ones, contexts | labels)
    labels["unlabeled"] = _object(profile, UNKNOWN)
    return Derived(derived, labels, contexts["become"], contexts["opener"], denials, barred, _silent(model))


def _silent(model: Policy) -> bool:
    """security/selinux/hooks.c, selinux_inode_permission: access(2) is audited as `audit_access` says, and a permission
    that the policy does not have, but allows, says no (security/selinux/ss/services.c, map_decision)."""
    facts = model.facts
    return facts.handle_unknown == "allow" and "audit_access" not in facts.perms.get("file", frozenset())


def families(scenarios: Iterable[Scenario]) -> dict[str, list[Scenario]]:
    """Scenarios that do the same to different classes: the same subjects serve them all."""
    found: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        found.setdefault(scenario.family, []).append(scenario)
    return found


def _declare(text: _Text, types: dict[str, str]) -> None:
    """The types of objects, and the rights of who lays them out and of the servers that keep them."""
    kernel, admin = text.facts.initial_sids["kernel"].type, _parts(text.profile.admin)[2]
    text.add(f"(typeattribute {SEALERS})")
    for tclass in text.classes:
        text.add(f"(validatetrans {tclass} (or (neq t2 {types['sealed']}) (eq t3 {SEALERS})))")
    # A policy may give new objects their creator's role (default_role source).
    roles = dict.fromkeys(("object_r", _parts(text.profile.user)[1], _parts(text.profile.admin)[1]))
    for role in ROLES:
        text.add(f"(type {types[role]})")
        for allowed in roles:
            text.add(f"(roletype {allowed} {types[role]})")
        for subject in dict.fromkeys((kernel, admin)):
            for tclass in text.classes:
                text.add(f"(allow {subject} {types[role]} ({tclass} (all)))")
        if role != "homeless":
            text.add(f"(allow {types[role]} {types['fs']} (filesystem (associate)))")


def _opener(text: _Text, types: Types) -> str:
    """Who may open anything, and then take another context: its own."""
    context = text.process(OPENER)
    for check in _ARRIVAL:
        text.add(text.rule(OPENER, types, check, None))
    for role in ROLES:
        for tclass in text.classes:
            text.add(f"(allow {OPENER} {types[role]} ({tclass} (all)))")
    text.add(f"(allow {OPENER} self (process (setcurrent)))")
    return context


def _denials(text: _Text, family: Sequence[Scenario], types: Types) -> dict[str, list[Denial]]:
    """One a permission that a scenario's own checks ask: where it is missing, the first that asks it says so."""
    grants = [
        (text.asked(check), _roles(scenario, types)) for scenario in family for check in (*_ARRIVAL, *scenario.needs())
    ]
    control, new = text.subject(grants, family[0].becomes, None), family[0].becomes
    subjects: dict[Missing, str] = {}
    found: dict[str, list[Denial]] = {}
    for scenario in family:
        found[scenario.name] = []
        for check, permission in _asked(scenario, text):
            missing = (check.source, check.target, permission)
            if missing not in subjects:
                subjects[missing] = text.subject(grants, "homeless" if check.source == "new" else new, missing)
            denial = Denial(scenario, check, permission, subjects[missing], control)
            found[scenario.name].append(denial)
    return found


def _unspoken(
    text: _Text, scenarios: Iterable[Scenario], denials: Mapping[str, list[Denial]]
) -> Iterator[tuple[str, str]]:
    """Scenarios of classes and permissions that are younger than the policy, by what it does not have."""
    for scenario in scenarios:
        lacking = [(check.tclass, text.unheard(check)) for check in scenario.needs()]
        if scenario.tclass not in text.facts.perms:
            yield scenario.name, f"the policy has no class {scenario.tclass}"
        elif found := next((f"{tclass} {{ {' '.join(sorted(perms))} }}" for tclass, perms in lacking if perms), ""):
            yield scenario.name, f"the policy has no {found}, and denies what it does not have"
        elif not denials[scenario.name]:
            yield scenario.name, "the policy has no permission that this asks, and allows what it does not have"


def _barred(
    made: policy.Policy, text: _Text, denials: Mapping[str, list[Denial]], contexts: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Rules can be added, constraints not taken away: libsepol says whether the controls have what they were given."""
    with sepol.Worker(made.binary, name=made.name) as worker:
        for name, (denial, *_) in denials.items():
            scenario, control = denial.scenario, denial.control
            roles = {**contexts, "new": contexts[scenario.becomes], "subject": control}
            roles["object"] = roles["object" if scenario.lays else "new"]
            rules = (_VALIDATED, _BY_COMMAND)
            needs = [c for c in map(text.asked, scenario.needs()) if c.perms and c.source == "subject"]
            needs = [check for check in needs if check.perms not in rules]
            answers = worker.decide([(control, roles[check.target], check.tclass) for check in needs])
            for check, answer in zip(needs, answers, strict=True):
                lacking = check.perms - (answer.allowed if answer else frozenset())
                if lacking and not check.optional:
                    where = f"{check.tclass} {{ {' '.join(sorted(lacking))} }} on {roles[check.target]}"
                    yield name, f"a constraint of the policy forbids {control} {where}"


def _asked(scenario: Scenario, text: _Text) -> Iterator[tuple[access.Check, str]]:
    """Each permission once, with the first check that asks it."""
    seen = set()
    for check in map(text.asked, scenario.checks()):
        for permission in sorted(check.perms):
            key = (check.source, check.target, permission)
            if not (check.optional or key in seen) and (scenario.whole or check.target not in _DIRECTORIES):
                seen.add(key)
                yield check, permission


def _roles(scenario: Scenario, types: Types) -> Types:
    """Of an object that is not there before, the object is the new one."""
    return types if scenario.lays else {**types, "object": types[scenario.becomes]}


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
_BY_COMMAND = frozenset({"allowx"})
_VALIDATED = frozenset({"validatetrans"})
_ARRIVAL = (
    access.Check("sb_kern_mount", "fs", "subject", "fs", "filesystem", frozenset({"mount"})),
    access.Check("inode_permission", "parent", "subject", "root", "dir", frozenset({"search"})),
    access.Check("inode_permission", "parent", "subject", "parent", "dir", frozenset({"search"})),
    access.Check("inode_permission", "parent", "subject", "newparent", "dir", frozenset({"search"})),
)
