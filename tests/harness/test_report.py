"""report.html: whole, plain, and safe to open."""

import re
from pathlib import Path

from harness import report
from harness.results import Checker, Judged, Results, Test
from harness.store import Run

FOUND = Results(
    verdict="fail",
    reason="mediation: <b> is not escaped",
    tests=(
        Test("b.py::two", "b", "FAIL", "a < b", 0.25),
        Test("a.py::one", "a", "PASS", "", 0.5),
        Test("b.py::three", "b", "PASS", "", 0.25),
    ),
    judged=Judged(operations=12345, denials_with_control=77),
    checkers=(Checker("mediation", "invalid", "mds0 allowed", ({"n": "mds0", "i": 41},), "denied", "allowed"),),
    wall_s=12.0,
    ready_s=0.75,
    versions={"labelproof": "0.1.0", "libsepol": None},
    policy=None,
    seed=99,
    runtime="processes",
    started="2026-01-01T00:00:00+00:00",
)


def render() -> str:
    return report.render(FOUND, Run(Path("runs/20260101T000000Z-abcdef")), "labelproof run --seed 99")


def test_the_page_says_what_was_found() -> None:
    """Verdict, numbers, the culprit by file and line, each test, and the command that does it again."""
    page = render()

    for text in ("failed", "12345", "77", "mds0 allowed", "history/mds0.jsonl line 42", "b.py::two", "run --seed 99"):
        assert text in page


def test_the_page_needs_nothing_else() -> None:
    """No script, no link, no picture from anywhere."""
    assert re.findall(r"<script|<link|<img|src=|href=|url\(|https?:", render()) == []


def test_text_is_escaped() -> None:
    """What a test or a node says is text, never markup."""
    page = render()

    assert "&lt;b&gt; is not escaped" in page
    assert "a &lt; b" in page
    assert "<b>" not in page


def test_rows_by_suite() -> None:
    """Tests of one suite stand together, with their counts and seconds."""
    rows = report.by_suite(FOUND.tests)

    assert [(row["name"], row["total"], row["failed"], row["duration_s"]) for row in rows] == [
        ("a", 1, 0, 0.5),
        ("b", 2, 1, 0.5),
    ]
