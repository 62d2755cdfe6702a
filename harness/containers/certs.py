"""The secrets of a cluster that a compose project or a stack runs: `labelproof certs`.

One file a role with the identities of its nodes (host/secrets.py), one for the harness, and the CA's certificate. The
CA's key is kept nowhere: another node means new secrets for all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from host.secrets import Secrets
from rpc import tls

KEY_BYTES = 32
# The user of the image's processes (Dockerfile): files made by root are given to it, so that containers can read them.
IMAGE_USER = 10001
HARNESS = "harness"
CA = "ca.pem"
_MODE = 0o600
_IGNORE = "# Private keys are not for version control.\n*\n"


def make(folder: Path, cluster: str, counts: Mapping[str, int], *, force: bool = False) -> list[Path]:
    """Writes the secrets of a new cluster with so many nodes of each role; the files, all readable by one user only.

    FileExistsError if there are some already and not `force`; OSError names what cannot be written; ValueError for a
    cluster's name that cannot stand in a certificate.
    """
    try:
        texts = _texts(cluster, counts)
    except ValueError:
        raise ValueError(
            f"cluster {cluster!r}: name it by lower-case letters, digits and hyphens, 63 at most"
        ) from None
    _prepare(folder)
    there = [folder / name for name in texts if (folder / name).exists()]
    if there and not force:
        remedy = "running nodes trust it: take them down first, then give --force"
        raise FileExistsError(f"{there[0]} is there already; {remedy}")
    return [_write(folder / name, text) for name, text in texts.items()]


def load(folder: Path, role: str = HARNESS) -> Secrets:
    """The secrets of one role in that folder; ValueError says what is wrong with them, and what to do."""
    return Secrets.read(folder / f"{role}.json")


def _texts(cluster: str, counts: Mapping[str, int]) -> dict[str, str]:
    """By file name. The harness holds no MAC key: it neither makes tickets nor checks them."""
    authority, key = tls.make_ca(cluster), os.urandom(KEY_BYTES)  # noqa: TID251  # the key of a real cluster
    named = {role: [f"{role}{number}" for number in range(count)] for role, count in counts.items()}
    found = [Secrets(cluster, role, key, {n: authority.issue(role, n) for n in names}) for role, names in named.items()]
    own = Secrets(cluster, HARNESS, b"", {HARNESS: authority.issue(HARNESS, HARNESS)})
    texts = {f"{secrets.role}.json": secrets.to_json() for secrets in (*found, own)}
    return texts | {CA: own.nodes[HARNESS].ca_pem.decode()}


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, IMAGE_USER, IMAGE_USER)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORE, encoding="utf-8")


def _write(path: Path, text: str) -> Path:
    """In one step, and never readable by anybody else, not even while it is written."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w") as file:
        file.write(text)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), IMAGE_USER, IMAGE_USER)
    return draft.replace(path)
