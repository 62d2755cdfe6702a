"""The forms of a recorded run by name, each a function of it to text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness import report, results
from harness.outputs import github, junit, markdown, sarif
from harness.outputs.told import Told
from harness.store import Run


def _html(told: Told) -> str:
    return report.render(told.found, told.run, told.found.replay)


FORMATS: dict[str, Callable[[Told], str]] = {
    "sarif": sarif.render,
    "markdown": markdown.render,
    "github": lambda told: github.render(told, os.environ),
    "junit": junit.render,
    "html": _html,
}


def of(run: Run) -> Told:
    """A stored run. Raises OSError, and ValueError for a results.json that does not read."""
    return Told(run, results.read(run.results))


def write(path: Path, text: str) -> None:
    """A form into a file; what is no Unicode in it is escaped. Raises OSError."""
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
