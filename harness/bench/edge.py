"""What a measuring command is run by: an error is one line, and an exit code."""

from __future__ import annotations

import signal
import sys

import click


def run(command: click.Command, name: str) -> None:
    """Exit 0; 1 with one line for what went wrong; 2 for usage; 130 for Ctrl-C, as which SIGTERM counts."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (OSError, ValueError) as error:
        click.echo(f"{name}: {error}", err=True)
        sys.exit(1)
