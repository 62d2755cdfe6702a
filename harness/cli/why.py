"""`labelproof why denied` and `why label`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import click

from harness.cli import context
from harness.cli.context import Shared
from harness.model.policy import Stored
from harness.why import find, label, render, story
from harness.why.denied import Explainer

_RUN = click.option(
    "--run", "run", default="latest", show_default=True, metavar="RUN", help="Id, its end, or a folder."
)

_DENIED = """\b
EVENT is one of
  mds0:7182     the event with that index in history/mds0.jsonl, or the record with that serial in its audit log
  mds0#3        the record with serial 3 in the audit log of mds0
  op706         an operation: what was denied in it
  'node=mds0 type=AVC msg=audit(...): avc: ...'   a whole line of audit.log

\b
Examples:
  labelproof why denied op706
  labelproof why denied mds0:7182 --run 3fa2c1 --json
  labelproof why denied "$(grep -rh --include=audit.log hush_t .labelproof/runs/latest/ | head -1)"
"""
_LABEL = """\b
Examples:
  labelproof why label /create_labels1/plain
  labelproof why label '[0x200000400:0x2:0x0]' --run 3fa2c1
"""


@click.group()
def why() -> None:
    """Why an access was denied, or where a label comes from, told of a recorded run without a cluster."""


@why.command(epilog=_DENIED)
@click.argument("event")
@_RUN
@context.JSON
@click.pass_obj
def denied(shared: Shared, event: str, run: str, as_json: bool) -> None:
    """What denied an access: the rule, constraint, role allow or bound, and what audit2allow would add.

    Also the operation and rpc that asked, the subject, the object, and how the object came by its label. Where EVENT
    names several denials they are listed.
    """
    found = find.denials(story.stories(shared.home.find(run)), event)
    if len(found) > 1:
        _print(render.choices(found) if as_json else None, render.several(found))
        return
    with closing(Explainer()) as explainer:
        explained = explainer.explain(found[0])
    _print(render.to_json(explained) if as_json else None, render.explanation(explained))


@why.command("label", epilog=_LABEL)
@click.argument("name", metavar="PATH|FID")
@_RUN
@context.JSON
@click.pass_obj
def label_(shared: Shared, name: str, run: str, as_json: bool) -> None:
    """Where an object's label comes from: each event that set it, with the rule that it followed.

    PATH is the path that the object was made at, as the clients name it; where several objects had it, all are told,
    the youngest first.
    """
    lineages = []
    for cluster, fid in find.objects(story.stories(shared.home.find(run)), name):
        with closing(Stored(cluster.part)) as policies:
            lineages.append(label.explain(cluster, fid, policies))
    lines = (line for lineage in lineages for line in render.lineage(lineage))
    _print([render.to_json(lineage) for lineage in lineages] if as_json else None, lines)


def _print(value: object, lines: Iterable[str]) -> None:
    """JSON where there is a value, else the lines."""
    if value is not None:
        context.print_json(value)
        return
    console = context.console()
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
