"""`labelproof report`, and what `run` writes for a CI system."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from harness.cli.context import Shared
from harness.outputs import formats, github
from harness.outputs.formats import FORMATS
from harness.results import Exit
from harness.runner import RunResult

_FILE = click.Path(dir_okay=False, path_type=Path)
_EPILOG = """\b
Examples:
  labelproof report --format sarif -o labels.sarif         of the latest run
  labelproof report 3fa2c1 --format markdown               of another, on standard output
  labelproof report latest --format junit -o junit.xml

docs/ci.md has workflows to copy.
"""


@click.command(epilog=_EPILOG)
@click.argument("run", default="latest")
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)), default="markdown", show_default=True)
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Write it there, not to standard output.")
@click.pass_obj
def report(shared: Shared, run: str, form: str, output: Path | None) -> int:
    """Tell of a recorded run in a form that CI systems read.

    RUN is `latest`, the id of a run or its end, or a folder. Exit code 0, whatever the run's verdict is; 2: the run has
    no readable results.json.
    """
    text = FORMATS[form](formats.of(shared.home.find(run)))
    if output is None:
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
    else:
        formats.write(output, text)
    return Exit.PASSED


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run writes when it has ended, besides its folder."""

    sarif: Path | None
    markdown: Path | None
    github: bool

    def write(self, result: RunResult, *, stderr: bool) -> None:
        """Raises OSError. The annotations are printed, on standard error where standard output is JSON."""
        told = result.told
        for name, path in (("sarif", self.sarif), ("markdown", self.markdown)):
            if path is not None:
                formats.write(path, FORMATS[name](told))
        if self.github:
            click.echo(github.render(told, os.environ).encode(), nl=False, err=stderr)
            github.summarise(told, os.environ)


def outputs(function: Callable[..., Any]) -> Callable[..., Any]:
    """--sarif, --markdown and --github, given to the command as one argument `outputs`."""

    @click.option("--sarif", type=_FILE, metavar="FILE", help="Also write SARIF 2.1.0, for code scanning.")
    @click.option("--markdown", type=_FILE, metavar="FILE", help="Also write Markdown, with a diagram of each failure.")
    @click.option(
        "--github/--no-github", default=None, help="Annotations and step summary.  [default: in a GitHub workflow]"
    )
    @wraps(function)
    def command(*args: Any, sarif: Path | None, markdown: Path | None, github: bool | None, **kwargs: Any) -> Any:
        return function(*args, outputs=_outputs(sarif, markdown, github), **kwargs)

    return command


def _outputs(sarif: Path | None, markdown: Path | None, wanted: bool | None) -> Outputs:
    """Looked at before the run, which takes longer."""
    for path in (sarif, markdown):
        if path is not None and not path.absolute().parent.is_dir():
            raise FileNotFoundError(2, "no such folder to write to", str(path.parent))
    return Outputs(sarif, markdown, github.wanted(os.environ) if wanted is None else wanted)
