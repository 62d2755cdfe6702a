"""One query of the access vector cache as a Decision, and the SIDs that it is about (security/selinux/avc.c)."""

from __future__ import annotations

import errno

from lsm.avc import Avc
from lsm.modules.capability import NAMES, has
from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.decide import AvDecision
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Decision, Obj, Subject

# Source, target, class, permissions, and the errno of a refusal.
Query = tuple[int, int, str, tuple[str, ...], int]
# About 300 bytes each.
ANSWERS_MAX = 4096


class Queries:
    """What the hooks ask of the security server, by way of the cache. `name` is the module's."""

    def __init__(self, server: SecurityServer, avc: Avc[AvDecision], name: str) -> None:
        self._server, self._avc, self.name = server, avc, name
        # What _requested answered, by class and permissions, under the policy beside it.
        self._asked: tuple[Policy, dict[tuple[str, tuple[str, ...]], tuple[bool, int]]] = (server.policy, {})
        # What was allowed in full, whatever the object's name, and by which vector: by another it is worked out anew.
        self._answers: dict[Query, tuple[AvDecision, Decision]] = {}

    def about(self, subject: Subject, obj: Obj, *perms: str, name: str = "") -> Decision:
        """One query: all of `perms` of `subject` on `obj`."""
        return self.decide(self.sid(subject), self.object_sid(obj), obj, perms, name, errno.EACCES)

    def between(self, source: Obj, target: Obj, perm: str, name: str = "") -> Decision:
        """A query whose source is an object: `associate` of a file's label with the filesystem's."""
        return self.decide(self.object_sid(source), self.object_sid(target), target, (perm,), name, errno.EACCES)

    def capability(self, subject: Subject, cap: str, error: int = errno.EPERM) -> Decision:
        """cred_has_capability: of the subject on itself. capable() answers EPERM, where a hook says nothing else."""
        own = Obj("subject", "capability" if cap in NAMES[:32] else "capability2", subject.labels)
        sid = self.sid(subject)
        return self.decide(sid, sid, own, (cap,), "", error)

    def mac_admin(self, subject: Subject) -> bool:
        """has_cap_mac_admin without audit: no decision comes of it."""
        sid = self.sid(subject)
        av = self._avc.lookup(sid, sid, "capability2")
        allowed = not self._requested("capability2", ("mac_admin",))[1] & ~av.allowed
        return has(subject, "mac_admin") and (allowed or av.permissive or not self._server.enforcing)

    def ioctl(self, subject: Subject, obj: Obj, number: int) -> Decision:
        """The base permission, and what the policy's extended rules make of it (avc_has_extended_perms)."""
        ssid, tsid, server = self.sid(subject), self.object_sid(obj), self._server
        base = self.decide(ssid, tsid, obj, ("ioctl",), "", errno.EACCES)._replace(ioctlcmd=number)
        extended = server.xperm(ssid, tsid, obj.tclass, "ioctl", number)
        if not extended.defined:
            return base
        if base.denied or extended.allowed:
            told = base.audited and (not extended.dontaudit if base.denied else extended.auditallow)
            return base._replace(audited=told)
        av = self._avc.lookup(ssid, tsid, obj.tclass)
        permissive = av.permissive or not server.enforcing
        audited = bool(av.auditdeny & self._requested(obj.tclass, ("ioctl",))[1]) and not extended.dontaudit
        return base._replace(
            denied=("ioctl",), allowed=permissive, permissive=permissive, reason="te", audited=audited,
            told=("ioctl",) if audited else (),
        )  # fmt: skip

    def decide(
        self, ssid: int, tsid: int, obj: Obj, perms: tuple[str, ...], name: str, error: int, *, silencer: str = ""
    ) -> Decision:
        """`silencer`: a permission whose dontaudit silences every denial of this query (avc_audit_required)."""
        av = self._avc.lookup(ssid, tsid, obj.tclass)
        query = ssid, tsid, obj.tclass, perms, error
        vector, answer = self._answers.get(query, (None, None))
        if answer is None or vector is not av:
            answer = self._answer(av, query, silencer)
            if not answer.denied:
                if len(self._answers) >= ANSWERS_MAX:
                    self._answers.clear()
                self._answers[query] = av, answer
        return answer.of(obj, name)

    def _answer(self, av: AvDecision, query: Query, silencer: str) -> Decision:
        """The decision, but for the object that it is about."""
        server, (ssid, tsid, tclass, perms, error) = self._server, query
        unknown_ok, requested = self._requested(tclass, perms)
        missing = requested & ~av.allowed
        denied = server.policy.names(tclass, missing) if missing else ()
        if not unknown_ok:
            known = server.policy.classes.get(tclass, ())
            denied += tuple(p for p in perms if p not in known)
        permissive = bool(denied) and (av.permissive or not server.enforcing)
        if permissive:
            self._avc.grant(ssid, tsid, tclass, missing)
        audit = av.auditdeny & missing if denied else av.auditallow & requested
        silent = bool(denied) and bool(silencer) and self._silences(tclass, silencer, av.auditdeny)
        audit = 0 if silent else audit
        return Decision(
            "", self.name, perms, denied, server.sid_to_context(ssid), server.sid_to_context(tsid), tclass,
            not denied or permissive, server.reason(ssid, tsid, tclass, missing) if denied else "",
            permissive, bool(audit) or (bool(denied) and not missing and not silent), seqno=server.seqno,
            digest=server.policy.digest, errno=error, told=server.policy.names(tclass, audit),
        )  # fmt: skip

    def _silences(self, tclass: str, perm: str, auditdeny: int) -> bool:
        """Whether the policy silences `perm`; if it does not know it, whether it allows such (map_decision)."""
        known, bit = self._requested(tclass, (perm,))
        return not bit & auditdeny if bit else known

    def _requested(self, tclass: str, perms: tuple[str, ...]) -> tuple[bool, int]:
        """(whether what the policy does not know is allowed, the mask of what it knows)."""
        policy = self._server.policy
        if self._asked[0] is not policy:
            self._asked = (policy, {})
        kept = self._asked[1]
        found = kept.get((tclass, perms))
        if found is None:
            known = policy.classes.get(tclass, ())
            named = tuple(p for p in perms if p in known)
            allowed = len(named) == len(perms) or policy.handle_unknown == "allow"
            found = kept[tclass, perms] = allowed, policy.mask(tclass, named) if named else 0
        return found

    # --- SIDs --------------------------------------------------------------------------------------------------

    def sid(self, subject: Subject) -> int:
        """A subject whose context this policy does not know behaves as `unlabeled`; one without any is refused."""
        label = subject.labels.get(self.name)
        if not label or not label.isprintable():
            raise PermissionError(errno.EACCES, "the subject has no SELinux context")
        try:
            return self._server.context_to_sid(label, defer=True)
        except ContextError as error:
            raise PermissionError(errno.EACCES, f"the subject has no SELinux context: {error}") from None

    def object_sid(self, obj: Obj) -> int:
        """No xattr: the initial SID `file`, whose range also stands in for a missing one (inode_doinit_with_dentry).

        A context that this policy does not know behaves as `unlabeled` until one is loaded that does.
        """
        label, server = obj.labels.get(self.name), self._server
        if label is None:
            return server.initial_sid("file")
        try:
            return server.context_to_sid(label)
        except ContextError:
            return self._unknown_sid(label)

    def _unknown_sid(self, label: str) -> int:
        try:
            return self._server.context_to_sid(label, default=self._server.initial_sid("file"), defer=True)
        except ContextError:
            return self._server.initial_sid("unlabeled")

    def initial(self, name: str) -> str:
        return self._server.sid_to_context(self._server.initial_sid(name))

    def parse(self, value: bytes, *, defer: bool = False) -> int:
        """A context from a caller, which ends at its first NUL; what does not parse or is not valid is EINVAL.

        With `defer`, whatever is not empty gets a SID all the same (security_context_to_sid_force).
        """
        if not value:
            raise OSError(errno.EINVAL, "an empty context")
        try:
            return self._server.context_to_sid(value.partition(b"\0")[0].decode("utf-8"), defer=defer)
        except (ContextError, UnicodeDecodeError) as error:
            raise OSError(errno.EINVAL, f"not a context under this policy: {error}") from None
