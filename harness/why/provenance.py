"""Which rule gives each part of a new object's label.

The order of security/selinux/ss/services.c, security_compute_sid: defaults, the type rule or transition, the file-name
transition over both, the role transition, the range transition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.model import cil, labels
from harness.model.context import Context
from harness.model.policy import Policy


@dataclass(frozen=True, slots=True)
class Birth:
    """An object's creation: the subject's context, the label that the parent was judged by, class and name."""

    subject: str
    parent: str
    tclass: str
    name: str | None


def of_new(policy: Policy, birth: Birth, booleans: Mapping[str, bool]) -> tuple[str, ...]:
    """One sentence for each of user, role, type and range, with the rule's text where there is one."""
    source = policy.parse(birth.subject)
    target = policy.parse(birth.parent)
    if source is None or target is None:
        return ("the label cannot be told: a context is not one of the policy",)
    return tuple(_parts(policy, source, target, birth, booleans))


def _parts(
    policy: Policy, source: Context, target: Context, birth: Birth, booleans: Mapping[str, bool]
) -> Iterator[str]:
    made = labels.transition(policy, source, target, birth.tclass, birth.name, booleans)
    if made is None:
        yield "no label: default_range glblub finds no level in common"
        return
    yield f"user {made.user}: {_user(policy, birth)}"
    yield f"role {made.role}: {_role(policy, source, target, birth)}"
    yield f"type {made.type}: {_type(policy, source, target, birth, booleans)}"
    if made.range is not None:
        yield f"level {policy.facts.levels.text(made.range)}: {_range(policy, source, target, birth)}"


def _user(policy: Policy, birth: Birth) -> str:
    return _default(policy, "user", birth) or "the subject's"


def _role(policy: Policy, source: Context, target: Context, birth: Birth) -> str:
    new = policy.facts.roles.get((source.role, target.type, birth.tclass))
    if new is not None:
        return f"role_transition {source.role} {target.type}:{birth.tclass} {new};"
    return _default(policy, "role", birth) or "object_r, as of every object"


def _type(policy: Policy, source: Context, target: Context, birth: Birth, booleans: Mapping[str, bool]) -> str:
    facts, key = policy.facts, (source.type, target.type, birth.tclass)
    rule = f"{source.type} {target.type}:{birth.tclass}"
    if birth.name is not None and (*key, birth.name) in facts.names:
        return f'type_transition {rule} {facts.names[*key, birth.name]} "{birth.name}"; (by file name)'
    if key in facts.types:
        return f"type_transition {rule} {facts.types[key]};"
    values = facts.booleans | dict(booleans)
    for condition, branch, conditional, new in facts.conditional:
        if conditional == key and cil.holds(condition, values) == branch:
            return f"type_transition {rule} {new}; in force because {_text(condition)} is {str(branch).lower()}"
    return _default(policy, "type", birth) or f"the parent's: no type_transition {rule}"


def _range(policy: Policy, source: Context, target: Context, birth: Birth) -> str:
    ruled = policy.facts.ranges.get((source.type, target.type, birth.tclass))
    if ruled is not None:
        return f"range_transition {source.type} {target.type}:{birth.tclass} {policy.facts.levels.text(ruled)};"
    return _default(policy, "range", birth) or "the subject's low level"


def _default(policy: Policy, what: str, birth: Birth) -> str | None:
    chosen = policy.facts.defaults.get((what, birth.tclass))
    return f"default_{what} {birth.tclass} {' '.join(chosen)};" if chosen else None


def _text(condition: cil.Node) -> str:
    return condition if isinstance(condition, str) else f"({' '.join(map(_text, condition))})"
