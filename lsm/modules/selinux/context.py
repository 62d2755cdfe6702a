"""Security contexts: user:role:type[:range], their text, canonical form and validity.

Rules: string_to_context_struct, mls_context_to_sid (security/selinux/ss/services.c, mls.c) and
policydb_context_isvalid (policydb.c).
"""

from typing import TYPE_CHECKING, NamedTuple

from lsm.modules.selinux.mls import Level, Levels, contains

if TYPE_CHECKING:
    from lsm.modules.selinux.policy import Policy

CONTEXT_BYTES_MAX = 4096
OBJECT_R = "object_r"


class ContextError(ValueError):
    """The context is malformed, or names or combines what the policy does not know or allow."""


class Context(NamedTuple):
    """A context with names resolved. Without MLS both levels are Level(0, 0) and are not printed."""

    user: str
    role: str
    type: str
    low: Level = Level(0, 0)
    high: Level = Level(0, 0)


def parse(policy: "Policy", text: str, default: Context | None = None) -> Context:
    """Parse `text` under `policy` and check that it is valid; ContextError says why it is not.

    `default` is the context of the superblock's default SID, given only for a label read from an
    xattr: a missing range is then taken from it, and a range under a policy without MLS ignored.
    Aliases are resolved. A trailing NUL, which setxattr(2) accepts, is the caller's to strip.
    """
    context = _resolve(policy, text, default)
    if not valid(policy, context):
        raise ContextError(f"{text!r} is not valid: role and type, user and role, or user and range do not match")
    return context


def canonical(policy: "Policy", text: str) -> str:
    """The one spelling of a valid context: "u:r:t:s0:c3,c1,c2" is "u:r:t:s0:c1.c3"."""
    return format(policy, parse(policy, text))


def format(policy: "Policy", context: Context) -> str:
    """The canonical text of `context`."""
    return text(policy.levels, context)


def text(levels: Levels, context: Context) -> str:
    """The canonical text of `context` over a policy's `levels`, which are empty without MLS."""
    names = f"{context.user}:{context.role}:{context.type}"
    if not levels.sensitivities:
        return names
    return f"{names}:{levels.format_range((context.low, context.high))}"


def valid(policy: "Policy", context: Context) -> bool:
    """Whether role and type, user and role, user and range belong together (policydb_context_isvalid).

    The role object_r stands for whatever has no role, so only its levels are checked.
    """
    bounds = (context.low, context.high)
    if policy.mls and not policy.levels.valid(bounds):
        return False
    if context.role == OBJECT_R:
        return True
    user = policy.users[context.user]
    if context.type not in policy.roles[context.role] or context.role not in user.roles:
        return False
    return not policy.mls or contains(user.range, bounds)


def refuse_long(text: str) -> None:
    """ContextError for text that has no room in a call, whoever gives it."""
    if len(text.encode("utf-8", "surrogateescape")) >= CONTEXT_BYTES_MAX:
        raise ContextError(f"the context is {CONTEXT_BYTES_MAX} bytes or longer")


def _resolve(policy: "Policy", text: str, default: Context | None) -> Context:
    refuse_long(text)
    fields = text.split(":", 3)
    if len(fields) < 3:
        raise ContextError(f"{text!r} is not user:role:type[:range]")
    user, role, type_name = fields[:3]
    type_name = policy.aliases.get(type_name, type_name)
    if user not in policy.users:
        raise ContextError(f"unknown user {user!r} in {text!r}")
    if role not in policy.roles:
        raise ContextError(f"unknown role {role!r} in {text!r}")
    if type_name not in policy.attributes_of:
        raise ContextError(f"unknown type {type_name!r} in {text!r}")
    low, high = _range(policy, text, fields[3:], default)
    return Context(user, role, type_name, low, high)


def _range(policy: "Policy", text: str, field: list[str], default: Context | None) -> tuple[Level, Level]:
    if not policy.mls:
        if field and default is None:
            raise ContextError(f"{text!r} has a range, and the policy has no MLS")
        return Level(0, 0), Level(0, 0)
    if field:
        try:
            return policy.levels.parse_range(field[0])
        except ValueError as error:
            raise ContextError(f"{error} in {text!r}") from None
    if default is None:
        raise ContextError(f"{text!r} has no range, and the policy has MLS")
    return default.low, default.high
