"""The label that an object has to have: at birth, after a relabel, and where none is stored.

Source: security/selinux/ss/services.c (security_compute_sid), security/selinux/hooks.c (determine_inode_label,
inode_doinit_use_xattr).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.model import cil
from harness.model.context import Context, Level, Range
from harness.model.policy import Policy


@dataclass(frozen=True, slots=True)
class Expected:
    """A new object's label and where it comes from: fscreate, transition or inherit."""

    label: str
    why: str


def of_new_object(
    policy: Policy,
    subject: str,
    parent: str | None,
    tclass: str,
    name: str | None,
    *,
    fscreate: str | None = None,
    booleans: Mapping[str, bool] | None = None,
) -> Expected | None:
    """The label of what `subject` makes as `name` in a directory labelled `parent`; fscreate beats every rule.

    None where a context does not parse, or default_range glblub finds no level in common: EINVAL in the kernel.
    """
    if fscreate is not None:
        canonical = policy.canonical(fscreate)
        return Expected(canonical, "fscreate") if canonical else None
    source, target = policy.parse(subject), policy.parse(effective(policy, parent) or "")
    if source is None or target is None:
        return None
    made = transition(policy, source, target, tclass, name, booleans)
    if made is None:
        return None
    plain = replace(source.low(), role="object_r", type=target.type)
    return Expected(policy.text(made), "inherit" if made == plain else "transition")


def transition(
    policy: Policy,
    source: Context,
    target: Context,
    tclass: str,
    name: str | None = None,
    booleans: Mapping[str, bool] | None = None,
) -> Context | None:
    """security_transition_sid: the context of an object of `tclass` that `source` makes in or from `target`."""
    keeps = tclass == "process" or tclass.endswith("socket")
    user = _default(policy, "user", tclass, source.user, target.user) or source.user
    role = _default(policy, "role", tclass, source.role, target.role) or (source.role if keeps else "object_r")
    role = policy.facts.roles.get((source.role, target.type, tclass), role)
    kind = _type(policy, source.type, target.type, tclass, name, booleans)
    if not policy.facts.mls:
        return Context(user, role, kind)
    span = _range(policy, source, target, tclass, keeps)
    return Context(user, role, kind, span) if span else None


def relabelled(policy: Policy, value: str) -> str | None:
    """What the store keeps when `security.selinux` is set to `value`: canonical, one trailing NUL dropped.

    None: EINVAL (empty, a trailing newline, a context that the policy does not have).
    """
    return policy.canonical(value.removesuffix("\0"))


def effective(policy: Policy, stored: str | None) -> str | None:
    """The context that decisions are made on: the stored label, else the `file` SID, or `unlabeled` if invalid."""
    if stored is None:
        return policy.initial_sid("file")
    return policy.canonical(stored.removesuffix("\0")) or policy.initial_sid("unlabeled")


def _default(policy: Policy, what: str, tclass: str, source: str, target: str) -> str | None:
    chosen = policy.facts.defaults.get((what, tclass))
    return {"source": source, "target": target}[chosen[0]] if chosen else None


def _type(
    policy: Policy, source: str, target: str, tclass: str, name: str | None, booleans: Mapping[str, bool] | None
) -> str:
    """A file-name transition overrides whatever the rules before it said, a type_transition included."""
    facts, key = policy.facts, (source, target, tclass)
    if name is not None and (*key, name) in facts.names:
        return facts.names[*key, name]
    if key in facts.types:
        return facts.types[key]
    values = facts.booleans | dict(booleans or {})
    for condition, branch, rule, new in facts.conditional:
        if rule == key and cil.holds(condition, values) == branch:
            return new
    keeps = tclass == "process" or tclass.endswith("socket")
    return _default(policy, "type", tclass, source, target) or (source if keeps else target)


def _range(policy: Policy, source: Context, target: Context, tclass: str, keeps: bool) -> Range | None:
    if source.range is None or target.range is None:
        return None
    ruled = policy.facts.ranges.get((source.type, target.type, tclass))
    if ruled is not None:
        return ruled
    chosen = policy.facts.defaults.get(("range", tclass))
    if chosen == ("glblub",):
        return _common(source.range, target.range)
    if chosen is not None:
        return _end({"source": source.range, "target": target.range}[chosen[0]], chosen[1])
    return source.range if keeps else Range(source.range.low, source.range.low)


def _end(span: Range, end: str) -> Range:
    return {"low": Range(span.low, span.low), "high": Range(span.high, span.high), "low-high": span}[end]


def _common(one: Range, other: Range) -> Range | None:
    """What two ranges share: the greater low, the lesser high (security/selinux/ss/context.h, mls_context_glblub)."""
    if one.high.sens < other.low.sens or other.high.sens < one.low.sens:
        return None
    low = Level(max(one.low.sens, other.low.sens), one.low.cats & other.low.cats)
    return Range(low, Level(min(one.high.sens, other.high.sens), one.high.cats & other.high.cats))
