"""A node that nobody feeds on stdin, as containers run it: its configuration from a file, or put together from secrets.

    python -P -m mds --config FILE     what the harness would have written on stdin
    python -P -m oss --secrets FILE    of `labelproof certs`; the rest from options or the environment

Replicas of one service are alike. Each finds its own name: the one given, the one with the number of its slot, or the
first in order that no other replica holds on the data volume that they share. A replica that comes back takes the free
name, and with it the data of the one that went.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from host.config import LSM, NodeConfig
from host.secrets import Secrets

RUNTIME = "compose"
# By option; the environment variable is LABELPROOF_ and the option's name.
DEFAULTS: Mapping[str, str] = {
    "node": "", "slot": "", "data": "/var/lib/labelproof", "listen": "0.0.0.0:7000", "lsm": ",".join(LSM), "seed": "0",
    "root-context": "", "stripe-size": "65536",
}  # fmt: skip


def config(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> NodeConfig:
    """The configuration that options ask for; ValueError says what is wrong with them. Claims the node's name."""
    options = _options(argv, environ)
    if options.config is not None:
        return _from_file(options.config)
    secrets = Secrets.read(options.secrets)
    name = claimed(secrets, options.data, options.node or _at(secrets, options.slot))
    logs = {what: _folder(options.data, what) for what in ("history", "audit")}
    made = NodeConfig(
        name=name, role=secrets.role, cluster=secrets.cluster, data_dir=options.data / name, key=secrets.key,
        history=logs["history"] / f"{name}.jsonl", audit=logs["audit"] / f"{name}.log",
        lsm=tuple(options.lsm.split(",")), identity=secrets.nodes[name], listen=options.listen,
        seed=_number("seed", options.seed), stripe_size=_number("stripe-size", options.stripe_size),
        root_context=options.root_context or None, runtime=RUNTIME, clock_domain=_boot_id(),
    )  # fmt: skip
    made.validate()
    return made


def claimed(secrets: Secrets, data: Path, wanted: str = "") -> str:
    """The name that this process holds from now until it ends: the `wanted` one, or the first that is free.

    ValueError if there is none. A name is held by a lock on a file of the data volume, which the kernel lets go of
    however the process ends.
    """
    if wanted and wanted not in secrets.nodes:
        raise ValueError(f"the secrets have no {wanted}, only {', '.join(secrets.nodes)}; make more: labelproof certs")
    locks = _folder(data, "names")
    for name in [wanted] if wanted else _by_number(secrets.nodes):
        if _locked(locks / name):
            return name
    what = f"{wanted} runs" if wanted else f"all of {', '.join(secrets.nodes)} run"
    remedy = (
        "stop it first" if wanted else f"make more names: labelproof certs --{secrets.role} {len(secrets.nodes) + 1}"
    )
    raise ValueError(f"{what} already on the data of {data}; {remedy}")


def _options(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="labelproof node", description="A node that containers run.", allow_abbrev=False,
        epilog="Each of the rest may also be given as LABELPROOF_<OPTION> in the environment.",
    )  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, metavar="FILE", help="the whole configuration, as the harness writes it")
    source.add_argument("--secrets", type=Path, metavar="FILE", help="the role's file of `labelproof certs`")
    for name, default in DEFAULTS.items():
        given = environ.get("LABELPROOF_" + name.replace("-", "_").upper(), default)
        parser.add_argument(f"--{name}", default=given, metavar="VALUE", help=f"default: {given or 'none'}")
    options = parser.parse_args(argv)
    options.data = Path(options.data)
    return options


def _from_file(path: Path) -> NodeConfig:
    try:
        return NodeConfig.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _at(secrets: Secrets, slot: str) -> str:
    """The name of a replica of a stack, whose slots count from 1; names count from 0."""
    return f"{secrets.role}{_number('slot', slot) - 1}" if slot else ""


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name} is a number, not {text!r}")
    return int(text)


def _by_number(names: Iterable[str]) -> list[str]:
    """In the order in which people count: oss2 before oss10."""
    return sorted(
        names, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
    )


def _locked(path: Path) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    # The descriptor stays open as long as the process lives: it is the claim.
    return True


def _folder(data: Path, name: str) -> Path:
    folder = data / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the data volume cannot be written: {folder}: {error.strerror}") from None
    return folder


def _boot_id() -> str:
    """The clock domain: containers of one machine share its wall clock."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
