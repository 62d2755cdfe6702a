"""The files that results are kept in: `.labelproof/bench/<UTC time>.json`.

{"schema": 1, "time", "machine": {...}, "options": {...}, "benchmarks": {name: [row]}}, where a row has `case`,
`system`, `seconds` (one number a round), `ratios` {system: {value, low, high}}, `aim` {system: ratio} and `note`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.bench.bench import Row
from harness.bench.measure import Ratio, Samples

SCHEMA = 1
FOLDER = Path(".labelproof/bench")

Results = Mapping[str, Sequence[Row]]


def save(results: Results, machine: Mapping[str, str], options: Mapping[str, object], folder: Path = FOLDER) -> Path:
    """Writes a file of its own for this run, and says where."""
    now = dt.datetime.now(dt.UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    kept: dict[str, Any] = {
        "schema": SCHEMA, "time": now.isoformat(timespec="seconds"), "machine": dict(machine), "options": dict(options),
        "benchmarks": {name: [_plain(row) for row in rows] for name, rows in results.items()},
    }  # fmt: skip
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> tuple[Results, dict[str, str]]:
    """The results in a file, and the machine that they are of. ValueError for a file that `save` did not write."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["schema"] != SCHEMA:
            raise ValueError(f"schema {kept['schema']}, not {SCHEMA}")
        results = {name: [_row(row) for row in rows] for name, rows in kept["benchmarks"].items()}
        return results, dict(kept["machine"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} does not hold results of the benchmark: {error}") from None


def _plain(row: Row) -> dict[str, Any]:
    return {**asdict(row), "seconds": list(row.seconds.seconds)}


def _row(row: Mapping[str, Any]) -> Row:
    ratios = {name: Ratio(**ratio) for name, ratio in row["ratios"].items()}
    return Row(row["case"], row["system"], Samples(tuple(row["seconds"])), ratios, row["aim"], row["note"])
