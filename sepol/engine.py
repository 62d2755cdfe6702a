"""libsepol's security server with one policy. Only for use in a child: its state is global, a bad call is its end."""

import ctypes
import re
from collections.abc import Mapping, Sequence

from sepol import abi
from sepol.context import encode, encode_name
from sepol.errors import PolicyError
from sepol.policydb import PolicyDb

_REASONS = ((1, "te"), (2, "constraint"), (4, "rbac"), (8, "bounds"))
_CLASS = re.compile(r"^\((class|common) (\S+) \(([^()]*)\)\)$", re.M)
_CLASS_COMMON = re.compile(r"^\(classcommon (\S+) (\S+)\)$", re.M)
_CONSTRAINT_PERMS = re.compile(r"constrain \S+ \{([^}]*)\}")

CONTEXTS_MAX = 10_000  # the context table is searched in a line and never shrinks: 100 us a look-up from here on
LOST_BYTES_MAX = 256 << 20
_LOST_PER_POLICY_BYTE = 9  # each reload loses the policy before it, 5.5 to 9 times its file size, up to 3.11 at least

Masks = tuple[int, int, int]


class Engine:
    """Decisions by libsepol itself. Every context and name is checked for its shape before a call sees it."""

    def __init__(self, policy: bytes, booleans: Mapping[str, bool]) -> None:
        """Raises PolicyError for a policy that cannot be read, KeyError for an unknown boolean."""
        self._sepol = abi.libsepol()
        self._db = PolicyDb(policy)
        self._db.set_booleans(booleans)
        self._lost_bytes = 0
        self._load(self._db.binary() if booleans else policy)

    @property
    def worn(self) -> bool:
        """True once a fresh process would be faster or smaller than this one."""
        return len(self._sids) > CONTEXTS_MAX or self._lost_bytes > LOST_BYTES_MAX

    def classes(self) -> dict[str, list[str]]:
        """Class to its permissions in bit order: the common's first, then its own.

        Taken from the CIL text; sepol_av_perm_to_string crashes on a class it does not know.
        """
        text = self._db.cil()
        commons = {name: perms.split() for kind, name, perms in _CLASS.findall(text) if kind == "common"}
        inherited = dict(_CLASS_COMMON.findall(text))
        own = {name: perms.split() for kind, name, perms in _CLASS.findall(text) if kind == "class"}
        return {name: commons.get(inherited.get(name, ""), []) + perms for name, perms in own.items()}

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Raises KeyError for an unknown boolean; then nothing has changed."""
        self._db.set_booleans(values)
        policy = self._db.binary()
        self._load(policy)
        self._lost_bytes += _LOST_PER_POLICY_BYTE * len(policy)

    def decide(self, scontext: str, tcontext: str, tclass: str) -> Masks | None:
        """(allowed, auditallow, auditdeny) as bit vectors; None where a context or the class is not of this policy."""
        ssid, tsid, number = self._sid(scontext), self._sid(tcontext), self._class(tclass)
        if not (ssid and tsid and number):
            return None
        decision = abi.AvDecision()
        if self._sepol.sepol_compute_av(ssid, tsid, number, 0xFFFFFFFF, ctypes.byref(decision)):
            return None
        return decision.allowed, decision.auditallow, decision.auditdeny

    def explain(self, scontext: str, tcontext: str, tclass: str, perms: Sequence[str]) -> tuple[list[str], list[str]]:
        """(reasons, denying constraints) of the asked permissions. Raises ValueError for what is not in the policy."""
        ssid, tsid, number = self._known_sid(scontext), self._known_sid(tcontext), self._class(tclass)
        if not number:
            raise ValueError(f"class {tclass!r} is not in the policy")
        requested = self._mask(number, tclass, perms)
        decision, reason, text = abi.AvDecision(), ctypes.c_uint(), ctypes.c_void_p()
        failed = self._sepol.sepol_compute_av_reason_buffer(
            ssid, tsid, number, requested, ctypes.byref(decision), ctypes.byref(reason), ctypes.byref(text), 0
        )
        lines = abi.take_string(text).splitlines()
        if failed:
            raise ValueError(f"libsepol cannot explain {scontext} {tcontext} {tclass}")
        return [name for bit, name in _REASONS if reason.value & bit], _about(lines, set(perms))

    def validatetrans(self, old: str, new: str, task: str, tclass: str) -> bool:
        """Whether the (mls)validatetrans rules let an object go from old to new; False for what is unknown."""
        sids, number = [self._sid(context) for context in (old, new, task)], self._class(tclass)
        if not (all(sids) and number):
            return False
        text = ctypes.c_void_p()
        failed = self._sepol.sepol_validate_transition_reason_buffer(*sids, number, ctypes.byref(text), 0)
        abi.take_string(text)
        return not failed

    def valid_context(self, context: str) -> bool:
        """Whether the policy knows the context and allows its user, role, type and range together."""
        return self._sid(context) != 0

    def _load(self, policy: bytes) -> None:
        self._sids: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        memory = ctypes.create_string_buffer(policy, len(policy))
        stream = abi.libc().fmemopen(ctypes.addressof(memory), len(policy), b"rb")
        failed = self._sepol.sepol_set_policydb_from_file(stream)
        abi.libc().fclose(stream)
        if failed:
            raise PolicyError("the security server of libsepol refuses it; compile it again")

    def _sid(self, context: str) -> int:
        """0 for an invalid context. Only numbers from here are passed on: libsepol takes an unknown SID for another."""
        sid = self._sids.get(context)
        if sid is None:
            sid = self._sids[context] = self._look_up(context)
        return sid

    def _look_up(self, context: str) -> int:
        text, sid = encode(context), ctypes.c_uint32()
        if text is None or self._sepol.sepol_context_to_sid(text, len(text), ctypes.byref(sid)):
            return 0
        return sid.value

    def _known_sid(self, context: str) -> int:
        sid = self._sid(context)
        if not sid:
            raise ValueError(f"context {context!r} is not valid in the policy")
        return sid

    def _class(self, tclass: str) -> int:
        number = self._numbers.get(tclass)
        if number is None:
            name, found = encode_name(tclass), ctypes.c_uint16()
            refused = name is None or self._sepol.sepol_string_to_security_class(name, ctypes.byref(found))
            number = self._numbers[tclass] = 0 if refused else found.value
        return number

    def _mask(self, number: int, tclass: str, perms: Sequence[str]) -> int:
        mask = 0
        for perm in perms:
            name, bit = encode_name(perm), ctypes.c_uint32()
            if name is None or self._sepol.sepol_string_to_av_perm(number, name, ctypes.byref(bit)):
                raise ValueError(f"class {tclass} has no permission {perm!r}")
            mask |= bit.value
        return mask


def _about(lines: Sequence[str], perms: set[str]) -> list[str]:
    """libsepol lists every denying constraint of the class, asked or not: keep those about the permissions asked."""
    kept = []
    for line in lines:
        named = _CONSTRAINT_PERMS.search(line)
        if named and perms & set(named[1].split()):
            kept.append(line.strip())
    return kept
