"""Annotations of a GitHub workflow, which its runner reads from what a step prints, and the summary of the step.

The commands and their escapes are those of actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.outputs import markdown
from harness.outputs.text import clean
from harness.outputs.told import Problem, Told

SHOWN_MAX = 10  # annotations of a kind that GitHub shows of one step
_TEXT_MAX = 2000
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether this is a step of a GitHub workflow."""
    return environ.get("GITHUB_ACTIONS") == "true"


def render(told: Told, environ: Mapping[str, str] | None = None) -> str:
    """The annotations, one a failing test; empty where nothing is wrong.

    `environ` says where the checked-out project lies: a file is named from there.
    """
    root = (environ or {}).get("GITHUB_WORKSPACE", "")
    return "".join(f"{line}\n" for line in _lines(told, root))


def summarise(told: Told, environ: Mapping[str, str]) -> None:
    """Appends the Markdown to the file of the step's summary, where there is one. Raises OSError."""
    if name := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(markdown.render(told))


def _lines(told: Told, root: str) -> Iterator[str]:
    by_test: dict[str, list[Problem]] = {}
    for problem in told.problems:
        by_test.setdefault(problem.test.id if problem.test else problem.sentence, []).append(problem)
    for first, *others in list(by_test.values())[:SHOWN_MAX]:
        more = f" (and {len(others)} more in this test)" if others else ""
        yield _command("error", first.whole + more, _place(first, root) | {"title": _title(first)})
    if (left := len(by_test) - SHOWN_MAX) > 0:
        yield _command("notice", f"{left} more failures; the summary of the step has them", {"title": "labelproof"})
    if told.found.verdict == "inconclusive":
        yield _command("warning", f"inconclusive: {told.found.reason}", {"title": "labelproof"})


def _title(problem: Problem) -> str:
    return f"{problem.rule} in {problem.test.id}" if problem.test else problem.rule


def _place(problem: Problem, root: str) -> dict[str, str]:
    """The file as the project has it; a file elsewhere is as it is, and GitHub shows the annotation without it."""
    if not problem.path:
        return {}
    path = Path(problem.path).absolute()
    shown = path.relative_to(root) if root and path.is_relative_to(root) else Path(problem.path)
    return {"file": str(shown), "line": str(problem.line)}


def _command(name: str, text: str, properties: Mapping[str, str]) -> str:
    shown = ",".join(f"{key}={clean(value, _TEXT_MAX).translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name} {shown}::{clean(text, _TEXT_MAX).translate(_DATA)}"
