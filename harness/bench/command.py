"""`python -P -m harness.bench`, which is what `make bench` runs."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
from rich.console import Console

from harness.bench import edge, machine, store, table
from harness.bench.bench import Bench, Row
from harness.bench.clusters import CLIENTS, Clusters
from harness.bench.measure import QUICK, Effort
from harness.bench.plan import BENCHMARKS

_EPILOG = """\b
Every figure is a ratio of systems that took turns in this very run: 1.00 is equally fast, 0.50 takes twice the time.
In parentheses is the middle half of the rounds. docs/performance.md says what each one means.

\b
Examples:
  make bench                                       everything, in some minutes
  python -P -m harness.bench --quick               everything, in half a minute, less exactly
  python -P -m harness.bench --only operations     one of them
  python -P -m harness.bench --compare FILE        beside an earlier run

\b
Writes .labelproof/bench/<time>.json. Quiet machines give narrow spreads; the load is in the file.
"""


@click.command(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds, fewer cases: under half a minute.")
@click.option("--full", is_flag=True, help="Also what takes long: judging a million events.")
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="One benchmark; may be given again.")
@click.option("--rounds", type=click.IntRange(1, 1000), help="How often the systems take turns.")
@click.option(
    "--compare", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Show the ratios of that file too."
)
def bench(quick: bool, full: bool, only: tuple[str, ...], rounds: int | None, compare: Path | None) -> None:
    """Measure what mediation, labels and the history cost: against the same without them, and a bare gRPC echo."""
    effort = QUICK if quick else Effort()
    effort = replace(effort, rounds=rounds or effort.rounds, full=full)
    console = Console(width=None if sys.stdout.isatty() else 110)
    facts = machine.facts()
    before, there = store.load(compare) if compare else ({}, facts)
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()), style="dim", highlight=False)
    if differing := sorted(name for name in facts if name != "load" and facts[name] != there.get(name)):
        console.print(f"{compare} is of another machine: {', '.join(differing)} differ", style="yellow")
    results: dict[str, list[Row]] = {}
    try:
        with Clusters(1 if quick else CLIENTS) as clusters:
            for name in only or BENCHMARKS:
                with console.status(name):
                    results[name] = list(BENCHMARKS[name].run(Bench(clusters, effort, console.print)))
                table.show(console, BENCHMARKS[name].title, results[name], before.get(name, ()))
    finally:
        # What was measured before an error or Ctrl-C is worth keeping.
        if results:
            console.print(f"kept as {store.save(results, facts, asdict(effort))}", highlight=False)


def main() -> None:
    """What the module runs; exits as edge.run says."""
    edge.run(bench, "bench")
