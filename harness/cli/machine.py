"""`labelproof doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.markup import escape
from rich.table import Table

from harness import doctor as examination
from harness.cli import context
from harness.cli.context import Shared

_COLOURS = {"ok": "green", "warning": "yellow", "missing": "red"}


@click.command()
@context.JSON
@click.pass_obj
def doctor(shared: Shared, as_json: bool) -> int:
    """Say what this machine can run, and for each thing in the way what to do about it.

    Exit code 0: the default run can be done here; 3: the second engine, libsepol, is missing; 4: something else is.
    """
    findings = examination.examine(shared.home)
    if as_json:
        context.print_json([asdict(finding) for finding in findings])
        return examination.verdict(findings)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in findings:
        remedy = f" -> {finding.remedy}" if finding.remedy else ""
        state = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
        table.add_row(state, finding.name, escape(f"{finding.detail}{remedy}"))
    context.console().print(table)
    return examination.verdict(findings)
