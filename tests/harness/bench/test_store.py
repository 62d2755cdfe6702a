"""Kept results, and how an earlier run is shown beside."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.bench import store, table
from harness.bench.bench import Row, row
from harness.bench.measure import Samples


@pytest.fixture
def figure() -> Row:
    samples = {"mine": Samples((0.002, 0.002, 0.002)), "other": Samples((0.001, 0.001, 0.001))}
    return row("stat, 16 clients", "mine", samples, aim={"other": 0.7}, note="2 rpcs")


def test_what_is_saved_is_loaded(tmp_path: Path, figure: Row) -> None:
    """Rows and machine come back as they were."""
    path = store.save({"operations": [figure]}, {"cores": "2"}, {}, tmp_path)

    assert store.load(path) == ({"operations": [figure]}, {"cores": "2"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "benchmarks": {"a": [{}]}}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is no result is one ValueError that names it."""
    path = tmp_path / "no.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"no\.json does not hold"):
        store.load(path)


def test_a_table_shows_ratio_spread_aim_and_the_earlier_run(figure: Row) -> None:
    """A row says how long one takes, how fast that is beside the other, the aim, and what it was before."""
    out = io.StringIO()

    table.show(Console(file=out, width=110), "operations", [figure], [figure])

    shown = out.getvalue()
    assert "stat, 16 clients  2 ms  0.50 (0.50-0.50) was 0.50  2 rpcs" in shown
    assert "aims: 0.7 to other" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5 s"), (0.00234, "2.34 ms"), (4.2e-6, "4.2 us"), (9e-8, "90 ns")]
)
def test_durations(seconds: float, text: str) -> None:
    """Three digits and the unit that suits."""
    assert table.duration(seconds) == text
