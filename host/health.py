"""The image's HEALTHCHECK, `python -P -m host.health [ADDRESS]`: exit 0 if the container's node serves, 1 if not.

It asks the node's own gRPC health service, over mutual TLS, with the identity that the container holds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from host.config import ROLES, NodeConfig
from host.secrets import Secrets
from rpc import health
from rpc.identity import Identity

ADDRESS = "127.0.0.1:7000"
CONFIG = Path("/run/labelproof/node.json")
SECRETS = tuple(Path(f"/run/secrets/{role}.json") for role in ROLES)


def main(config: Path = CONFIG, secrets: Iterable[Path] = SECRETS) -> None:
    """One line on stdout: who serves, or why nobody does; docker keeps it with the container's state."""
    address = sys.argv[1] if len(sys.argv) > 1 else ADDRESS
    try:
        peer = asyncio.run(health.check(address, identity(config, secrets)))
    except (OSError, ValueError) as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
    sys.stdout.write(f"{peer.node} serves\n")


def identity(config: Path, secrets: Iterable[Path]) -> Identity:
    """The identity of this container's node, or of a node of its role. ValueError if it holds none."""
    if config.exists():
        found = NodeConfig.from_json(config.read_text(encoding="utf-8")).identity
        if found is not None:
            return found
    for path in secrets:
        if path.exists():
            return next(iter(Secrets.read(path).nodes.values()))
    raise ValueError(f"no identity to ask with: neither {config} nor a role's file of `labelproof certs`")


if __name__ == "__main__":
    main()
