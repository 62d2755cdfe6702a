"""The command itself: its options, its commands, and what an error becomes."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from harness import settings
from harness.cli.context import Shared
from harness.results import Exit
from harness.settings import Project
from harness.store import Store

_HELP = """Prove that security labels survive the trip across a distributed filesystem.

Boots a labelled cluster (metadata servers, object-storage servers, clients, over gRPC with mutual TLS), runs suites
against it under a real SELinux policy, and judges every label and every decision by an independent model and by
libsepol.

\b
  labelproof run                             all suites on a cluster of processes
  labelproof run --policy mls --seed 7       another policy, the same random choices each time
  labelproof run tests/test_labels.py        tests of your own, with the fixtures labelproof_*
  labelproof run --policy policy.33 --profile site.toml    your site's own compiled policy
  labelproof policy diff old.33 new.33       what a new policy allows and denies that the old one did not
  labelproof report latest --format sarif    tell of it for a CI system
  labelproof check latest                    judge the recorded history again
  labelproof diff old.baseline latest        what changed: decisions, labels, errnos
  labelproof why denied op706                what denied it, and what would allow it
  labelproof cases                           checks label tests in YAML, *.labels.yaml; `run FILE` runs them
  labelproof cluster up demo                 a cluster to try things on
  labelproof fault start kill mds0           break it, and heal it: `labelproof fault list`
  labelproof doctor                          what this machine can run, and why not

\b
Exit codes:
  0    passed                       4    this machine cannot run what was asked for
  1    failed                       5    nothing selected: no such suite, test or run
  2    usage or unreadable input    70   internal error: --debug shows where
  3    inconclusive                 130  interrupted

Settings: command line, environment (LABELPROOF_*), [tool.labelproof] in pyproject.toml or labelproof.toml, default;
the first that is given counts.
"""


class _Lazy(click.Group):
    """Imports a command's module when the command is used, so that `--help` and `--version` are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        for name, module, attribute in COMMANDS:
            if name == cmd_name:
                command: click.Command = getattr(import_module(f"harness.cli.{module}"), attribute)
                return command
        return None


# name -> module of harness.cli, and the command in it
COMMANDS = (
    ("run", "run", "run"),
    ("list", "stored", "list_"),
    ("check", "stored", "check"),
    ("report", "report", "report"),
    ("diff", "diff", "diff"),
    ("why", "why", "why"),
    ("cluster", "cluster", "cluster"),
    ("fault", "fault", "fault"),
    ("cases", "cases", "cases"),
    ("oracle", "oracle", "oracle"),
    ("certs", "certs", "certs"),
    ("compose", "compose", "compose"),
    ("doctor", "machine", "doctor"),
    ("policy", "policy", "policy"),
    ("prune", "stored", "prune"),
)
# Commands that take settings of the project as their defaults.
_SETTINGS = ("runtime", "policy", "profile", "lsm", "seed")


@click.command(
    cls=_Lazy, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="labelproof", prog_name="labelproof", message="%(prog)s %(version)s")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LABELPROOF_STORE",
    help="Folder of the recorded runs.  [default: .labelproof, beside the project's settings]",
)
@click.option("--debug", is_flag=True, envvar="LABELPROOF_DEBUG", help="Show tracebacks.")
@click.pass_context
def labelproof(ctx: click.Context, store: Path | None, debug: bool) -> None:
    """See _HELP."""
    project = settings.load(Path.cwd())
    ctx.obj = Shared(Store(store or project.store), project, debug)
    ctx.default_map = _defaults(project)


def main() -> None:
    """What the console script calls."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The command with these arguments; its exit code. An error is one line on standard error."""
    try:
        found = labelproof.main(arguments, prog_name="labelproof", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        return _say(Exit.USAGE, _with_remedy(error))
    except (click.Abort, KeyboardInterrupt):
        return _say(Exit.INTERRUPTED, "interrupted")
    except Exception as error:  # noqa: BLE001  # the edge: what is not explained is ours, and says so
        return _failed(error, _debugging(arguments))
    return found if isinstance(found, int) else Exit.PASSED


def _with_remedy(error: click.ClickException) -> str:
    """Click says what is wrong; what to do about it stands behind a semicolon or is a question, or is added."""
    text, context = error.format_message(), getattr(error, "ctx", None)
    if "; " in text or text.endswith("?") or context is None:
        return text
    return f"{text.rstrip('.')}; see `{context.command_path} --help`"


def _failed(error: Exception, debug: bool) -> int:
    from harness.cli import errors

    if debug:
        traceback.print_exception(error)
    explained = errors.explain(error)
    if explained is not None:
        return _say(*explained)
    return _say(
        Exit.INTERNAL, f"internal error: {type(error).__name__}: {error}; {_logged(error)}; --debug shows it here"
    )


def _logged(error: Exception) -> str:
    """Where the traceback was written."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="labelproof-error-", suffix=".log", text=True)
        with os.fdopen(descriptor, "w") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return "its traceback could not be written"
    return f"its traceback is in {path}"


def _say(code: int, line: str) -> int:
    click.echo(f"labelproof: {line}", err=True)
    return code


def _debugging(arguments: list[str]) -> bool:
    """Whether tracebacks are wanted, also of errors met before the options were read."""
    return "--debug" in arguments or os.environ.get("LABELPROOF_DEBUG", "0") not in {"", "0"}


def _defaults(project: Project) -> dict[str, Any]:
    values = {name: project.values[name] for name in _SETTINGS if name in project.values}
    own = {name: values[name] for name in ("policy", "profile") if name in values}
    return {"run": values, "cluster": {"up": values}, "cases": own}
