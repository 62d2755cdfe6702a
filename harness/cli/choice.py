"""Options that several commands take alike: what a cluster is started with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.spec import MODES

F = TypeVar("F", bound=Callable[..., Any])
_SEED_MAX = (1 << 64) - 1

_OPTIONS = (
    click.option(
        "--runtime", default="processes", envvar="LABELPROOF_RUNTIME", show_default=True, metavar="R",
        help="How nodes run: processes, inprocess, or sim.",
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
)  # fmt: skip


def of_cluster(function: F) -> F:
    """--runtime, --policy, --profile, --lsm and --seed."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
