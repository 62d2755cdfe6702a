"""`labelproof run`."""

from __future__ import annotations

from pathlib import Path

import click

from harness import runner, standing, workers
from harness.cli import choice, context, report
from harness.cli.context import Shared
from harness.cli.diff import Baselines
from harness.cli.screen import Screen
from harness.compare import render
from harness.results import Exit
from harness.runner import RunOptions, RunResult
from harness.store import Store

_EPILOG = """\b
Examples:
  labelproof run                         all suites
  labelproof run mediation -k mkdir      of one suite, the tests whose name has mkdir
  labelproof run --policy policy.33 --profile site.toml    under your own policy; see `labelproof policy profile`
  labelproof run --runtime sim --seed 7  in the simulator; the same seed gives the same history
  labelproof run tests/test_mine.py      your own tests
  labelproof run --save-baseline labels.baseline   what it did, to be committed
  labelproof run --baseline labels.baseline        fails where it does anything else
  labelproof run -n auto tests/labels    as many workers as this machine carries, each with clusters of its own
  labelproof run --keep                  the cluster stays up, for `labelproof cluster exec`

Writes .labelproof/runs/<time>-<id>/: results.json, report.html, junit.xml, logs/;
and of each cluster history/, audit.log, policy/: with workers in folders cluster-gw0-1/ ...
"""


_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog=_EPILOG)
@click.argument("targets", nargs=-1, metavar="[SUITE-OR-PATH]...")
@click.option("--suite", "named", multiple=True, metavar="S", help="A suite by name; may be given again.")
@choice.of_cluster
@click.option("-k", "expression", default="", metavar="EXPR", help="Only tests whose name matches (as pytest's -k).")
@click.option(
    "-n", "--workers", "many", metavar="N",
    help="Processes that share the tests; or auto.  [default: for whole suites one more than the cores, else 0]",
)  # fmt: skip
@click.option("--baseline", type=_FILE, metavar="FILE", help="Fail where something is not as in this baseline.")
@click.option("--save-baseline", type=_FILE, metavar="FILE", help="Write what the run did as a baseline.")
@click.option("--keep", is_flag=True, help="Leave the cluster up when the tests are done, until Ctrl-C.")
@report.outputs
@context.JSON
@click.option("-q", "--quiet", is_flag=True, help="Only the verdict.")
@click.option("-v", "--verbose", is_flag=True, help="Every test by name.")
@click.pass_obj
def run(
    shared: Shared,
    targets: tuple[str, ...],
    named: tuple[str, ...],
    runtime: str,
    policy: str,
    profile: str | None,
    lsm: str,
    seed: int | None,
    expression: str,
    many: str | None,
    baseline: Path | None,
    save_baseline: Path | None,
    keep: bool,
    outputs: report.Outputs,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run suites, or tests of your own, against a labelled cluster, and judge what happened.

    Without arguments all suites run. Each test's own operations are judged as it ends: a label or a decision that is
    not the right one fails that test.
    """
    wanted = [*targets, *named] or shared.project.values.get("suites", [])
    usual = 0 if keep or save_baseline else runner.usually(wanted, runtime, expression)
    number, fewer = workers.fitting(usual if many is None else workers.parsed(many), runtime)
    if save_baseline and number:
        raise ValueError("--save-baseline with -n: a baseline is written by one process, with every test; leave -n out")
    options = RunOptions(wanted, runtime, policy, lsm, seed, keep, expression, profile, number)
    baselines = Baselines(baseline, save_baseline, common=bool(wanted or expression))
    screen = Screen(context.console(stderr=as_json), quiet=quiet or as_json, verbose=verbose)
    if fewer:
        screen.say(fewer)
    with screen:
        result = runner.run(options, shared.home, screen)
    found = baselines.compare(result)
    if as_json:
        compared = {"baseline": render.to_json(found)} if found else {}
        context.print_json(result.results.to_json() | {"run": str(result.run.path)} | compared)
    else:
        screen.conclude(result)
        for line in render.text(found) if found else ():
            screen.say(line)
    outputs.write(result, stderr=as_json)
    for line in baselines.save(result):
        screen.say(line)
    _hold(result, shared.home, screen)
    return Exit.FAILED if found and not found.same and result.exit is Exit.PASSED else result.exit


def _hold(result: RunResult, home: Store, screen: Screen) -> None:
    """With --keep: the clusters of the run stay, the last one open to `cluster exec`, until Ctrl-C."""
    if not result.kept:
        return
    cluster, name = result.kept[-1], result.run.id.rpartition("-")[2]
    try:
        ready = f"the cluster stays up until Ctrl-C: labelproof cluster exec {name} client0 --context C -- stat /"
        policy = cluster.policy.name if cluster.policy else None
        standing.serve(cluster, name, home, policy, lambda: screen.say(ready))
    except KeyboardInterrupt:
        screen.say("taking the cluster down")
    finally:
        for kept in result.kept:
            kept.stop()
