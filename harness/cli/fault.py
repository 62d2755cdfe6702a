"""`labelproof fault`: break a cluster that is up, and put it right again."""

from __future__ import annotations

import inspect

import click
from rich.markup import escape
from rich.table import Table

from harness import standing
from harness.cli import context
from harness.cli.context import Shared
from harness.faults import FAULTS, named

_EXAMPLES = """\b
Examples:
  labelproof cluster up demo --runtime netns
  labelproof fault start partition client0 mds0 --set direction=in
  labelproof fault start delay client1 --set delay_ms=200
  labelproof fault heal partition
  labelproof fault heal
"""
_CLUSTER = click.option("--cluster", "cluster", default="demo", show_default=True, metavar="NAME", help="Which one.")


@click.group(epilog=_EXAMPLES)
def fault() -> None:
    """Break nodes or the network of a cluster that `labelproof cluster up` started.

    Each fault is verified to be in place, and healed at the latest when the cluster is taken down.
    """


@fault.command("list")
@context.JSON
def list_(as_json: bool) -> None:
    """List the faults, with their nodes and settings."""
    if as_json:
        context.print_json([{"name": name, "usage": named.usage(name), "what": _what(name)} for name in FAULTS])
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name in FAULTS:
        table.add_row(f"[bold]{escape(named.usage(name))}[/]", escape(_what(name)))
    context.console().print(table)


@fault.command()
@click.argument("name")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the fault; may be repeated.")
@_CLUSTER
@click.pass_obj
def start(shared: Shared, name: str, nodes: tuple[str, ...], settings: tuple[str, ...], cluster: str) -> None:
    """Start the fault NAME on NODE..., and verify that it is in place."""
    given = dict(_pair(setting) for setting in settings)
    named.make(name, nodes, given)
    standing.ask(standing.state(shared.home, cluster), do="fault", name=name, nodes=nodes, settings=given)
    click.echo(f"{' '.join([name, *nodes])}: in place; `labelproof fault heal {name}` heals it")


@fault.command()
@click.argument("name", default="")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@_CLUSTER
@click.pass_obj
def heal(shared: Shared, name: str, nodes: tuple[str, ...], cluster: str) -> None:
    """Heal the active faults NAME (of NODE...), or all of them, and verify that."""
    for healed in standing.ask(standing.state(shared.home, cluster), do="heal", name=name, nodes=nodes):
        click.echo(f"{healed}: healed")


def _pair(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not equals:
        raise click.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
    return key, value


def _what(name: str) -> str:
    """The first sentence of its documentation."""
    text = " ".join((inspect.getdoc(FAULTS[name]) or "").split())
    return text.partition(". ")[0].rstrip(".")
