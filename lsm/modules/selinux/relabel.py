"""What a new label for an object asks: the object under both labels, capabilities, validatetrans."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator

from lsm.modules.capability import has
from lsm.modules.selinux.query import Queries
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Decision, Obj, Subject


class Relabel:
    """The checks of a label that a task gives."""

    def __init__(self, server: SecurityServer, ask: Queries) -> None:
        self._server, self._ask = server, ask

    def asked(self, subject: Subject, obj: Obj, value: bytes, fs: Obj) -> Iterator[Decision]:
        """selinux_inode_setxattr of one's own label: owner, old label, new label, validatetrans, filesystem."""
        if subject.uid != obj.uid:
            yield self._fowner(subject)
        yield self._ask.about(subject, obj, "relabelfrom")
        new = yield from self.known_or_forced(subject, value)
        yield self._ask.decide(self._ask.sid(subject), new, obj, ("relabelto",), "", errno.EACCES)
        if not self._may_become(subject, obj, new):
            yield self._invalid_transition(subject, obj, new)
        yield self._ask.decide(new, self._ask.object_sid(fs), fs, ("associate",), "", errno.EACCES)

    def known_or_forced(self, subject: Subject, value: bytes) -> Generator[Decision, None, int]:
        """The SID of a caller's context; one that this policy does not know needs mac_admin, else EINVAL."""
        try:
            return self._ask.parse(value)
        except OSError:
            if not has(subject, "mac_admin"):
                raise
        yield self._ask.capability(subject, "mac_admin", errno.EINVAL)
        return self._ask.parse(value, defer=True)

    def _may_become(self, subject: Subject, obj: Obj, new: int) -> bool:
        """security_validate_transition. A node only passes on what a task was allowed (__vfs_setxattr_noperm)."""
        task = self._ask.sid(subject)
        node = subject.pid == 0 and task == self._server.initial_sid("kernel")
        return node or self._server.validatetrans(self._ask.object_sid(obj), new, task, obj.tclass)

    def _fowner(self, subject: Subject) -> Decision:
        """Not the owner: CAP_FOWNER, else EPERM before any label is looked at (inode_owner_or_capable)."""
        if not has(subject, "fowner"):
            raise PermissionError(errno.EPERM, "only the owner or CAP_FOWNER may relabel")
        return self._ask.capability(subject, "fowner")

    def _invalid_transition(self, subject: Subject, obj: Obj, new: int) -> Decision:
        """A validatetrans rule says no: EPERM, or let pass in permissive mode (a permissive domain does not help).

        It is no query of an access vector, so it names no permission: the rule's own name stands in its place.
        """
        name, permissive = self._ask.name, not self._server.enforcing
        become = self._server.sid_to_context(new, force=True)
        return Decision(
            "", name, ("validatetrans",), ("validatetrans",), subject.labels[name], become, obj.tclass,
            permissive, "constraint", permissive, role=obj.role, fid=obj.fid, name=obj.name, version=obj.version,
            seqno=self._server.seqno, digest=self._server.policy.digest, errno=errno.EPERM,
        )  # fmt: skip
