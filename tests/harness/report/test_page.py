"""The page: whole, offline, capped in the open, and safe to open."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.report import page
from harness.results import Checker, Test
from harness.store import Run

REPLAY = "labelproof run --seed 99"


def render(found: Any, run: Run | None = None) -> str:
    return report.render(found, run or Run(Path("runs/20260101T000000Z-abcdef")), REPLAY)


def fragments(text: str) -> list[str]:
    """The packed details, unpacked."""
    packs = json.loads(re.search(r'id="packs">(.*?)</script>', text, re.DOTALL)[1])
    return [one for pack in packs for one in json.loads(gzip.decompress(base64.b64decode(pack)))]


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_says_what_was_found(results: Any) -> None:
    """Verdict, numbers, the culprit by file and line, each test, and the command that does it again."""
    checker = Checker("mediation", "invalid", "mds0 allowed", ({"n": "mds0", "i": 41},), "denied", "allowed")
    text = render(results(Test("b.py::two", "b", "FAIL", "a < b", 0.25), checkers=(checker,)))

    for words in ("failed", "12,345", "77", "mds0 allowed", "history/mds0.jsonl line 42", "b.py::two", "run --seed 99"):
        assert words in text


def test_an_ordinary_run_fits(ordinary_page: str) -> None:
    """337 tests and 12,000 decisions take less than a megabyte, with the details of all."""
    text = ordinary_page

    assert len(text.encode()) < 1_000_000
    assert "shown for 337 of 337 tests" in text
    assert len(fragments(text)) == 335  # the failing two stand in the page


def test_what_has_no_room_is_counted(ordinary: tuple[Run, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Details that do not fit are left out, those of tests that passed first, and the page says how many."""
    run, found = ordinary
    monkeypatch.setattr(page, "SIZE_BYTES_MAX", 300_000)
    text = render(found, run)

    left = int(re.search(r"for (\d+) that passed or came later there is no room", text)[1])
    assert left > 0
    assert f"shown for {337 - left} of 337 tests" in text
    assert "No room for its details" in text
    assert text.count('class="failure"') == 2


def test_a_long_list_is_cut_in_the_open(results: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list has so many rows and no more, the failing ones first."""
    monkeypatch.setattr(page, "TESTS_MAX", 2)
    tests = [Test("a.py::one", "a", "PASS"), Test("a.py::two", "a", "PASS"), Test("a.py::bad", "a", "FAIL", "no")]
    text = render(results(*tests))

    assert "Shown 2 of 3 tests" in text
    assert "a.py::bad" in text
    assert text.count('class="test"') == 2


def test_the_page_needs_nothing_else(ordinary_page: str) -> None:
    """No element loads anything, and no other script than its own may run."""
    text = ordinary_page
    elements = Elements(text).found

    linked = [value for _, attrs in elements for name, value in attrs.items() if name in {"src", "href"}]
    assert [value for value in linked if value and not value.startswith(("#", "data:,"))] == []
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "script-src 'sha256-" in text
    assert "http://" not in text
    assert "https://" not in text


def test_hostile_names_are_text(ordinary_page: str) -> None:
    """Markup in a file's name, a test's name or a finding is shown, in the page and in what is unpacked later."""
    text = ordinary_page
    shown = [text, *fragments(text)]

    assert not any("<script>alert" in one or "<b>" in re.sub(r'<b class="[A-Z]+">', "", one).replace("<b>user_u", "")
                   for one in shown)  # fmt: skip
    assert sum(tag == "script" for tag, _ in Elements(text).found) == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert r"\udcff" in text


def test_a_damaged_history_is_said(recorder: Any, results: Any) -> None:
    """A history that cannot be read leaves a page without details, with the sentence of what is damaged."""
    recorder.op("a.py::one", "stat", "/d")
    run = recorder.write()
    (run.path / "history" / "mds0.jsonl").write_text("{}\n")
    text = render(results(Test("a.py::one", "a", "FAIL", "no")), run)

    assert "Not read, and so not on this page" in text
    assert "mds0.jsonl, line 1" in text


def test_a_finding_of_no_test_is_told_with_the_checkers(recorder: Any, results: Any) -> None:
    """What is found at the end of a run, about no test's object, is on the page too."""
    recorder.op("a.py::one", "stat", "/d")
    checker = Checker("audit", "invalid", "a line of the audit log is missing")
    text = render(results(Test("a.py::one", "a", "PASS"), checkers=(checker,)), recorder.write())

    assert "none: found when the run ended" in text
    assert text.count("a line of the audit log is missing") == 2


def test_rows_by_suite(results: Any) -> None:
    """Tests of one suite stand together, with their counts and seconds."""
    tests = (Test("b.py::2", "b", "FAIL", "", 0.25), Test("a.py::1", "a", "PASS", "", 0.5),
             Test("b.py::3", "b", "PASS", "", 0.25))  # fmt: skip

    rows = report.by_suite(tests)

    assert [(row["name"], row["total"], row["failed"], row["duration_s"]) for row in rows] == [
        ("a", 1, 0, 0.5),
        ("b", 2, 1, 0.5),
    ]


@pytest.mark.parametrize(
    ("test", "replay", "command"),
    [
        ("a.py::test_x[y-z]", "labelproof run", "labelproof run -k 'test_x[y-z]'"),
        ("a.py::test_x", "labelproof run", "labelproof run -k test_x"),
        ("a.py::test_x[a b]", "labelproof run", "labelproof run"),
        ("a.py::test_x", "labelproof run -k two", "labelproof run -k two"),
    ],
)
def test_the_command_for_one_test(test: str, replay: str, command: str) -> None:
    """A test is asked for by name where -k can say it, and else the whole run is."""
    assert page.again(Test(test, "a", "FAIL"), replay) == command
