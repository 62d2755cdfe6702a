"""What the nodes of one role may know, in one file: how `labelproof certs` hands it to the nodes of a compose project.

One file a role, so that each container is given its own role's keys and no other's, however many replicas it has.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rpc.call import ROLES, Peer
from rpc.identity import Identity


@dataclass(frozen=True, slots=True)
class Secrets:
    """The identities of one role's nodes, by name; `key` is the cluster's MAC key, empty for the harness."""

    cluster: str
    role: str
    key: bytes
    nodes: Mapping[str, Identity]

    def to_json(self) -> str:
        """The file's text; it holds private keys."""
        nodes = {name: {k: v.decode() for k, v in asdict(identity).items()} for name, identity in self.nodes.items()}
        key = base64.b64encode(self.key).decode()
        return json.dumps({"cluster": self.cluster, "role": self.role, "key": key, "nodes": nodes}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Secrets:
        """The inverse of to_json; ValueError for what it did not write."""
        try:
            return _checked(json.loads(text))
        except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"not made by `labelproof certs`: {type(error).__name__}: {error}") from None

    @classmethod
    def read(cls, path: Path) -> Secrets:
        """ValueError says why the file cannot be used, and what to do."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except PermissionError:
            remedy = "run the container as the owner of the secrets (LABELPROOF_UID in docker-compose.yml)"
            raise ValueError(f"{path} may not be read by this user: {remedy}") from None
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}; `labelproof certs` makes it") from None
        except ValueError as error:
            raise ValueError(f"{path} is {error}") from None

    def peer(self, node: str) -> Peer:
        """Who a node of these is."""
        return Peer(self.cluster, self.role, node)


def _checked(fields: Mapping[str, Any]) -> Secrets:
    nodes = {
        name: Identity(**{k: v.encode() for k, v in identity.items()}) for name, identity in fields["nodes"].items()
    }
    if fields["role"] not in ROLES or not nodes:
        raise ValueError(f"role {fields['role']!r} with {len(nodes)} nodes")
    return Secrets(fields["cluster"], fields["role"], base64.b64decode(fields["key"], validate=True), nodes)
