"""report.html: one run as one plain page that needs nothing else, neither network nor script."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import jinja2

from harness import results
from harness.results import Results, Test
from harness.store import Run

TITLES = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}


def render(found: Results, run: Run, replay: str) -> str:
    """The page. `replay` is the command that does the run again."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        found=found, run=run.id, replay=replay, title=TITLES[found.verdict], suites=by_suite(found.tests),
        judged=found.to_json()["judged"], failed=results.FAILED,
    )  # fmt: skip


def by_suite(tests: tuple[Test, ...]) -> list[dict[str, Any]]:
    """One row a suite: its name, its tests, how many have each status, and how long they took, in seconds."""
    rows = []
    for name, group in groupby(sorted(tests, key=lambda test: test.suite), key=lambda test: test.suite):
        of_suite = list(group)
        counts: dict[str, int] = {}
        for test in of_suite:
            counts[test.status] = counts.get(test.status, 0) + 1
        rows.append(
            {
                "name": name,
                "tests": of_suite,
                "total": len(of_suite),
                "counts": counts,
                "failed": sum(counts.get(status, 0) for status in results.FAILED),
                "duration_s": sum(test.duration_s for test in of_suite),
            }
        )
    return rows
