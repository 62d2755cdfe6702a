"""A node that nobody feeds on stdin, as containers run it: its configuration from a file, or put together from secrets.

    python -P -m mds --config FILE     what the harness would have written on stdin
    python -P -m oss --secrets FILE    of `labelproof certs`; each run begins the node as it wants it (lives.py)

Replicas of one service are alike. Each finds its own name: the one given, the one with the number of its slot, the one
that this container had before, or the first in order that no other replica holds on the data volume that they share.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from host.config import NodeConfig
from host.lives import Lives, made
from host.secrets import Secrets
from rpc.clock import boot_id

RUNTIME = "compose"
# By option; the environment variable is LABELPROOF_ and the option's name.
DEFAULTS: Mapping[str, tuple[str, str]] = {
    "node": ("", "the node's name"),
    "slot": ("", "the number of the replica, from 1, in place of a name"),
    "data": ("/var/lib/labelproof", "folder of the data volume"),
    "listen": ("0.0.0.0:7000", "host:port"),
}
# Of the container's own, and gone with it: which name it had.
REMEMBERED = Path("/run/labelproof/name")


def found(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> NodeConfig | Lives:
    """What the options ask for: a configuration to run with, or the lives of a node that runs take. Claims its name.

    ValueError says what is wrong with them.
    """
    options = _options(argv, environ)
    if options.config is not None:
        return _from_file(options.config)
    secrets, data = Secrets.read(options.secrets), Path(options.data)
    name = claimed(secrets, data, options.node or _at(secrets, options.slot))
    own = NodeConfig(
        name=name, role=secrets.role, cluster=secrets.cluster, data_dir=data / name, key=secrets.key,
        identity=secrets.nodes[name], listen=options.listen, runtime=RUNTIME, clock_domain=boot_id(),
    )  # fmt: skip
    return Lives(own, data)


def claimed(secrets: Secrets, data: Path, wanted: str = "", remembered: Path = REMEMBERED) -> str:
    """The name that this process holds from now until it ends: the `wanted` one, or the first that is free.

    ValueError if there is none. A name is held by a lock on a file of the data volume, which the kernel lets go of
    however the process ends.
    """
    if wanted and wanted not in secrets.nodes:
        raise ValueError(f"the secrets have no {wanted}, only {', '.join(secrets.nodes)}; make more: labelproof certs")
    for name in [wanted] if wanted else _first_the_last(_by_number(secrets.nodes), remembered):
        if _locked(made(data / "names") / name):
            with suppress(OSError):  # a container whose own files cannot be written asks anew each time
                remembered.write_text(name, encoding="utf-8")
            return name
    what = f"{wanted} runs" if wanted else f"all of {', '.join(secrets.nodes)} run"
    remedy = (
        "stop it first" if wanted else f"make more names: labelproof certs --{secrets.role} {len(secrets.nodes) + 1}"
    )
    raise ValueError(f"{what} already on the data of {data}; {remedy}")


def _options(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="labelproof node", description="A node that containers run.", allow_abbrev=False,
        epilog="The other options may also be given in the environment, as LABELPROOF_NODE and so on.",
    )  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, metavar="FILE", help="the whole configuration, as the harness writes it")
    source.add_argument("--secrets", type=Path, metavar="FILE", help="the role's file of `labelproof certs`")
    for name, (default, text) in DEFAULTS.items():
        given = environ.get(f"LABELPROOF_{name.upper()}", default)
        parser.add_argument(f"--{name}", default=given, metavar="VALUE", help=text)
    return parser.parse_args(argv)


def _from_file(path: Path) -> NodeConfig:
    try:
        return NodeConfig.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _at(secrets: Secrets, slot: str) -> str:
    """The name of a replica of a stack, whose slots count from 1; names count from 0."""
    if slot and not slot.isdecimal():
        raise ValueError(f"slot is a number, not {slot!r}")
    return f"{secrets.role}{int(slot) - 1}" if slot else ""


def _by_number(names: Iterable[str]) -> list[str]:
    """In the order in which people count: oss2 before oss10."""
    return sorted(
        names, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
    )


def _first_the_last(names: list[str], remembered: Path) -> list[str]:
    """The name that this container had is tried first, so that it comes back to its own data."""
    try:
        last = remembered.read_text(encoding="utf-8")
    except OSError:
        return names
    return [last, *names] if last in names else names


def _locked(path: Path) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    # The descriptor stays open as long as the process lives: it is the claim.
    return True
