"""The command `labelproof`.

In reading order:
    command  the command itself: its groups, its version, what an error becomes; what the console script calls
    context  what every command shares: the store, the project's settings, how to print
    errors   error -> exit code and one line, in one table
    run      `run`;  screen: its progress and its last words
    stored   `list`, `check`, `prune`: what the store holds
    diff     `diff`, and the baselines of `run`;  why: `why denied`, `why label`
    cluster  `cluster up|status|exec|down`;  choice: the options that start a cluster
    oracle   `oracle`: cases that a real kernel has run
    certs    `certs`;  compose: `compose`
    machine  `doctor`

A command is one function here and one line in `command`; what it does is in harness. Heavy modules are imported only by
the command that needs them, so that `--help` is quick.
"""

from harness.cli.command import main

__all__ = ["main"]
