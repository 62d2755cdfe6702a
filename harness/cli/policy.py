"""`labelproof policy`: what can be said of a policy without a cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli import context
from harness.cli.context import Shared
from harness.policytools import cases, diff, info, propose, tell, toml, trial
from harness.policytools.loaded import Loaded
from harness.policytools.trial import Outcome
from harness.results import Exit

SCHEMA = Path(info.__file__).with_name("policy-tests.schema.json")

_EXAMPLES = """\b
Examples:
  labelproof policy check /etc/selinux/default/policy/policy.33
  labelproof policy info policy.33 --json
  labelproof policy diff old.33 new.33
  labelproof policy test tests/policy/*.yaml --policy policy.33
  labelproof policy profile policy.33 > site.toml
  labelproof run --policy policy.33 --profile site.toml
"""
_TEST = """\b
A test file:
  policy: targeted                # or a file beside this one; --policy overrides it
  names:
    alice: user_u:user_r:user_t:s0
    home: user_u:object_r:home_t:s0
  tests:
    - name: users keep their own files
      allow: alice home:file { create read write }
    - deny: alice system_u:object_r:security_t:s0:security { load_policy }
      because: te                 # or constraint, rbac, bounds
    - label-of: alice user_u:object_r:project_dir_t:s0:file "special.txt" -> user_u:object_r:special_t:s0
    - transition: alice system_u:object_r:job_exec_t:s0:process -> user_u:staff_r:job_t:s0
    - booleans: {user_write_shared: true}
      allow: alice user_u:object_r:shared_t:s0:file write

\b
For completion and checks while you type:
  labelproof policy test --schema > policy-tests.schema.json
  # yaml-language-server: $schema=policy-tests.schema.json
"""
_DIFF = """\b
Examples:
  labelproof policy diff old.33 new.33                         a summary; sets of types are cut at eight
  labelproof policy diff old.33 new.33 --all                   every type by name
  labelproof policy diff old.33 new.33 --boolean httpd_enable_cgi=true
  labelproof policy diff old.33 new.33 --json | jq '.vectors[] | select(.kind == "allow" and .gained)'
"""
_POLICY = click.argument("policy", metavar="POLICY")


@click.group(epilog=_EXAMPLES)
def policy() -> None:
    """Check, count, compare and unit-test policies, and propose who is who in one.

    POLICY is a file as the kernel loads it (policy.33), CIL text (name.cil), or one of our own: targeted, mls.
    """


@policy.command(
    epilog="\b\nExamples:\n  labelproof policy check policy.33\n  labelproof policy check site.cil --json\n"
)
@_POLICY
@context.JSON
@click.pass_obj
def check(shared: Shared, policy: str, as_json: bool) -> int:
    """Say whether libsepol accepts a policy, or why not, and what kind of policy it is.

    Exit code 0: accepted; 1: refused; 2: there is no such file.
    """
    found = info.check(policy, shared.home.cache)
    if as_json:
        context.print_json(found)
    elif found["accepted"]:
        click.echo(f"{policy}: accepted by libsepol")
        _rows({key: value for key, value in found.items() if key not in {"policy", "accepted", "notes"}})
        for note in found["notes"]:
            click.echo(f"note: {note}")
    else:
        click.echo(f"{policy}: refused: {found['reason']}")
    return Exit.PASSED if found["accepted"] else Exit.FAILED


@policy.command(
    "info", epilog="\b\nExamples:\n  labelproof policy info policy.33\n  labelproof policy info mls --json\n"
)
@_POLICY
@context.JSON
@click.pass_obj
def info_(shared: Shared, policy: str, as_json: bool) -> None:
    """Count what a policy holds: types, rules, transitions, constraints, booleans ..., as seinfo does."""
    with Loaded.of(policy, shared.home.cache) as loaded:
        found = info.statistics(loaded)
    if as_json:
        context.print_json(found)
        return
    counts = found.pop("counts")
    _rows(found)
    _rows(counts)


@policy.command("diff", epilog=_DIFF)
@click.argument("old")
@click.argument("new")
@click.option(
    "--boolean", "booleans", multiple=True, metavar="NAME=true|false", help="Set in both; may be given again."
)
@click.option("--all", "whole", is_flag=True, help="Name every type of a set.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also where they differ.")
@context.JSON
@click.pass_obj
def diff_(
    shared: Shared, old: str, new: str, booleans: Sequence[str], whole: bool, exit_zero: bool, as_json: bool
) -> int:
    """Say what policy NEW allows, denies and labels that policy OLD did not.

    Access vectors per source, target and class, with attributes and booleans expanded: new allows first, then new
    denies, audit, labels of new objects, and everything else. Constraints are compared as they are written: what they
    take away hangs on users, roles and levels.

    Exit code 0: no difference; 1: they differ.
    """
    cache = shared.home.cache
    with Loaded.of(old, cache) as one, Loaded.of(new, cache) as other:
        found = diff.compare(one, other, dict(map(_boolean, booleans)))
    if as_json:
        context.print_json(found.to_json())
    else:
        for line in tell.lines(found, types_max=0 if whole else 8):
            click.echo(line)
        click.echo(f"{old} and {new} {'differ' if found else 'decide and label alike'}")
    return Exit.FAILED if found and not exit_zero else Exit.PASSED


@policy.command(epilog=_TEST)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--policy", metavar="POLICY", help="Test this one, whatever the files say.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of test files.")
@click.option("-v", "--verbose", is_flag=True, help="Also those that pass.")
@context.JSON
@click.pass_obj
def test(shared: Shared, files: Sequence[Path], policy: str | None, schema: bool, verbose: bool, as_json: bool) -> int:
    """Run policy unit tests: what has to be allowed, denied, and labelled. No cluster is started.

    Exit code 0: all pass; 1: one fails, or speaks of what the policy does not have; 2: a file does not read.
    """
    if schema:
        click.echo(SCHEMA.read_text(encoding="utf-8"), nl=False)
        return Exit.PASSED
    if not files:
        raise click.UsageError("give one test file or more; --help shows what is in one")
    begin = time.monotonic()
    outcomes = _outcomes([cases.read(file) for file in files], policy, shared.home.cache)
    failed = [outcome for outcome in outcomes if outcome.status != "passed"]
    if as_json:
        context.print_json({"passed": len(outcomes) - len(failed), "tests": [o.to_json() for o in outcomes]})
    else:
        for outcome in outcomes if verbose else failed:
            click.echo(_line(outcome))
        took = f"{time.monotonic() - begin:.2f} s"
        click.echo(f"{len(outcomes)} assertions: {len(outcomes) - len(failed)} passed, {len(failed)} failed, in {took}")
    return Exit.FAILED if failed else Exit.PASSED


@policy.command(
    epilog="\b\nExamples:\n  labelproof policy profile policy.33 > site.toml\n"
    "  labelproof run --policy policy.33 --profile site.toml\n"
)
@_POLICY
@click.pass_obj
def profile(shared: Shared, policy: str) -> None:
    """Propose a profile: who is who in a policy, as TOML with comments, for `labelproof run --profile`.

    Read from the policy's users, roles and type transitions, and decided by libsepol: who administers, who creates,
    which directories inherit, transition and refuse. The same policy gives the same text. Change it as you like.
    """
    with Loaded.of(policy, shared.home.cache) as loaded:
        click.echo(toml.text(propose.propose(loaded), loaded.policy), nl=False)


def _outcomes(suites: Sequence[cases.Suite], policy: str | None, cache: Path) -> list[Outcome]:
    """Of every file, in the order given; a policy that several files name is loaded once."""
    loaded: dict[str, Loaded] = {}
    found: list[Outcome] = []
    try:
        for suite in suites:
            name = policy or suite.policy
            if name is None:
                raise ValueError(f"{suite.path}: names no policy; write `policy: FILE` into it, or give --policy FILE")
            if name not in loaded:
                loaded[name] = Loaded.of(name, cache)
            found += trial.run(loaded[name], suite.cases)
    finally:
        for item in loaded.values():
            item.close()
    return found


def _line(outcome: Outcome) -> str:
    case = outcome.case
    title = f" ({case.title})" if case.title else ""
    why = f": {outcome.why}" if outcome.why else ""
    return f"{case.place}: {outcome.status}: {case.kind} {case.text}{title}{why}"


def _boolean(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if value not in {"true", "false"}:
        raise click.UsageError(f"--boolean {text!r}: give NAME=true or NAME=false")
    return name, value == "true"


def _rows(values: dict[str, Any]) -> None:
    width = max(map(len, values))
    for key, value in values.items():
        shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):{width}}  {shown}")
