"""`labelproof cluster`: a cluster that stays up between commands."""

from __future__ import annotations

import errno

import click
from rich.markup import escape
from rich.table import Table

from harness import calls, standing
from harness.cli import choice, context
from harness.cli.context import Shared
from harness.clusters import ClusterError
from harness.results import Exit

_EXAMPLES = """\b
Examples:
  labelproof cluster up demo
  labelproof cluster exec demo client0 --context user_u:user_r:user_t:s0 -- mkdir /x
  labelproof cluster exec demo client1 --context system_u:system_r:admin_t:s0 --uid 0 -- getxattr /x security.selinux
  labelproof cluster down demo
"""


@click.group(epilog=_EXAMPLES)
def cluster() -> None:
    """Start a cluster that stays up, make system calls on it, take it down.

    A process in the background keeps it. What happens on it is recorded like a run: `labelproof check` judges it.
    """


@cluster.command()
@click.argument("name", default="demo")
@choice.of_cluster
@context.JSON
@click.pass_obj
def up(
    shared: Shared, name: str, runtime: str, policy: str, profile: str | None, lsm: str, seed: int | None, as_json: bool
) -> None:
    """Start a cluster called NAME, and return when it serves."""
    found = standing.up(shared.home, name, runtime, policy, lsm, seed or 0, profile=profile)
    if as_json:
        context.print_json(_row(found))
        return
    click.echo(f"cluster {name} is up: {', '.join(found.nodes)} (runtime {runtime}, policy {found.policy or 'none'})")
    click.echo(f"recorded in {found.run_dir}; take it down with: labelproof cluster down {name}")


@cluster.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@context.JSON
@click.pass_obj
def status(shared: Shared, names: tuple[str, ...], as_json: bool) -> None:
    """Say which clusters are up, where their nodes listen, and which faults are in place."""
    found = [standing.state(shared.home, name) for name in names] or standing.states(shared.home)
    if as_json:
        context.print_json([_row(item) | {"faults": _faults(item)} for item in found])
        return
    console = context.console()
    for item in found:
        gone = "ended by itself; `labelproof cluster down` clears it" if item.here else standing.ELSEWHERE
        state = f"up, process {item.pid}" if item.alive else gone
        console.print(f"[bold]{escape(item.name)}[/] {state}; runtime {item.runtime}, policy {item.policy or 'none'}")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        for node, address in item.nodes.items():
            table.add_row(node, address)
        console.print(table)
        for active in _faults(item):
            console.print(f"  in place: {active}; `labelproof fault heal` heals it", markup=False)
    if not found:
        console.print("no cluster is up; `labelproof cluster up` starts one")


@cluster.command(
    "exec", epilog=f"\b\nSystem calls:\n{chr(10).join(f'  {calls.usage(name)}' for name in sorted(calls.CALLS))}\n"
)
@click.argument("name")
@click.argument("node")
@click.option("--context", "subject", required=True, metavar="C", help="Security context of the task that calls.")
@click.option("--uid", type=click.IntRange(0), default=1000, show_default=True, help="Its user.")
@click.option("--gid", type=click.IntRange(0), help="Its group.  [default: as --uid]")
@click.option("--caps", default="", metavar="CAPS", help="Its capabilities, with commas, without cap_; or all.")
@context.JSON
@click.argument("call", nargs=-1, required=True, metavar="-- SYSCALL [ARG]...")
@click.pass_obj
def exec_(
    shared: Shared, name: str, node: str, subject: str, uid: int, gid: int | None, caps: str, as_json: bool,
    call: tuple[str, ...],
) -> int:  # fmt: skip
    """Make one system call on the client NODE of cluster NAME, as a task with the context given."""
    found = standing.state(shared.home, name)
    words = list(call[1:])
    calls.parse(call[0], words)
    wanted = caps if caps == "all" else [cap for cap in caps.split(",") if cap]
    login = {"context": subject, "uid": uid, "gid": uid if gid is None else gid, "caps": wanted}
    try:
        result = standing.ask(found, do="exec", node=node, login=login, name=call[0], args=words)
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "?")
        click.echo(f"{' '.join(call)}: {error.strerror} ({code})", err=True)
        return Exit.FAILED
    if as_json:
        context.print_json(result)
    elif text := calls.shown(call[0], result):
        click.echo(text)
    return Exit.PASSED


@cluster.command()
@click.argument("name", default="demo")
@click.pass_obj
def down(shared: Shared, name: str) -> None:
    """Take the cluster NAME down; its run stays recorded."""
    run = standing.down(shared.home, name)
    click.echo(f"cluster {name} is down; `labelproof check {run.id}` judges what happened on it")


def _faults(found: standing.State) -> list[str]:
    """The faults in place on a cluster that is up and answers."""
    try:
        active: list[str] = standing.ask(found, do="faults") if found.alive else []
    except (ClusterError, OSError):
        return []
    return active


def _row(found: standing.State) -> dict[str, object]:
    return {
        "name": found.name, "up": found.alive, "pid": found.pid, "runtime": found.runtime, "policy": found.policy,
        "nodes": found.nodes, "run": found.run_dir,
    }  # fmt: skip
