"""What cluster is wanted: one frozen value, checked before anything is started, written into the history as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from google.protobuf import json_format

from harness.policy import Policy
from labelproof.v1 import admin_pb2
from rpc.channel import TIMEOUT_S
from rpc.nodemap import Nodemap

ROLES = ("mds", "oss", "client")
MODES = ("enforcing", "permissive", "disabled")
MODULES = ("capability", "selinux")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_STRIPE_MIN = 4096


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """`mds`, `oss` and `client` count nodes, named mds0, oss0, oss1 ...; `stripe_size` is in bytes. A node's
    call waits `rpc_timeout_s` for its reply, and one whose fate is unknown then is sent again, twice by clients.

    `mode` disabled leaves `capability` only: an ordinary POSIX filesystem. `root_context` labels the root directory
    at its first start; None: the policy's initial SID `file`. `tls`: nodes speak mutual TLS, which there is no way
    without: a server knows its caller by the certificate and by nothing else.
    """

    mds: int = 1
    oss: int = 2
    client: int = 2
    lsm: tuple[str, ...] = MODULES
    mode: str = "enforcing"
    policy: Policy | None = None
    root_context: str | None = None
    nodemaps: tuple[Nodemap, ...] = ()
    seed: int = 0
    stripe_size: int = 65536
    rpc_timeout_s: float = TIMEOUT_S
    name: str = "labelproof"
    recording: bool = True
    tls: bool = True

    @property
    def labelled(self) -> bool:
        """Whether the nodes run SELinux, and so need a policy."""
        return self.mode != "disabled" and "selinux" in self.lsm

    @property
    def stack(self) -> tuple[str, ...]:
        """The modules that the nodes really enable."""
        return self.lsm if self.labelled else tuple(name for name in self.lsm if name != "selinux")

    def nodes(self) -> list[tuple[str, str]]:
        """(name, role) of every node, servers first."""
        return [(f"{role}{number}", role) for role in ROLES for number in range(getattr(self, role))]

    def validate(self) -> None:
        """Raises ValueError naming the field and the remedy."""
        for field, broken, remedy in _RULES:
            if broken(self):
                raise ValueError(f"cluster spec: {field} is {_shown(getattr(self, field))}; {remedy}")

    def to_json(self) -> dict[str, Any]:
        """JSON values only; the policy by name, version and digest: its text lies in the run's folder."""
        data: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        policy = self.policy
        data["lsm"] = list(self.lsm)
        data["policy"] = policy and {"name": policy.name, "digest": policy.digest, "version": policy.version}
        data["nodemaps"] = [json_format.MessageToDict(to_proto(nodemap)) for nodemap in self.nodemaps]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], policy: Policy | None = None) -> Self:
        """The spec written by `to_json`, with the policy that it names.

        Raises ValueError for a field that this version does not know (one of a later stage is refused, not ignored)
        and for another policy than the one named.
        """
        known = {field.name for field in fields(cls)}
        if strange := sorted(data.keys() - known):
            raise ValueError(f"cluster spec: {strange[0]} is not a field of this version; leave it out")
        digest = (data.get("policy") or {}).get("digest")
        if digest != (policy and policy.digest):
            raise ValueError(f"cluster spec: policy is {digest}; give exactly that one, not {policy and policy.digest}")
        maps = (json_format.ParseDict(item, admin_pb2.Nodemap()) for item in data.get("nodemaps", ()))
        values = {**data, "policy": policy, "nodemaps": tuple(map(Nodemap.from_proto, maps))}
        if "lsm" in data:
            values["lsm"] = tuple(data["lsm"])
        return cls(**values)

    def flavour(self) -> str:
        """One text for one spec: what a pool of running clusters is keyed by."""
        return json.dumps(self.to_json(), sort_keys=True, default=str)


def to_proto(nodemap: Nodemap) -> admin_pb2.Nodemap:
    """The message that tells a node of a nodemap."""
    return admin_pb2.Nodemap(
        name=nodemap.name, nodes=sorted(nodemap.nodes), trusted=nodemap.trusted, uids=_id_maps(nodemap.uids),
        gids=_id_maps(nodemap.gids), squash=nodemap.squash, squash_uid=nodemap.squash_uid,
        squash_gid=nodemap.squash_gid, cap_mask=nodemap.cap_mask, subject=nodemap.subject,
        contexts=nodemap.contexts, sepol=nodemap.sepol, read_only=nodemap.read_only, fileset=nodemap.fileset,
        audit_mode=nodemap.audit_mode,
    )  # fmt: skip


def _id_maps(ids: Mapping[int, int]) -> list[admin_pb2.IdMap]:
    return [admin_pb2.IdMap(client=client, server=server) for client, server in sorted(ids.items())]


def _shown(value: object) -> str:
    return value.name if isinstance(value, Policy) else repr(value)


# (field, what is wrong with it, what to do), in the order in which a reader would look.
_RULES: tuple[tuple[str, Callable[[ClusterSpec], bool], str], ...] = (
    ("mds", lambda s: s.mds != 1, "one metadata server is what this version runs; give 1"),
    ("oss", lambda s: not 1 <= s.oss <= 64, "give 1 to 64 object-storage servers"),
    ("client", lambda s: not 1 <= s.client <= 1024, "give 1 to 1024 clients"),
    ("name", lambda s: not _NAME.fullmatch(s.name), "give lower-case letters, digits and hyphens, 63 at most"),
    ("lsm", lambda s: s.lsm[:1] != ("capability",), "put capability first: it is always on"),
    ("lsm", lambda s: len(set(s.lsm)) != len(s.lsm), "name each module once"),
    ("lsm", lambda s: not set(s.lsm) <= set(MODULES), f"the modules of this version are {', '.join(MODULES)}"),
    ("tls", lambda s: not s.tls, "a server knows its caller by the certificate only; leave it True"),
    ("mode", lambda s: s.mode not in MODES, f"give one of {', '.join(MODES)}"),
    ("policy", lambda s: s.labelled and s.policy is None, "give one, as Policy.own('targeted'); or mode disabled"),
    ("policy", lambda s: not s.labelled and s.policy is not None, "nobody would load it: give none, or enable selinux"),
    ("root_context", lambda s: s.root_context is not None and not s.labelled, "it needs SELinux; leave it out"),
    ("root_context", lambda s: s.root_context == "", "give a context, or None for the policy's own"),
    ("nodemaps", lambda s: len({m.name for m in s.nodemaps}) != len(s.nodemaps), "give each nodemap a name of its own"),
    ("seed", lambda s: not 0 <= s.seed < 1 << 64, "give a number from 0 to 2**64-1"),
    ("stripe_size", lambda s: s.stripe_size < _STRIPE_MIN or s.stripe_size % _STRIPE_MIN != 0,
     f"give a multiple of {_STRIPE_MIN} bytes"),
    ("rpc_timeout_s", lambda s: not 0 < s.rpc_timeout_s <= TIMEOUT_S, f"give seconds above 0, {TIMEOUT_S:g} at most"),
)  # fmt: skip
