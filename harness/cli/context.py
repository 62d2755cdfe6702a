"""What every command shares."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from harness.settings import Project
from harness.store import Store


@dataclass(frozen=True, slots=True)
class Shared:
    """The store, the project's settings, and whether tracebacks are wanted."""

    home: Store
    project: Project
    debug: bool = False


_WIDTH = 1000  # where it is no terminal lines stay whole: who reads a pipe wants them so


def console(*, stderr: bool = False) -> Console:
    """For people; without colour where NO_COLOR is set or nobody looks."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else _WIDTH)


def print_json(value: Any) -> None:
    """For programs: one JSON document on standard output."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
