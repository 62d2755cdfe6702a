"""`labelproof certs`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from harness.containers import certs as making

_EPILOG = """\b
Examples:
  labelproof certs                          into .labelproof/secrets, where docker-compose.yml looks for them
  labelproof certs secrets --oss 16         names for up to 16 object-storage servers: docker-compose up --scale oss=16
  labelproof certs secrets --force          new ones; nodes that run still trust the old ones only

\b
What each file holds, and who needs it:
  mds.json oss.json client.json   identities of the role's nodes and the cluster's MAC key: the containers of that role
  harness.json                    the harness's own identity: whoever runs suites
  ca.pem                          the certificate that all of them trust; no secret

The certificates hold for a year. The CA's key is not kept, so that nobody can make another node of this cluster.
"""
_NODES = click.IntRange(1, 64)


@click.command(epilog=_EPILOG)
@click.argument("folder", default=Path(".labelproof/secrets"), type=click.Path(file_okay=False, path_type=Path))
@click.option("--mds", type=_NODES, default=1, show_default=True, help="How many metadata servers there may be.")
@click.option("--oss", type=_NODES, default=8, show_default=True, help="How many object-storage servers.")
@click.option("--client", type=_NODES, default=4, show_default=True, help="How many clients.")
@click.option("--cluster", default="labelproof", show_default=True, metavar="NAME", help="Name in the certificates.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def certs(folder: Path, mds: int, oss: int, client: int, cluster: str, force: bool) -> None:
    """Make keys and certificates for a cluster of containers, in FOLDER.

    Nodes of a compose project or a stack talk to one another over mutual TLS, as everywhere. Each finds its identity
    in its role's file, mode 0600: run by root, this command gives the files to the image's user; run by anybody else,
    the containers have to run as that user (LABELPROOF_UID).
    """
    made = making.make(folder, cluster, {"mds": mds, "oss": oss, "client": client}, force=force)
    for path in made:
        click.echo(path)
    click.echo(f"cluster {cluster}: up to {mds} mds, {oss} oss and {client} clients; next: {_next(folder)}")


def _next(folder: Path) -> str:
    """The command that starts a cluster with them."""
    words = [f"LABELPROOF_SECRETS={shlex.quote(str(folder))}"] if folder != Path(".labelproof/secrets") else []
    words += [f"LABELPROOF_UID={os.geteuid()}"] if os.geteuid() else []
    return " ".join([*words, "docker-compose up -d --build"])
