"""Who may come in: certificate -> nodemap -> sepol -> subject, on every call, before the handler sees anything.

Fails closed: each missing entry is refused, each malformed one is EPROTO (rpc/context.py).
"""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from google.protobuf.message import Message

from labelproof.v1 import context_pb2
from lsm.framework import Framework
from lsm.objects import Subject
from rpc import context, nodemap
from rpc.call import Peer
from rpc.nodemap import Nodemap

CACHED_MAX = 2048

# Who may call what: the rpc if it is listed, else its service.
ROLES: Mapping[str, frozenset[str]] = {
    "Mds": frozenset({"client"}),
    "Oss": frozenset({"client"}),
    "Oss/Connect": frozenset({"client", "mds"}),
    "Oss/SetLabel": frozenset({"mds"}),
    "Oss/Setattr": frozenset({"mds"}),
    "Oss/Punch": frozenset({"mds"}),
    "Oss/Glimpse": frozenset({"mds"}),
    "Oss/Destroy": frozenset({"mds"}),
    "Agent": frozenset({"harness"}),
    "Admin": frozenset({"harness"}),
    "Standalone": frozenset({"harness"}),
}
# The only ones that may act for somebody else.
SERVERS = frozenset({"mds", "oss"})

# For the cluster's own nodes, unless a nodemap lists them.
_TRUSTED = Nodemap()

# Answered with a receipt field, but changing nothing.
READS = frozenset({"Mds/Getattr"})
# In order on a read-only filesystem: an open file can be locked, asked about its flags, and always be given up.
_HARMLESS = READS | {"Mds/Close", "Mds/Lock", "Mds/Fcntl"}
# include/uapi/asm-generic/fcntl.h: O_ACCMODE, O_CREAT, O_TRUNC
_OPEN_CHANGES = 0o3 | 0o100 | 0o1000


