"""`labelproof compose`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

from harness import choices
from harness.cli.context import Shared
from harness.containers import certs, inside, project, stack
from harness.store import Run

_EPILOG = """\b
Examples:
  labelproof compose                            all suites inside a compose project, which is gone afterwards
  labelproof compose create_labels -k mkdir     what follows goes to `labelproof run`
  labelproof compose --nodes oss=3              with three object-storage servers
  labelproof compose --stack > stack.yml        docker-compose.yml for `docker stack deploy`

To run against a project that is up already, or one that stays: labelproof run --runtime compose --cluster PROJECT.
"""


@click.command(epilog=_EPILOG, context_settings={"ignore_unknown_options": True})
@click.option("--stack", "as_stack", is_flag=True, help="Print the compose file as a stack file, and run nothing.")
@click.option(
    "-f", "--file", "given", default="", metavar="FILE", help="The compose file.  [default: docker-compose.yml]"
)
@click.option("--nodes", default="", metavar="COUNTS", help="How many of each role, as oss=3,client=4.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RUN-ARGUMENT]...")
@click.pass_obj
def compose(shared: Shared, as_stack: bool, given: str, nodes: str, words: tuple[str, ...]) -> int:
    """Bring up docker-compose.yml, run suites inside its network, bring the results here, and take it down.

    Results come into the store as from any run. The project has a name of its own, so that several may run side by
    side, and goes also on failure, on Ctrl-C, and when this command is killed. Keys are made in .labelproof/secrets
    where there are none. Exit codes are those of `labelproof run`.
    """
    file = project.file(given)
    if as_stack:
        click.echo(stack.text(file), nl=False)
        return 0
    counts = choices.counts(nodes)
    secrets = shared.home.root / "secrets"
    if not (secrets / certs.CA).exists():
        certs.make(secrets, "labelproof", {"mds": 1, "oss": 8, "client": 4})
    typed = f"labelproof compose -f {shlex.quote(given)}" if given else "labelproof compose"
    return inside.run(words, typed, shared.home, file, secrets, counts, _tell)


def _tell(runs: Sequence[Run], fallen: str | None) -> None:
    if fallen:
        click.echo(fallen, err=True)
    for run in runs:
        click.echo(f"brought here: {run.path}")
