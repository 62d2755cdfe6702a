"""`python -P -m harness.scale`: numbers of clients, one after the other, as a table."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness import owner
from harness.bench import edge, machine
from harness.scale import campaign, costs
from harness.scale.campaign import Figures, Load

_EPILOG = """\b
Each client does operations in a loop with pauses, in virtual time; each server does one call after the other, for what
the call costs on this machine. docs/scale.md says what follows from the figures, and what does not.

\b
Examples:
  python -P -m harness.scale 10 100                      some minutes
  python -P -m harness.scale --each 5 1000               boots 1,005 nodes in this process
  python -P -m harness.scale --save-costs costs.json 10  the measured costs, for runs that can be compared
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("clients", nargs=-1, type=click.IntRange(1, 1024), required=True)
@click.option("--each", default=20, show_default=True, type=click.IntRange(1), help="Operations of each client.")
@click.option("--pause", default=1.0, show_default=True, type=click.FloatRange(0.001), help="Seconds between them.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of delays, pauses and choices.")
@click.option("--costs", "given", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Do not measure.")
@click.option("--save-costs", type=click.Path(dir_okay=False, path_type=Path), help="Keep what was measured.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def scale(
    clients: tuple[int, ...], each: int, pause: float, seed: int, given: Path | None, save_costs: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Simulate clusters with so many clients, under a policy, and judge every decision."""
    progress = Console(stderr=True)
    # Removed in the end, or by the next run if this one is killed.
    with owner.owned("scale") as folder:
        with progress.status("costs of calls"):
            known = costs.read(given) if given else costs.measure(folder / "costs")
        if save_costs:
            costs.save(known, save_costs)
        found = []
        for number in clients:
            with progress.status(f"{number} clients"):
                found.append(campaign.run(Load(number, each, pause, seed), known, folder / str(number)))
    if as_json:
        click.echo(json.dumps({"machine": machine.facts(), "costs": known, "runs": list(map(asdict, found))}, indent=1))
    else:
        Console().print(_table(found))
        least, most = min(known.values()) * 1000, max(known.values()) * 1000
        click.echo(f"a call costs {least:.1f} to {most:.1f} ms of the server's processor")
    if any(figures.verdict != "valid" for figures in found):
        raise click.ClickException("a checker does not find a history valid; see the column `verdict`")


def _table(runs: list[Figures]) -> Table:
    table = Table("clients", *(str(run.load.clients) for run in runs), box=None)
    for row, show in _ROWS.items():
        table.add_row(row, *map(show, runs))
    for name in runs[0].latency_ms:
        table.add_row(f"{name}: p50, p99 ms", *("{:.1f}, {:.1f}".format(*run.latency_ms[name]) for run in runs))
    return table


_ROWS = {
    "operations": lambda run: f"{run.operations:,}",
    "operations a second": lambda run: f"{run.per_second:.0f}",
    "rpcs an operation": lambda run: f"{run.rpcs:.2f}",
    "MDS busy": lambda run: f"{run.busy['mds']:.0%}",
    "busiest OSS": lambda run: f"{run.busy['oss']:.0%}",
    "decisions, denied": lambda run: f"{run.decisions:,}, {run.denied:,}",
    "verdict": lambda run: run.verdict,
    "events": lambda run: f"{run.events:,}",
    "boot, s of this machine": lambda run: f"{run.boot_s:.1f}",
    "load, s of this machine": lambda run: f"{run.real_s:.1f}",
    "memory, MB": lambda run: str(run.memory_mb),
}


def main() -> None:
    """What the module runs; exits as edge.run says."""
    edge.run(scale, "scale")
