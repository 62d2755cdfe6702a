"""The label of a new object, a polyinstantiated member, or a relabelled one.

Rules: security_compute_sid in security/selinux/ss/services.c, mls_compute_sid in ss/mls.c.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lsm.modules.selinux import mls
from lsm.modules.selinux.conditional import Conditional
from lsm.modules.selinux.context import OBJECT_R, Context, ContextError
from lsm.modules.selinux.mls import Range

if TYPE_CHECKING:
    from lsm.modules.selinux.policy import Policy

Specified = Literal["typetransition", "typechange", "typemember"]
TypeKey = tuple[str, str, str]


class NoCommonLevel(ContextError):
    """default_range glblub of two ranges that have no sensitivity in common (mls_context_glblub: EINVAL)."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """default_user, default_role, default_type ("source", "target" or "") and default_range of a class."""

    user: str = ""
    role: str = ""
    type: str = ""
    range: str = ""


@dataclass(frozen=True, slots=True)
class TypeRules:
    """The transition tables; every key is (source, target, class), `named` has the file name as fourth."""

    types: Mapping[str, Mapping[TypeKey, str]]
    named: Mapping[tuple[str, str, str, str], str]
    roles: Mapping[TypeKey, str]
    ranges: Mapping[TypeKey, Range]
    defaults: Mapping[str, Defaults]


@dataclass(slots=True)
class ActiveTypeRules:
    """The conditional type rules in force; unconditional ones come first and are not copied."""

    types: dict[str, dict[TypeKey, str]] = field(
        default_factory=lambda: {"typetransition": {}, "typechange": {}, "typemember": {}}
    )

    @classmethod
    def under(cls, conditionals: Iterable[Conditional], booleans: Mapping[str, bool]) -> "ActiveTypeRules":
        """The rules that apply under `booleans`; of two for one key, the first in the policy."""
        active = cls()
        for conditional in conditionals:
            for rule in conditional.arm(booleans).types:
                active.types[rule.kind].setdefault((rule.source, rule.target, rule.tclass), rule.result)
        return active


@dataclass(frozen=True, slots=True)
class NewContext:
    """A computed context and the most specific rule behind it (see SecurityServer.transition_reason)."""

    context: Context
    reason: str


def compute(
    policy: "Policy",
    active: ActiveTypeRules,
    specified: Specified,
    source: Context,
    target: Context,
    tclass: str,
    name: str | None = None,
) -> NewContext:
    """Compute the context; it may be invalid. NoCommonLevel when glblub finds no sensitivity."""
    rules, key = policy.type_rules, (source.type, target.type, tclass)
    defaults = rules.defaults.get(tclass, _NO_DEFAULTS)
    like_source = tclass == "process" or tclass.endswith("socket")
    transition = specified == "typetransition"

    user = target.user if specified == "typemember" or defaults.user == "target" else source.user
    role = _default(defaults.role, source.role, target.role, source.role if like_source else OBJECT_R)
    type_name = _default(defaults.type, source.type, target.type, source.type if like_source else target.type)
    default_range = defaults.range if transition else ""

    ruled = rules.types[specified].get(key) or active.types[specified].get(key)
    named = rules.named.get((*key, name)) if name is not None else None
    new_role = rules.roles.get((source.role, target.type, tclass)) if transition else None
    ranged = rules.ranges.get(key) if transition else None
    bounds = ranged or _default_range(policy, default_range, source, target, like_source)

    used = zip((named, ruled, new_role, ranged), _REASONS, strict=True)
    reason = next((why for rule, why in used if rule), "inherit" if defaults == _NO_DEFAULTS else "default")
    return NewContext(Context(user, new_role or role, named or ruled or type_name, *bounds), reason)


_NO_DEFAULTS = Defaults()
_REASONS = ("name_transition", "type_transition", "role_transition", "range_transition")


def _default(which: str, source: str, target: str, unset: str) -> str:
    return {"source": source, "target": target}.get(which, unset)


def _default_range(policy: "Policy", which: str, source: Context, target: Context, like_source: bool) -> Range:
    if not policy.mls:
        return mls.Level(0, 0), mls.Level(0, 0)
    if which == "glblub":
        try:
            return mls.glblub((source.low, source.high), (target.low, target.high))
        except ValueError as error:
            raise NoCommonLevel(f"glblub: {error}") from None
    if not which:
        return (source.low, source.high) if like_source else (source.low, source.low)
    side, _, part = which.partition(" ")
    context = source if side == "source" else target
    return {
        "low": (context.low, context.low),
        "high": (context.high, context.high),
        "low-high": (context.low, context.high),
    }[part]
