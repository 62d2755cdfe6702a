"""What a node is told at start."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any

from rpc.channel import TIMEOUT_S
from rpc.identity import Identity

LSM = ("capability", "selinux")
ROLES = ("mds", "oss", "client")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One node. `key` is the cluster's MAC key; `identity` is None on the memory transport only.

    `control` is a second address to listen at, by which the harness reaches the node when the network of `listen` is
    cut. `rpc_timeout_s`: how long its calls wait for a reply. `ephemeral`: the node removes `data_dir` when it finds
    that its parent is gone.
    """

    name: str
    role: str
    cluster: str
    data_dir: Path
    key: bytes
    history: Path | None = None
    audit: Path | None = None
    lsm: tuple[str, ...] = LSM
    seed: int = 0
    identity: Identity | None = None
    listen: str = "127.0.0.1:0"
    control: str = ""
    root_context: str | None = None
    stripe_size: int = 65536
    rpc_timeout_s: float = TIMEOUT_S
    ephemeral: bool = False
    runtime: str = "inprocess"
    clock_domain: str = ""

    def to_json(self) -> str:
        """One line, as a node process reads it on stdin; it holds a private key, so it goes to no file or log."""
        fields = asdict(self)
        for name in ("data_dir", "history", "audit"):
            fields[name] = None if fields[name] is None else str(fields[name])
        fields["key"] = base64.b64encode(self.key).decode()
        fields["identity"] = self.identity and {k: v.decode() for k, v in asdict(self.identity).items()}
        return json.dumps(fields)

    @classmethod
    def from_json(cls, line: str) -> NodeConfig:
        """The inverse of to_json; ValueError for what it did not write."""
        try:
            config = cls(**_restored(json.loads(line)))
        except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a node's configuration: {type(error).__name__}: {error}") from None
        config.validate()
        return config

    def validate(self) -> None:
        """ValueError names the first field that cannot be."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, _TYPES.get(field.name, str)):
                raise ValueError(f"a node's {field.name} cannot be {value!r}")
        if self.role not in ROLES:
            raise ValueError(f"no role {self.role!r}; there are {', '.join(ROLES)}")
        if not self.name or not self.cluster or not self.key:
            raise ValueError("a node needs a name, a cluster and the cluster's key")


# Of the fields that are not text.
_TYPES: Mapping[str, type | UnionType] = {
    "data_dir": Path, "key": bytes, "history": Path | None, "audit": Path | None, "lsm": tuple, "seed": int,
    "identity": Identity | None, "root_context": str | None, "stripe_size": int, "rpc_timeout_s": float | int,
    "ephemeral": bool,
}  # fmt: skip


def _restored(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("data_dir", "history", "audit"):
        fields[name] = None if fields[name] is None else Path(fields[name])
    fields["key"] = base64.b64decode(fields["key"], validate=True)
    fields["lsm"] = tuple(fields["lsm"]) if isinstance(fields["lsm"], list) else fields["lsm"]
    identity = fields["identity"]
    fields["identity"] = identity and Identity(**{k: v.encode() for k, v in identity.items()})
    return fields