class Admission:
    """A node's door. `set_nodemaps` takes effect on the next call of every connection.

    `sepol` gives the node's own fingerprint (empty: it runs no policy); `ready` says why no subject can be judged
    yet, or None. The harness's services need neither, since they are how a policy gets here.
    """

    def __init__(
        self,
        cluster: str,
        framework: Framework,
        *,
        sepol: Callable[[], str] = lambda: "",
        ready: Callable[[], str | None] = lambda: None,
        nodemaps: Iterable[Nodemap] = (),
        roles: Mapping[str, frozenset[str]] = ROLES,
    ) -> None:
        self.cluster = cluster
        self.sepol = sepol
        self.ready = ready
        self._roles = roles
        self._cache: OrderedDict[tuple[bytes, Peer | None], Subject] = OrderedDict()
        self.use(framework)
        self.set_nodemaps(nodemaps)

    def use(self, framework: Framework) -> None:
        """Judges by these modules from now on: the ones of a policy that was just loaded."""
        self.framework = framework
        self._modules = tuple(framework.kept.values())
        self._cache.clear()

    def set_nodemaps(self, nodemaps: Iterable[Nodemap]) -> None:
        """Replaces all of them. Without one called `default`, nodes that none lists are trusted as they are."""
        self._nodemaps = tuple(nodemaps)
        self._default = next((n for n in self._nodemaps if n.name == "default"), Nodemap())
        self._by_node = {node: n for n in reversed(self._nodemaps) for node in n.nodes}
        self._cache.clear()

    def nodemap(self, peer: Peer) -> Nodemap:
        """The first nodemap that lists the node, else the default one, which is about clients only."""
        return self._by_node.get(peer.node, self._default if peer.role == "client" else _TRUSTED)

    def check_peer(self, peer: Peer, method: str) -> None:
        """EACCES for a certificate of another cluster, EPERM for a role that may not call `method`."""
        if peer.cluster != self.cluster:
            raise OSError(errno.EACCES, f"{peer.uri} is of another cluster than {self.cluster}")
        allowed = self._roles.get(method) or self._roles.get(method.partition("/")[0], frozenset())
        if peer.role not in allowed:
            raise OSError(errno.EPERM, f"role {peer.role} may not call {method}; roles that may: {sorted(allowed)}")

    def check_policy(self, peer: Peer, sepol: str, required: str) -> None:
        """EACCES while no policy is loaded, and for a caller whose fingerprint is not the one required."""
        reason = self.ready()
        if reason is not None:
            raise OSError(errno.EACCES, f"no subject can be judged here: {reason}")
        wanted = required or self.sepol()
        if wanted not in (nodemap.ANY, sepol):
            raise OSError(errno.EACCES, f"sepol of {peer.node} is {sepol or 'missing'}, not {wanted}")

    def check_changes(self, peer: Peer, method: str, request: Message, mutating: bool) -> None:
        """EROFS where a read-only nodemap's subject would change something; an open that may create counts."""
        if not mutating or method in _HARMLESS or not self.nodemap(peer).read_only:
            return
        if method == "Mds/Open" and not getattr(request, "flags", 0) & _OPEN_CHANGES:
            return
        raise OSError(errno.EROFS, f"nodemap {self.nodemap(peer).name} is read-only: {method}")

    def subject(self, peer: Peer, data: bytes | None) -> Subject:
        """The admitted subject of a `security-context-bin`; its nid is the peer's node, whatever it claims."""
        if data is None:
            raise OSError(errno.EACCES, f"no {context.SUBJECT_KEY}: {peer.node} does not say who asks")
        return self._cached(data, peer, lambda: self._admit(peer, data))

    def behalf(self, peer: Peer, data: bytes) -> Subject:
        """The subject that a server acts for, as that server admitted it; EACCES from anybody but a server."""
        if peer.role not in SERVERS:
            raise OSError(errno.EACCES, f"role {peer.role} may not act for somebody else")
        return self._cached(data, None, lambda: context.named(self._spoken(context.decode(data))))

    def host(self, peer: Peer, data: bytes | None, method: str, mediated: bool) -> Subject:
        """The subject of a harness's call: the one that it sends, else an unlabelled one named after it.

        EACCES for a mediated Admin rpc without a label once there is a policy to judge it by.
        """
        if data is not None:
            subject = self._cached(data, peer, lambda: self._claimed(peer, data))
        else:
            subject = self._cached(b"", peer, lambda: context.named(Subject(0, 0, comm=peer.role, nid=peer.node)))
        if mediated and method.startswith("Admin/") and self.ready() is None:
            self._spoken(subject)
        return subject

    def _admit(self, peer: Peer, data: bytes) -> Subject:
        claimed = self._claimed(peer, data)
        return context.named(self.nodemap(peer).admitted(claimed, self._modules))

    def _claimed(self, peer: Peer, data: bytes) -> Subject:
        claimed = self._known(context.decode(data))
        return context.named(replace(claimed, nid=peer.node))

    def _known(self, claimed: Subject) -> Subject:
        """EOPNOTSUPP for a label of a module that this node does not run."""
        unknown = sorted(claimed.labels.keys() - set(self._modules))
        if unknown:
            raise OSError(errno.EOPNOTSUPP, f"label for {', '.join(unknown)}, which this node does not run")
        return claimed

    def _spoken(self, claimed: Subject) -> Subject:
        missing = [module for module in self._modules if module not in self._known(claimed).labels]
        if missing:
            raise OSError(errno.EACCES, f"the subject has no label for {', '.join(missing)}")
        return claimed

    def _cached(self, data: bytes, peer: Peer | None, admit: Callable[[], Subject]) -> Subject:
        key = (data, peer)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = admit()
            if len(self._cache) > CACHED_MAX:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return found


def call_entry(found: Mapping[str, bytes]) -> context_pb2.CallContext:
    """The call's `call-bin`; EACCES if it is missing."""
    if context.CALL_KEY not in found:
        raise OSError(errno.EACCES, f"no {context.CALL_KEY}: the call does not say what it is")
    return context.call_context(found[context.CALL_KEY])
