"""A policy: the tables that one flattened CIL text holds. It never changes; booleans in force are the server's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lsm.modules.selinux.avtab import AvTable
from lsm.modules.selinux.conditional import Conditional
from lsm.modules.selinux.constraint import Check, Constraint
from lsm.modules.selinux.context import Context
from lsm.modules.selinux.mls import Level, Levels, Range
from lsm.modules.selinux.transition import TypeRules
from lsm.modules.selinux.xperm import XpermTable

UNKNOWN_SHIFT = 32
UNKNOWN_PERMS = 0xFFFFFFFF << UNKNOWN_SHIFT
CLASS_PERMS_MAX = 32


@dataclass(frozen=True, slots=True)
class User:
    """A SELinux user: its roles, default level and range."""

    roles: frozenset[str]
    level: Level
    range: Range


@dataclass(frozen=True, slots=True)
class GenfsEntry:
    """One genfscon rule: a path prefix, the class it is for (None: all) and the context given."""

    path: str
    tclass: str | None
    context: str


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What a policy says, in names.

    `classes`: permission names in bit order. `attributes_of`: each type's own name, then its
    attributes, as rules may name either. `initial_sids`, `fs_use`, `genfs` hold canonical contexts;
    `genfs` entries stand longest path first, as the kernel searches them. `digest` is whatever the
    caller knows the policy by.
    """

    digest: str
    mls: bool
    handle_unknown: Literal["allow", "deny", "reject"]
    classes: Mapping[str, tuple[str, ...]]
    types: tuple[str, ...]
    attributes: Mapping[str, frozenset[str]]
    attributes_of: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, str]
    roles: Mapping[str, frozenset[str]]
    users: Mapping[str, User]
    levels: Levels
    permissive: frozenset[str]
    neveraudit: frozenset[str]
    bounds: Mapping[str, str]
    booleans: Mapping[str, bool]
    policycaps: frozenset[str]
    initial_contexts: Mapping[str, Context]
    initial_sids: Mapping[str, str]
    fs_use: Mapping[str, tuple[str, str]]
    genfs: Mapping[str, tuple[GenfsEntry, ...]]
    av: AvTable
    xperms: XpermTable
    conditionals: tuple[Conditional, ...]
    constraints: Mapping[str, tuple[Constraint, ...]]
    validatetrans: Mapping[str, tuple[Check, ...]]
    type_rules: TypeRules
    role_allow: frozenset[tuple[str, str]]
    _bits: dict[str, dict[str, int]] = field(init=False, repr=False)
    _masks: dict[tuple[str, tuple[str, ...]], int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        bits = {tclass: {perm: 1 << bit for bit, perm in enumerate(perms)} for tclass, perms in self.classes.items()}
        object.__setattr__(self, "_bits", bits)

    @staticmethod
    def parse(cil: str, digest: str = "") -> "Policy":
        """Parse flattened CIL, as libsepol's sepol_kernel_policydb_to_cil prints it.

        ValueError names the line of a statement that is malformed, unknown, or speaks of what is
        not declared.
        """
        from lsm.modules.selinux.parse import parse  # the parser needs this module's types

        return parse(cil, digest)

    def mask(self, tclass: str, perms: Iterable[str]) -> int:
        """The bits of `perms`. A class or permission that the policy does not define gets a bit above the 32.

        Decisions grant those bits exactly where handle_unknown says allow (map_decision in
        security/selinux/ss/services.c), so that requested & ~allowed is right for them too.
        """
        key = (tclass, tuple(perms))
        mask = self._masks.get(key)
        if mask is None:
            mask = 0
            for perm in key[1]:
                mask |= self._bit(tclass, perm)
            self._masks[key] = mask
        return mask

    def names(self, tclass: str, mask: int) -> tuple[str, ...]:
        """The permission names of the bits in `mask`, in bit order; unknown bits that `mask()` never gave have none."""
        # Mostly nothing is denied and nothing is to be told.
        return tuple(perm for perm, bit in self._bits.get(tclass, {}).items() if bit & mask) if mask else ()

    @property
    def transition_bits(self) -> int:
        """The process permissions that a role change needs a role allow rule for."""
        bits = self._bits.get("process", {})
        return bits.get("transition", 0) | bits.get("dyntransition", 0)

    def genfs_context(self, fstype: str, path: str, tclass: str) -> str | None:
        """The context that genfscon gives to `path` from the filesystem's root, or None (__security_genfs_sid)."""
        path = "/" + path.lstrip("/")
        for entry in self.genfs.get(fstype, ()):
            if entry.tclass in (None, tclass) and path.startswith(entry.path):
                return entry.context
        return None

    def _bit(self, tclass: str, perm: str) -> int:
        bits = self._bits.setdefault(tclass, {})
        bit = bits.get(perm)
        if bit is None:
            unknown = sum(value > 1 << (CLASS_PERMS_MAX - 1) for value in bits.values())
            bit = bits.setdefault(perm, 1 << (UNKNOWN_SHIFT + min(unknown, 31)))
        return bit
