"""`labelproof oracle`: cases that were run on a real kernel, replayed on a cluster."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from harness import clusters, owner
from harness.cli import context
from harness.cli.context import Shared
from harness.oracle import compare, folder, known, replay, report
from harness.oracle.folder import Case, Kernel
from harness.oracle.report import Report
from harness.oracle.stage import WORK
from harness.results import Exit
from harness.runner import Unavailable
from harness.spec import ClusterSpec
from harness.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_EPILOG = """\b
Examples:
  labelproof oracle cases/                                     against ext4 in enforcing mode
  labelproof oracle cases/ --result ext4-permissive
  labelproof oracle cases/ --known known.toml --json

Exit code 0: the cluster agrees; 1: a difference that no rule explains; 2: the folder is damaged; 3: nothing compared.
docs/oracle.md describes the folder, what is compared, and the files of families and known differences.
"""


@click.command(epilog=_EPILOG)
@click.argument("cases", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--result", default="ext4-enforcing", show_default=True, metavar="NAME", help="DIR/NAME.json is compared."
)
@click.option("--families", "families_file", type=_FILE, metavar="FILE", help="Only the cases that it lists.")
@click.option("--known", "known_file", type=_FILE, metavar="FILE", help="Rules that explain differences.")
@click.option("--runtime", default="sim", show_default=True, metavar="R", help="How nodes run.")
@context.JSON
@click.pass_obj
def oracle(
    shared: Shared,
    cases: Path,
    result: str,
    families_file: Path | None,
    known_file: Path | None,
    runtime: str,
    as_json: bool,
) -> int:
    """Replay a folder of cases that a real kernel has run, and compare what a cluster does with what it did.

    Compared are, step by step, errno, value and the ordered permission checks, and label, kind and mode of every
    object afterwards. The cluster runs the folder's own policy.
    """
    told = folder.kernel(cases, result)
    families = folder.families(families_file) if families_file else {}
    rules = known.load(known_file) if known_file else ()
    chosen = folder.cases(cases)
    if families:
        chosen = folder.restricted(chosen, families)
    observed = _observed(shared.home, cases, told, chosen, runtime)
    outcomes = [outcome for item in observed for outcome in compare.compare(told, item)]
    found = report.report(observed, outcomes, rules, families)
    if as_json:
        context.print_json(found.to_json() | {"result": told.name, "runtime": runtime})
    else:
        _print(context.console(), found, told)
    return _exit(found)


def _observed(home: Store, cases: Path, told: Kernel, chosen: list[Case], runtime: str) -> list[replay.Observed]:
    if runtime not in clusters.RUNTIMES:
        raise ValueError(f"no runtime {runtime!r}; there are {', '.join(clusters.RUNTIMES)}")
    kind = clusters.RUNTIMES[runtime]()
    if reason := kind.available():
        raise Unavailable(f"runtime {runtime}: {reason}")
    home.prepare()
    mode = "permissive" if told.permissive else "enforcing"
    spec = ClusterSpec(policy=folder.policy(cases, home.cache), mode=mode, root_context=WORK, oss=1, client=1)
    with owner.owned("oracle") as scratch:
        cluster = kind.start(spec, scratch / "run")
        try:
            return replay.run(cluster, chosen)
        finally:
            cluster.stop()


def _print(console: Console, found: Report, told: Kernel) -> None:
    for difference, rule in found.different:
        why = f" [dim](known: {escape(rule.reason)})[/]" if rule else ""
        console.print(f"[{'yellow' if rule else 'red'}]differs[/] {escape(difference.sentence)}{why}")
    for reason, count in found.reasons():
        console.print(f"[dim]skipped[/] {count} x {escape(reason)}")
    for rule in found.unused:
        console.print(f"[yellow]unused[/] the rule for {escape(rule.case)} explains nothing: {escape(rule.reason)}")
    for name, numbers in found.families.items():
        console.print(
            f"{escape(name)}: {numbers['compared']} of {numbers['cases']} cases, {numbers['different']} differ"
        )
    wrong = {difference.case for difference in found.unexplained}
    verdict = (
        f"[red]{len(wrong)} differ[/]" if wrong else "[green]all agree[/]" if found.compared else "nothing compared"
    )
    console.print(
        f"{escape(told.name)}: {found.cases} cases, {found.compared} compared in {found.steps} steps and"
        f" {found.checks} checks: {verdict}"
    )


def _exit(found: Report) -> Exit:
    if found.unexplained:
        return Exit.FAILED
    return Exit.PASSED if found.compared else Exit.INCONCLUSIVE
