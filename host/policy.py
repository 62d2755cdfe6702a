"""The node's policy, and the framework made of it: which modules are on, and by which rules they decide.

The fingerprint `sepol` is Lustre's, `mode:name:version:hash`; it is compared on every rpc, so that two nodes that do
not enforce the same policy do not serve each other.
"""

from __future__ import annotations

import errno
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from lsm.framework import Framework
from lsm.hooks import Hooks
from lsm.modules import MODULES
from lsm.modules.capability import Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Subject

Listener = Callable[[str, Subject], None]

# A flattened policy larger than this is refused; Debian's whole policy is 11 MB.
CIL_BYTES_MAX = 64 * 1024 * 1024
# The initial SIDs that nodes, objects without a usable label, and the policy's own administration are labelled with.
NEEDED = frozenset({"kernel", "security", "unlabeled", "file"})


class PolicyState:
    """The policy of one node. Until it is loaded nothing is admitted (fail closed), unless no module needs one."""

    def __init__(self, modules: Sequence[str]) -> None:
        _known(modules)
        self._modules = tuple(modules)
        self.name = ""
        self.version = 0
        self.digest = ""
        self.server: SecurityServer | None = None
        # Which rules are in force, in 64 bits, 0 for none. `seqno` counts the changes in one life of one node, so that
        # it may stand for other rules on another node or after a restart.
        self.stamp = 0
        # The fingerprint; empty where no policy is in force.
        self.sepol = ""
        self._framework = None if "selinux" in self._modules else framework(self._modules, None)
        self._listeners: list[Listener] = []

    @property
    def framework(self) -> Framework:
        """The modules that are on; OSError(EACCES) before the boot policy."""
        if self._framework is None:
            raise PermissionError(errno.EACCES, "no policy is loaded on this node; load one first")
        return self._framework

    @property
    def framework_or_capability(self) -> Framework:
        """What there is before the boot policy: the modules that need none."""
        return self._framework or framework(self._modules, None)

    @property
    def loaded(self) -> bool:
        return self._framework is not None

    @property
    def seqno(self) -> int:
        return self.server.seqno if self.server else 0

    @property
    def enforcing(self) -> bool:
        return self.server.enforcing if self.server else True

    @property
    def booleans(self) -> Mapping[str, bool]:
        return self.server.booleans if self.server else {}

    def on_change(self, listener: Listener) -> None:
        """`listener(why, by)` is called after each change: boot, load, enforce or booleans; `by` who asked for it."""
        self._listeners.append(listener)

    def load(self, name: str, digest: str, version: int, packed: bytes, *, enforcing: bool, by: Subject) -> None:
        """Loads a flattened policy, packed with zlib. OSError(EINVAL) names what is wrong; then nothing changed."""
        policy = _parsed(name, digest, packed)
        first = self.server is None
        if self.server is None:
            self.server = SecurityServer(policy, enforcing=enforcing)
            self._framework = framework(self._modules, self.server)
        else:
            self.server.load(policy)
        self.name, self.digest, self.version = name, digest, version
        self._changed("boot" if first else "load", by)

    def set_enforce(self, enforcing: bool, *, by: Subject) -> None:
        """Switches enforcing; the AVC is flushed, as in the kernel when it is turned on."""
        server = self._required()
        if server.enforcing != enforcing:
            server.enforcing = enforcing
            self._changed("enforce", by)

    def set_booleans(self, values: Mapping[str, bool], *, by: Subject) -> None:
        """All or nothing. OSError(ENOENT) names a boolean that the policy does not have."""
        try:
            self._required().set_booleans(values)
        except KeyError as error:
            raise OSError(errno.ENOENT, f"policy {self.name} has no boolean {error.args[0]!r}") from None
        self._changed("booleans", by)

    def _required(self) -> SecurityServer:
        if self.server is None:
            raise OSError(errno.EOPNOTSUPP, "no module of this node decides by a policy")
        return self.server

    def _changed(self, why: str, by: Subject) -> None:
        rules = repr((self.seqno, self.digest, sorted(self.booleans.items())))
        self.stamp = int.from_bytes(hashlib.sha256(rules.encode()).digest()[:8], "big")
        self.sepol = f"{int(self.enforcing)}:{self.name}:{self.version}:{self.digest}"
        module = self.framework.module("selinux")
        if isinstance(module, Selinux):
            module.avc.flush(self.seqno)
        for listener in self._listeners:
            listener(why, by)


def framework(names: Sequence[str], server: SecurityServer | None) -> Framework:
    """The modules named, in the call order of lsm.modules.MODULES. ValueError names one that there is not."""
    known = _known(names)
    guarded = frozenset(known[name].xattr or "" for name in names) - {""}
    makers: dict[str, Callable[[], Hooks]] = {"capability": lambda: Capability(guarded)}
    if server is not None:
        makers["selinux"] = lambda: Selinux(server)
    return Framework([makers[name]() for name in known if name in names and name in makers])


def _known(names: Sequence[str]) -> dict[str, type[Hooks]]:
    known = {module.name: module for module in MODULES}
    if unknown := set(names) - known.keys():
        raise ValueError(f"no LSM module {sorted(unknown)[0]!r}; there are {', '.join(known)}")
    return known


@lru_cache(maxsize=2)
def _parsed(name: str, digest: str, packed: bytes) -> Policy:
    """The one in force and the one before are kept: a policy that comes back, as one does that was only tried, is not
    read again. OSError(EINVAL)."""
    try:
        unpack = zlib.decompressobj()
        cil = unpack.decompress(packed, CIL_BYTES_MAX)
        if unpack.unconsumed_tail or not unpack.eof:
            raise ValueError(f"it is damaged, or longer than {CIL_BYTES_MAX} bytes")
        policy = Policy.parse(cil.decode(), digest)
        if missing := NEEDED - policy.initial_sids.keys():
            raise ValueError(f"no context for the initial SID {sorted(missing)[0]}")
        return policy
    except (ValueError, zlib.error) as error:
        raise OSError(errno.EINVAL, f"policy {name!r} cannot be loaded: {error}") from None
