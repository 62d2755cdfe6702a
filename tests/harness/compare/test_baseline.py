"""A baseline is a file that reads back as it was written, says where it is damaged, and holds what is KNOWN."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.compare import Behaviour, baseline, compare, of_run, render
from harness.compare.baseline import Baseline
from harness.compare.behaviour import Operation
from harness.compare.known import Known
from harness.store import Run

TODAY = date(2030, 6, 1)
BEFORE = Behaviour({"t.py::test_a[x-1]": (Operation("open", "EACCES"), Operation("stat", "ok"))}, {"run": "one"})
AFTER = Behaviour({"t.py::test_a[x-1]": (Operation("open", "ok"), Operation("stat", "ENOENT"))}, {"run": "two"})
Record = Callable[..., Run]


def known(**fields: str) -> Known:
    return Known.from_json({"ticket": "FS-12", "expires": "2030-12-31", **fields})


@pytest.fixture
def file(tmp_path: Path, plain: Run) -> Path:
    """A baseline of a run."""
    path = tmp_path / "labels.baseline"
    baseline.write(path, Baseline(of_run(plain), (known(kind="allow", test="*"),)), environment={})
    return path


def test_reads_back(file: Path, plain: Run) -> None:
    """What is read is what was written, KNOWN entries included."""
    read = baseline.read(file)

    assert read.behaviour == of_run(plain)
    assert [entry.to_json() for entry in read.known] == [known(kind="allow", test="*").to_json()]


def test_two_runs_write_the_same_file(file: Path, record: Record, tmp_path: Path) -> None:
    """Another run of the same code writes the same operations in the same order: version control sees no change."""
    other = tmp_path / "other"
    baseline.write(other, Baseline(of_run(record("processes", seed=5)), baseline.read(file).known), environment={})

    assert other.read_bytes().splitlines()[1:] == file.read_bytes().splitlines()[1:]


@pytest.mark.parametrize(
    ("damage", "line", "what"),
    [
        (lambda lines: [*lines[:2], '{"test": "x"', *lines[3:]], 3, "is not JSON"),
        (lambda lines: lines[:2] + lines[3:], None, "operations are there"),
        (lambda lines: lines[1:], 1, "is not the first line of a baseline"),
        (lambda lines: [lines[0].replace('"schema":1', '"schema":9'), *lines[1:]], 1, "this version reads 1"),
        (lambda lines: [lines[0], '{"known": {"ticket": "A"}}', *lines[1:]], 2, "needs 'expires'; correct the entry"),
        (lambda lines: [*lines[:2], '{"test": "x"}', *lines[2:]], 3, "has no field"),
        (lambda lines: [], 1, "empty"),
    ],
)
def test_damage_is_told(file: Path, damage: Callable[[list[str]], list[str]], line: int | None, what: str) -> None:
    """A damaged baseline is refused with file, line, and what to do."""
    lines = damage(file.read_text().splitlines())
    file.write_text("".join(f"{text}\n" for text in lines))

    with pytest.raises(ValueError, match=r"restore it from version control|correct the entry") as caught:
        baseline.read(file)
    assert f"{file}, line {line if line else len(lines) + 1}" in str(caught.value)
    assert what in str(caught.value)


def test_workers_write_none(tmp_path: Path) -> None:
    """A worker of pytest-xdist has seen a part of the tests: it writes nothing, and leaves what is there."""
    path = tmp_path / "labels.baseline"
    path.write_text("old")

    with pytest.raises(ValueError, match="worker gw3 of pytest-xdist"):
        baseline.write(path, Baseline(BEFORE), environment={"PYTEST_XDIST_WORKER": "gw3"})
    assert path.read_text() == "old"


def test_known_differences_pass(tmp_path: Path) -> None:
    """A difference with a ticket is told and does not fail; another one beside it does."""
    found = compare(BEFORE, AFTER, [known(test="t.py::test_a[x-1]", kind="allow")], today=TODAY)

    assert [item.kind for item, _ in found.known] == ["allow"]
    assert [item.kind for item in found.differences] == ["errno"]
    assert not found.same
    assert compare(BEFORE, AFTER, [known(test="*")], today=TODAY).same


def test_an_expired_entry_fails() -> None:
    """From the day after its last one an entry tolerates nothing and is a failure even where nothing is different."""
    entry = known(test="*")
    last, after = date(2030, 12, 31), date(2031, 1, 1)

    assert compare(BEFORE, AFTER, [entry], today=last).same
    assert len(compare(BEFORE, AFTER, [entry], today=after).differences) == 2
    assert not compare(BEFORE, BEFORE, [entry], today=after).same


def test_xpass_is_shown() -> None:
    """An entry that no difference needs any more is shown, and does not fail; one for tests that did not run is not."""
    here, elsewhere = known(test="t.py::*"), known(test="u.py::*")

    found = compare(BEFORE, BEFORE, [here, elsewhere], today=TODAY)

    assert found.xpass == (here,)
    assert found.same
    assert any(text.startswith("XPASS") and "FS-12" in text for text in render.text(found))


def test_patterns_take_brackets_as_they_are() -> None:
    """Only `*` is special: the brackets of a parametrised test stand for themselves."""
    assert compare(BEFORE, AFTER, [known(test="t.py::test_a[x-1]")], today=TODAY).same
    assert not compare(BEFORE, AFTER, [known(test="t.py::test_a[x]")], today=TODAY).same


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"ticket": "A", "expires": "2030-12-31"}, "would tolerate everything"),
        ({"ticket": "A", "expires": "soon", "test": "*"}, "is a day as"),
        ({"expires": "2030-12-31", "test": "*"}, "needs 'ticket'"),
        ({"ticket": "A", "expires": "2030-12-31", "tests": "*"}, "no field 'tests'"),
        ({"ticket": "A", "expires": "2030-12-31", "kind": "alow"}, "not 'alow'"),
    ],
)
def test_entries_are_checked(entry: dict[str, str], what: str) -> None:
    """An entry without ticket, day or pattern, or with a word misspelt, is refused."""
    with pytest.raises(ValueError, match=what):
        Known.from_json(entry)


def test_json_and_page_say_the_same(tmp_path: Path) -> None:
    """Every sentence is in the JSON and on the page, escaped, with nothing fetched from anywhere."""
    nasty = Behaviour({"t": (Operation('open("<b>&")', "ok"),)})
    found = compare(BEFORE, replace(AFTER, tests={**AFTER.tests, **nasty.tests}), [known(kind="errno")], today=TODAY)

    data = json.loads(json.dumps(render.to_json(found)))
    page = render.page(found)

    assert [item["kind"] for item in data["differences"]] == ["allow", "test"]
    assert data["known"][0]["entry"]["ticket"] == "FS-12"
    assert data["differences"][0]["sentence"].replace("'", "&#39;") in page
    assert "FS-12" in page
    assert not any(word in page for word in ("http:", "https:", "<script", "<b>&"))
