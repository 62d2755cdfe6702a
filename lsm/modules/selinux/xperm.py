"""Extended permissions: allowx, auditallowx, dontauditx over ioctl commands and netlink message types.

Rules: avc_has_extended_perms and avc_xperms_audit_required in security/selinux/avc.c,
services_compute_xperms_decision in ss/services.c. The kernel splits a number in driver (high byte)
and function (low byte) only to store it: a driver that no rule flags is denied like a function
that no rule allows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["ioctl", "nlmsg"]


@dataclass(frozen=True, slots=True)
class XpermRule:
    """One rule: `effect` is allowx, auditallowx or dontauditx; `ranges` are inclusive, over 0 to 0xffff."""

    effect: str
    kind: str
    ranges: tuple[tuple[int, int], ...]

    def covers(self, kind: str, number: int) -> bool:
        """Whether the rule names this number of this kind."""
        return kind == self.kind and any(low <= number <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class XpermDecision:
    """What the extended rules add to the decision on the base permission.

    `defined`: the pair has such rules at all; if not, only the base permission counts.
    `allowed`: False takes the base permission away. `auditallow`: a grant that the base vector
    audits is audited. `dontaudit`: a denial that the base vector audits is silent.
    """

    defined: bool
    allowed: bool
    auditallow: bool
    dontaudit: bool


UNDEFINED = XpermDecision(defined=False, allowed=True, auditallow=True, dontaudit=False)

# class -> source -> target -> rules; sources and targets are types or attributes.
XpermTable = Mapping[str, Mapping[str, Mapping[str, tuple[XpermRule, ...]]]]


def decide(
    table: XpermTable, sources: Iterable[str], targets: Iterable[str], tclass: str, kind: Kind, number: int
) -> XpermDecision:
    """Decide one number for the attributes of a source and a target. ValueError when it is not 0 to 0xffff."""
    if not 0 <= number <= 0xFFFF:
        raise ValueError(f"{kind} {number:#x} is not a 16 bit number")
    rows = table.get(tclass, {})
    rules = [rule for source in sources for target in targets for rule in rows.get(source, {}).get(target, ())]
    if not rules:
        return UNDEFINED
    effects = {rule.effect for rule in rules if rule.covers(kind, number)}
    return XpermDecision(True, "allowx" in effects, "auditallowx" in effects, "dontauditx" in effects)
