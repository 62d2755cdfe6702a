"""Reading histories: whole, torn, damaged."""

import json
from pathlib import Path

import pytest

from harness import history


def line(i: int, e: str = "note", n: str = "mds0", c: int | None = None, **fields: object) -> str:
    """One event as a line; index and clock go together where nothing else is said."""
    start = {"schema": 1, "role": "mds"} if e == "run" else {}
    return json.dumps({"e": e, "n": n, "i": i, "c": i if c is None else c, "t": 0, **start, **fields})


def write(folder: Path, name: str, *lines: str, end: str = "\n") -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines) + end)
    return path


def test_events_come_in_causal_order(tmp_path: Path) -> None:
    """Events of several nodes are merged by clock; one node's keep the order of its file."""
    write(tmp_path, "mds0", line(0, "run", c=1), line(1, c=4), line(2, c=4))
    write(tmp_path, "oss0", line(0, "run", "oss0", c=2), line(1, "note", "oss0", c=3))

    found = history.read(tmp_path)

    assert [(e["n"], e["i"]) for e in found.events] == [("mds0", 0), ("oss0", 0), ("oss0", 1), ("mds0", 1), ("mds0", 2)]
    assert found.torn == ()


def test_a_torn_last_line_is_left_out_and_counted(tmp_path: Path) -> None:
    """A line without its end is what a killed node leaves."""
    write(tmp_path, "mds0", line(0, "run"), line(1), '{"e": "no', end="")

    found = history.read(tmp_path)

    assert len(found.events) == 2
    assert found.torn == ("mds0.jsonl",)


@pytest.mark.parametrize(
    ("lines", "number", "what"),
    [
        ([line(0, "run"), "}{", line(2)], 2, "is not JSON"),
        ([line(0, "run"), "[]"], 2, "is not a JSON object"),
        ([line(0, "run"), line(2)], 2, "lines are missing"),
        ([line(0, "note")], 1, "is no `run` event"),
        ([line(0, "run", schema=2)], 1, "is of schema 2"),
        ([line(0, "run"), json.dumps({"e": "op", "n": "mds0", "i": 1, "t": 0})], 2, "has no field `c`"),
        ([line(0, "run"), "\x00\x00"], 2, "is not JSON"),
    ],
)
def test_damage_names_file_line_and_remedy(tmp_path: Path, lines: list[str], number: int, what: str) -> None:
    """Whatever is wrong within a file is one sentence."""
    path = write(tmp_path, "mds0", *lines)

    with pytest.raises(history.Corrupt) as damage:
        history.read(tmp_path)

    assert str(damage.value).startswith(f"history {path}, line {number} ")
    assert what in str(damage.value)
    assert "restore the file from a copy, or run the suites again" in str(damage.value)
    assert "\n" not in str(damage.value)


def test_a_folder_without_history_is_said(tmp_path: Path) -> None:
    """An empty folder is no history of nothing."""
    with pytest.raises(FileNotFoundError, match="give the folder of a run"):
        history.read(tmp_path)


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    """A path component with lone surrogates comes back as it was written."""
    write(tmp_path, "mds0", line(0, "run"), line(1, text="\udcff"))

    found = history.read(tmp_path)

    assert found.events[1]["text"] == "\udcff"


def test_select_and_header(tmp_path: Path) -> None:
    """Events are chosen by type and fields; the header is the harness's own."""
    write(tmp_path, "mds0", line(0, "run"), line(1, "op", f="mkdir"), line(2, "op", f="open"))
    write(tmp_path, "harness", line(0, "run", "harness", c=9, role="harness", seed=7))

    found = history.read(tmp_path)

    assert [event["i"] for event in found.select("op", f="mkdir")] == [1]
    assert found.header["seed"] == 7
