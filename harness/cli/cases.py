"""`labelproof cases`: label tests in YAML, checked without a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harness import choices
from harness.cases.nodes import SUFFIX
from harness.cases.operations import OPERATIONS
from harness.cases.read import read
from harness.cases.schema import schema
from harness.cli import context
from harness.results import Exit

_EPILOG = """\b
Examples:
  labelproof cases                       checks every *.labels.yaml below the working directory
  labelproof cases tests/share.labels.yaml
  labelproof cases --operations          the calls that a step may make, with their arguments
  labelproof run tests/share.labels.yaml runs them

\b
For completion and checks while you type:
  labelproof cases --schema > labels.schema.json
  # yaml-language-server: $schema=labels.schema.json
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE-OR-FOLDER]...")
@click.option("--policy", default="targeted", envvar="LABELPROOF_POLICY", help="The policy that they will run under.")
@click.option("--profile", envvar="LABELPROOF_PROFILE", metavar="FILE", help="Who is who in it.")
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON Schema of the files.")
@click.option("--operations", is_flag=True, help="Print the calls that a step may make.")
def cases(paths: Sequence[Path], policy: str, profile: str | None, as_schema: bool, operations: bool) -> int:
    """Check label tests in YAML (*.labels.yaml, docs/cases.md) without a cluster; `labelproof run` runs them.

    Exit code 0: all read; 2: one does not, and a line says where and what to do; 5: there are none.
    """
    if as_schema:
        context.print_json(schema())
        return Exit.PASSED
    if operations:
        for name, forms in sorted(OPERATIONS.items()):
            click.echo(f"{name:16} {' or '.join(map(str, forms))}")
        return Exit.PASSED
    files = [file for path in paths or [Path()] for file in _files(path)]
    if not files:
        raise LookupError(f"no *{SUFFIX} in {', '.join(map(str, paths)) or 'the working directory'}; docs/cases.md")
    who = choices.profile(profile, policy)
    failed = 0
    for file in files:
        try:
            click.echo(f"{file}: {read(file, who).name}")
        except ValueError as error:
            failed += 1
            click.echo(str(error), err=True)
    return Exit.USAGE if failed else Exit.PASSED


def _files(path: Path) -> Iterator[Path]:
    """The file itself, whatever its name, or those below the folder."""
    yield from sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
