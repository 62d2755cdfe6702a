"""Options that several commands take alike: what a cluster is started with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.spec import MODES

F = TypeVar("F", bound=Callable[..., Any])
_SEED_MAX = (1 << 64) - 1


def _exported(variable: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    """An option that whoever starts clusters reads from the environment, as the workers of pytest-xdist do too."""

    def export(context: click.Context, option: click.Parameter, value: str | None) -> None:
        if value:
            os.environ[variable] = value

    return export


_OPTIONS = (
    click.option(
        "--runtime", default="processes", envvar="LABELPROOF_RUNTIME", show_default=True, metavar="R",
        help="How nodes run: processes, inprocess, sim, netns, docker or compose.",
    ),
    click.option(
        "--policy", default="targeted", envvar="LABELPROOF_POLICY", show_default=True, metavar="NAME-OR-FILE",
        help="targeted or mls, or a policy file: compiled, or CIL.",
    ),
    click.option(
        "--profile", envvar="LABELPROOF_PROFILE", metavar="FILE",
        help="Who is who in a policy of yours; `labelproof policy profile` proposes one.",
    ),
    click.option(
        "--lsm", type=click.Choice(MODES), default="enforcing", envvar="LABELPROOF_LSM", show_default=True,
        help="The SELinux module on every node.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, _SEED_MAX), envvar="LABELPROOF_SEED", metavar="N",
        help="Of everything random.  [default: a fresh one]",
    ),
    click.option(
        "--nodes", metavar="COUNTS", expose_value=False, callback=_exported("LABELPROOF_NODES"),
        help="How many of each role, as oss=3,client=4.  [default: mds=1,oss=2,client=2]",
    ),
    click.option(
        "--cluster", metavar="NAME", expose_value=False, callback=_exported("LABELPROOF_CLUSTER"),
        help="With runtime compose: a running project, or addresses (mds:7000,oss:7000,client:7000), or a compose file"
        " to bring up.",
    ),
    click.option(
        "--secrets", metavar="DIR", expose_value=False, callback=_exported("LABELPROOF_SECRETS"),
        help="With runtime compose: what `labelproof certs` made.  [default: .labelproof/secrets]",
    ),
)  # fmt: skip


def of_cluster(function: F) -> F:
    """--runtime, --policy, --profile, --lsm, --seed, and what runtime compose wants to know."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
