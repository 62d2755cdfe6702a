"""`labelproof list`, `check` and `prune`: what the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from harness import checkers, clusters, owner, recheck, results, standing, suites
from harness.cli import context
from harness.cli.context import Shared
from harness.clusters import debris
from harness.results import Exit
from harness.store import Run, Store

_KINDS = ("suites", "runtimes", "checkers", "runs")
_COLOURS = {"valid": "green", "invalid": "red", "unknown": "yellow"}
_EXITS = {"valid": Exit.PASSED, "invalid": Exit.FAILED, "unknown": Exit.INCONCLUSIVE}


@click.command("list")
@click.argument("kinds", nargs=-1, type=click.Choice(_KINDS), metavar="[suites|runtimes|checkers|runs]...")
@context.JSON
@click.pass_obj
def list_(shared: Shared, kinds: tuple[str, ...], as_json: bool) -> None:
    """List what there is: suites, runtimes (and why one cannot run here), checkers, recorded runs."""
    found = {kind: _LISTS[kind](shared.home) for kind in kinds or _KINDS}
    if as_json:
        context.print_json(found)
        return
    console = context.console()
    for kind, rows in found.items():
        console.print(f"[bold]{kind}[/]" if rows else f"[bold]{kind}[/]: none")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        for row in rows:
            table.add_row(*(escape(str(value)) for value in row.values()))
        console.print(table) if rows else None


@click.command(epilog="\b\nExamples:\n  labelproof check latest\n  labelproof check 3fa2c1 --json\n")
@click.argument("run", default="latest")
@click.option("--checker", "only", multiple=True, metavar="C", help="Only this checker; may be given again.")
@context.JSON
@click.pass_obj
def check(shared: Shared, run: str, only: tuple[str, ...], as_json: bool) -> int:
    """Judge a recorded run again, with the checkers of this version.

    RUN is `latest`, the id of a run or its end, or a folder. Exit code 0: every checker finds the history valid;
    1: one finds it invalid; 3: one cannot tell; 2: the history is damaged. The run itself is not changed.
    """
    found = shared.home.find(run)
    judgement = recheck.judge(found, only or None)
    if as_json:
        context.print_json(recheck.to_json(found, judgement))
        return _EXITS[judgement.verdict]
    console = context.console()
    table = Table("checker", "verdict", "because", box=None, pad_edge=False)
    for verdict in judgement.verdicts:
        table.add_row(verdict.checker, f"[{_COLOURS[verdict.valid]}]{verdict.valid}[/]", escape(verdict.because))
    console.print(table)
    for file in judgement.torn:
        console.print(f"{escape(file)} ends in a torn line, which is left out: its node was killed", markup=False)
    console.print(f"[bold {_COLOURS[judgement.verdict]}]{judgement.verdict}[/]: {escape(found.id)}")
    return _EXITS[judgement.verdict]


@click.command()
@click.option("--keep", type=click.IntRange(0), default=20, show_default=True, help="How many of the newest runs stay.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@context.JSON
@click.pass_obj
def prune(shared: Shared, keep: int, dry_run: bool, as_json: bool) -> None:
    """Remove old runs, and what killed runs left in the temporary folder and on the container engine."""
    runs = [run.id for run in shared.home.prune(keep, dry_run=dry_run)]
    look = owner.dead if dry_run else owner.prune
    folders = [str(folder) for folder in look()]
    dead = [] if dry_run else _dead_clusters(shared.home)
    engine = debris.sweep(dry_run=dry_run)
    if as_json:
        context.print_json({"runs": runs, "folders": folders, "clusters": dead, "engine": engine})
        return
    console = context.console()
    kinds = (("run", runs), ("folder", folders), ("cluster", dead))
    gone = [f"{what} {name}" for what, names in kinds for name in names]
    for name in [*gone, *engine]:
        console.print(f"{'would remove' if dry_run else 'removed'} {name}", markup=False)
    if not (gone or engine):
        console.print("nothing to remove")


def _suites(_home: Store) -> list[dict[str, Any]]:
    return [{"name": name, "about": suites.summary(name)} for name in suites.SUITES]


def _runtimes(_home: Store) -> list[dict[str, Any]]:
    found = {name: kind().available() for name, kind in clusters.RUNTIMES.items()}
    return [{"name": name, "available": reason or "can run here"} for name, reason in found.items()]


def _checkers(_home: Store) -> list[dict[str, Any]]:
    rows = []
    for kind in checkers.CHECKERS:
        module = __import__(kind.__module__, fromlist=["__doc__"])
        about = " ".join((module.__doc__ or "").split("\n\n")[0].split())
        rows.append({"name": kind.name, "about": about.removeprefix(f"{kind.name}: ")})
    return rows


def _runs(home: Store) -> list[dict[str, Any]]:
    return [_run(run) for run in home.runs()]


def _run(run: Run) -> dict[str, Any]:
    try:
        found = results.read(run.results)
    except (OSError, ValueError):
        return {"id": run.id, "verdict": "no results", "reason": ""}
    return {"id": run.id, "verdict": found.verdict, "reason": found.reason}


def _dead_clusters(home: Store) -> list[str]:
    """Removes the state files of clusters whose keeper is gone."""
    dead = [found.name for found in standing.states(home) if found.here and not found.alive]
    for name in dead:
        Path(home.clusters / f"{name}.json").unlink(missing_ok=True)
    return dead


_LISTS = {"suites": _suites, "runtimes": _runtimes, "checkers": _checkers, "runs": _runs}
