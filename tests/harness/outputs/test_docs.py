"""docs/ci.md: what is there to copy reads, and the commands in it are commands."""

import re
from pathlib import Path

import yaml

from harness.cli.command import labelproof
from harness.cli.report import report
from harness.cli.run import run

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "ci.md").read_text()


def test_the_workflows_are_yaml() -> None:
    """Each block, also those that are a part of a list."""
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.S)

    assert len(blocks) == 3
    assert all(yaml.safe_load(block) for block in blocks)


def test_the_commands_are_there() -> None:
    """Every subcommand of labelproof that is named, and every option of run and report."""
    lines = re.findall(r"labelproof (run|report)\b([^`\n'|#&;]*)", TEXT)
    known = {"run": _options(run), "report": _options(report)}
    named = {name for name in re.findall(r"\blabelproof ([a-z]+)\b(?=[ `\n])", TEXT) if name != "run"}

    assert len(lines) > 8
    assert all(word in known[name] for name, rest in lines for word in re.findall(r"(?<!\S)--?[a-z]+", rest))
    assert named <= {*labelproof.list_commands(None), "runs"}


def _options(command: object) -> set[str]:
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
