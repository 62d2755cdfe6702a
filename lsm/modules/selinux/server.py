"""The security server: decisions by SID under a policy and the booleans in force."""

from collections.abc import Mapping

from lsm.modules.selinux import decide, transition, xperm
from lsm.modules.selinux.avtab import AvTable, add
from lsm.modules.selinux.context import ContextError, valid
from lsm.modules.selinux.decide import AvDecision
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.sidtab import SidTable
from lsm.modules.selinux.transition import ActiveTypeRules, NewContext, Specified
from lsm.modules.selinux.xperm import XpermDecision

# A rule's kind, source, target and class, and the name if there are rules about it.
Asked = tuple[Specified, int, int, str, str | None]


class SecurityServer:
    """One node's security server. Policies are shared, SIDs and booleans are its own.

    Everything is synchronous and deterministic. Decisions may be asked from several threads; loads
    and boolean changes are one caller's at a time. A SID that was never given out behaves as
    `unlabeled`, as in the kernel.
    """

    def __init__(self, policy: Policy, *, enforcing: bool = True, seqno: int = 1) -> None:
        self.enforcing = enforcing
        self._sids = SidTable(policy)
        self._set_policy(policy, dict(policy.booleans), seqno)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    @property
    def seqno(self) -> int:
        """The number of the policy and booleans in force; each change adds 1."""
        return self._seqno

    @property
    def booleans(self) -> Mapping[str, bool]:
        """The booleans in force, a copy."""
        return dict(self._booleans)

    def load(self, policy: Policy) -> None:
        """Put `policy` in force with its own booleans; SIDs keep their meaning (see sidtab.py)."""
        self._sids.load(policy)
        self._set_policy(policy, dict(policy.booleans), self._seqno + 1)

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set all of `values` or, on a KeyError that names an unknown one, none."""
        for name in values:
            if name not in self._booleans:
                raise KeyError(name)
        self._set_policy(self._policy, {**self._booleans, **values}, self._seqno + 1)

    def context_to_sid(self, text: str, *, default: int | None = None, defer: bool = False) -> int:
        """The SID of a context; ContextError when it is invalid.

        For a label read from an xattr (security_context_to_sid_default): `default` is the
        superblock's default SID, whose range stands in for a missing one; with `defer` an invalid
        label gets a SID that behaves as `unlabeled` until a policy defines it, whatever it says: the
        kernel keeps the bytes, a newline among them. 4096 bytes or more are refused even then.
        """
        return self._sids.sid(text, default, defer)

    def sid_to_context(self, sid: int, *, force: bool = False) -> str:
        """The canonical text of a SID; with `force` the kept text of one that behaves as `unlabeled`."""
        return self._sids.text(sid, force)

    def initial_sid(self, name: str) -> int:
        """An initial SID by name; KeyError when no policy loaded so far defines it."""
        return self._sids.initial(name)

    def compute_av(self, ssid: int, tsid: int, tclass: str) -> AvDecision:
        """Decide every permission of `tclass`; an unknown class is allowed only if handle_unknown says so."""
        source, target = self._sids.context(ssid), self._sids.context(tsid)
        return decide.compute_av(self._policy, self._active, source, target, tclass, self._seqno)

    def reason(self, ssid: int, tsid: int, tclass: str, denied: int) -> str:
        """Why `denied` bits are missing: "mls", "constraint", "rbac", "bounds" or "te", the first that took one."""
        source, target = self._sids.context(ssid), self._sids.context(tsid)
        return decide.reason(self._policy, self._active, source, target, tclass, denied)

    def compute_create(self, ssid: int, tsid: int, tclass: str, name: str | None = None) -> int:
        """The SID of a new object of `tclass` that `ssid` makes under `tsid` as `name` (security_transition_sid).

        An invalid result is a ContextError in enforcing mode and a SID all the same in permissive; NoCommonLevel
        in either where default_range glblub finds none.
        """
        return self._compute_sid("typetransition", ssid, tsid, tclass, name)

    def compute_member(self, ssid: int, tsid: int, tclass: str) -> int:
        """The SID of a polyinstantiated member (security_member_sid); errors as compute_create."""
        return self._compute_sid("typemember", ssid, tsid, tclass)

    def compute_change(self, ssid: int, tsid: int, tclass: str) -> int:
        """The SID to relabel to (security_change_sid); errors as compute_create."""
        return self._compute_sid("typechange", ssid, tsid, tclass)

    def transition_reason(self, ssid: int, tsid: int, tclass: str, name: str | None = None) -> str:
        """Which rule gave compute_create's label.

        The first of "name_transition", "type_transition", "role_transition", "range_transition"
        that applied; else "default" where the class has a default_* rule, else "inherit".
        """
        return self._new_context("typetransition", ssid, tsid, tclass, name).reason

    def validatetrans(self, old: int, new: int, task: int, tclass: str) -> bool:
        """Whether an object of `tclass` may be relabelled by `task`; False for an unknown class (EINVAL there)."""
        if tclass not in self._policy.classes:
            return False
        contexts = [self._sids.context(sid) for sid in (old, new, task)]
        return all(check(*contexts) for check in self._policy.validatetrans.get(tclass, ()))

    def bounded_transition(self, old: int, new: int) -> bool:
        """Whether `new`'s type is `old`'s or lies below it in the chain of bounds (security_bounded_transition)."""
        wanted = self._sids.context(old).type
        at: str | None = self._sids.context(new).type
        while at is not None and at != wanted:
            at = self._policy.bounds.get(at)
        return at == wanted

    def xperm(self, ssid: int, tsid: int, tclass: str, kind: xperm.Kind, number: int) -> XpermDecision:
        """What extended permission rules add to the base permission for one ioctl command or netlink message type."""
        attributes_of = self._policy.attributes_of
        sources = attributes_of[self._sids.context(ssid).type]
        targets = attributes_of[self._sids.context(tsid).type]
        return xperm.decide(self._policy.xperms, sources, targets, tclass, kind, number)

    def _set_policy(self, policy: Policy, booleans: dict[str, bool], seqno: int) -> None:
        """Work out the conditional rules, then put everything in force at once."""
        active: AvTable = {}
        for conditional in policy.conditionals:
            for rule in conditional.arm(booleans).av:
                add(active, rule)
        active_types = ActiveTypeRules.under(policy.conditionals, booleans)
        self._policy, self._booleans, self._seqno = policy, booleans, seqno
        self._active, self._active_types = active, active_types
        # The SIDs computed under these rules, and the names that any rule tells from others.
        self._computed: dict[Asked, int] = {}
        self._names = {name for *_, name in policy.type_rules.named}

    def _compute_sid(self, specified: Specified, ssid: int, tsid: int, tclass: str, name: str | None = None) -> int:
        computed, key = self._computed, (specified, ssid, tsid, tclass, name if name in self._names else None)
        found = computed.get(key)
        if found is not None:
            return found
        new = self._new_context(specified, ssid, tsid, tclass, name).context
        if valid(self._policy, new):
            found = computed[key] = self._sids.intern(new)
            return found
        if self.enforcing:
            text = f"{new.user}:{new.role}:{new.type}"
            raise ContextError(f"the context computed for a new {tclass} is not valid: {text} and its range")
        return self._sids.intern(new)

    def _new_context(self, specified: Specified, ssid: int, tsid: int, tclass: str, name: str | None) -> NewContext:
        source, target = self._sids.context(ssid), self._sids.context(tsid)
        return transition.compute(self._policy, self._active_types, specified, source, target, tclass, name)
