"""The access decision, and why bits of it are missing.

Rules: context_struct_compute_av and type_attribute_bounds_av in security/selinux/ss/services.c.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lsm.modules.selinux.avtab import ALL_PERMS, AvTable, gather, unpack
from lsm.modules.selinux.constraint import Constraint
from lsm.modules.selinux.context import Context
from lsm.modules.selinux.policy import UNKNOWN_PERMS, Policy


@dataclass(frozen=True, slots=True)
class AvDecision:
    """A decision on a class, as bit masks (Policy.mask).

    A denial is audited where `auditdeny` has the bit, a grant where `auditallow` has it. `seqno` is
    the policy's at the time. `permissive`: the source type is, so denials are audited, not enforced.
    """

    allowed: int
    auditallow: int
    auditdeny: int
    seqno: int
    permissive: bool


def compute_av(
    policy: Policy, active: AvTable, source: Context, target: Context, tclass: str, seqno: int
) -> AvDecision:
    """Decide every permission of `tclass`; `active` are the conditional rules in force."""
    permissive = source.type in policy.permissive
    silent = source.type in policy.neveraudit
    if permissive and silent:
        return AvDecision(ALL_PERMS | UNKNOWN_PERMS, 0, 0, seqno, permissive)
    unknown = UNKNOWN_PERMS if policy.handle_unknown == "allow" else 0
    everything = ALL_PERMS | UNKNOWN_PERMS
    if tclass not in policy.classes:
        return AvDecision(everything if unknown else 0, 0, 0 if silent else everything, seqno, permissive)
    allowed, auditallow, dontaudit = _rules(policy, active, source, target, tclass)
    allowed &= ~_denied(policy, active, source, target, tclass, allowed)
    if silent:
        return AvDecision(allowed | unknown, 0, 0, seqno, permissive)
    return AvDecision(allowed | unknown, auditallow, ALL_PERMS & ~dontaudit, seqno, permissive)


def reason(policy: Policy, active: AvTable, source: Context, target: Context, tclass: str, denied: int) -> str:
    """Why `denied` bits are missing: "mls", "constraint", "rbac" or "bounds", the first that took one, else "te"."""
    if tclass not in policy.classes:
        return "te"
    allowed, _, _ = _rules(policy, active, source, target, tclass)
    causes = {cause for cause, bits in _denials(policy, active, source, target, tclass, allowed) if bits & denied}
    return next((cause for cause in ("mls", "constraint", "rbac", "bounds") if cause in causes), "te")


def _rules(policy: Policy, active: AvTable, source: Context, target: Context, tclass: str) -> tuple[int, int, int]:
    sources, targets = policy.attributes_of[source.type], policy.attributes_of[target.type]
    vector = gather(policy.av, sources, targets, tclass) | gather(active, sources, targets, tclass)
    return unpack(vector)


def _denied(policy: Policy, active: AvTable, source: Context, target: Context, tclass: str, allowed: int) -> int:
    """The bits of `allowed` that constraints, roles and bounds take away."""
    denied = 0
    for _, bits in _denials(policy, active, source, target, tclass, allowed):
        denied |= bits
    return denied


def _denials(
    policy: Policy, active: AvTable, source: Context, target: Context, tclass: str, allowed: int
) -> Iterator[tuple[str, int]]:
    """(cause, bits taken away), in the kernel's order; a bit is taken once, by the first that does."""
    for constraint in policy.constraints.get(tclass, ()):
        if allowed & constraint.mask and not constraint.holds(source, target, target):
            yield _cause(constraint), allowed & constraint.mask
            allowed &= ~constraint.mask
    if not allowed:
        return
    if tclass == "process" and source.role != target.role and (source.role, target.role) not in policy.role_allow:
        bits = allowed & policy.transition_bits
        yield "rbac", bits
        allowed &= ~bits
    if allowed and source.type in policy.bounds:
        yield "bounds", allowed & ~_bounding(policy, active, source, target, tclass)


def _cause(constraint: Constraint) -> str:
    return "mls" if constraint.mls else "constraint"


def _bounding(policy: Policy, active: AvTable, source: Context, target: Context, tclass: str) -> int:
    """What the source's bounding type may do to the target's (or to the target, if that has none)."""
    source = source._replace(type=policy.bounds[source.type])
    target = target._replace(type=policy.bounds.get(target.type, target.type))
    allowed, _, _ = _rules(policy, active, source, target, tclass)
    return allowed & ~_denied(policy, active, source, target, tclass, allowed)
