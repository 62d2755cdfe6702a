"""A baseline: a Behaviour as a file that is committed beside the tests (docs/baselines.md).

JSON Lines: first what it is a baseline of, then KNOWN entries, then one line an operation, so that a changed operation
is a changed line for version control too.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.bulk import no_collector
from harness.compare.behaviour import Behaviour, Operation
from harness.compare.known import Known

SCHEMA = 1
_KIND = "labelproof-baseline"
_XDIST = "PYTEST_XDIST_WORKER"
_LINES = ("decisions", "labels", "rpcs")
_REMEDY = "restore it from version control, or write it again with `labelproof run --save-baseline`"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is expected, and the deviations that are tolerated."""

    behaviour: Behaviour
    known: tuple[Known, ...] = ()


def refuse_workers(environment: Mapping[str, str] = os.environ) -> None:
    """Raises ValueError in a worker of pytest-xdist, which sees only its own part of the tests."""
    worker = environment.get(_XDIST)
    if worker:
        raise ValueError(
            f"a baseline is written from a whole run, and this is worker {worker} of pytest-xdist, which has a part of"
            " the tests; run without -n"
        )


def write(path: Path, baseline: Baseline, environment: Mapping[str, str] = os.environ) -> None:
    """Writes in one step. Raises OSError naming the file, ValueError in a worker of pytest-xdist."""
    refuse_workers(environment)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in _lines(baseline)))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path) -> Baseline:
    """Raises OSError naming the file, ValueError naming file, line and remedy for what is no baseline."""
    lines = path.read_bytes().splitlines()
    reader = _Reader()
    with no_collector():
        for number, line in enumerate(lines, 1):
            try:
                reader.take(number, orjson.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                remedy = "correct the entry" if line.lstrip().startswith(b'{"known"') else _REMEDY
                raise ValueError(f"baseline {path}, line {number}: {_said(error)}; {remedy}") from error
    try:
        return reader.done()
    except ValueError as error:
        raise ValueError(f"baseline {path}, line {len(lines) + 1}: {error}; {_REMEDY}") from error


def _lines(baseline: Baseline) -> Iterator[dict[str, Any]]:
    behaviour = baseline.behaviour
    count = sum(map(len, behaviour.tests.values()))
    yield {"kind": _KIND, "schema": SCHEMA, "operations": count, "about": dict(behaviour.about)}
    for known in baseline.known:
        yield {"known": known.to_json()}
    for test in sorted(behaviour.tests):
        for operation in behaviour.tests[test]:
            yield {"test": test, "operation": operation.name, "end": operation.end} | {
                name: getattr(operation, name) for name in _LINES
            }


class _Reader:
    def __init__(self) -> None:
        self._about: dict[str, Any] = {}
        self._count = -1
        self._known: list[Known] = []
        self._tests: dict[str, list[Operation]] = defaultdict(list)

    def take(self, number: int, line: Any) -> None:
        if not isinstance(line, dict):
            raise ValueError("is not a JSON object")
        if number == 1:
            self._take_header(line)
        elif "known" in line:
            self._known.append(Known.from_json(line["known"]))
        else:
            self._tests[line["test"]].append(_operation(line))

    def done(self) -> Baseline:
        """Raises ValueError where lines are missing."""
        if self._count < 0:
            raise ValueError("the file is empty")
        found = sum(map(len, self._tests.values()))
        if found != self._count:
            raise ValueError(f"{found} operations are there, and the first line promises {self._count}")
        tests = {test: tuple(operations) for test, operations in self._tests.items()}
        return Baseline(Behaviour(tests, self._about), tuple(self._known))

    def _take_header(self, line: dict[str, Any]) -> None:
        if line.get("kind") != _KIND:
            raise ValueError("is not the first line of a baseline")
        if line.get("schema") != SCHEMA:
            raise ValueError(f"is of schema {line.get('schema')}, and this version reads {SCHEMA}")
        self._about, self._count = dict(line["about"]), int(line["operations"])


def _operation(line: dict[str, Any]) -> Operation:
    parts = [tuple(line[name]) for name in _LINES]
    return Operation(str(line["operation"]), str(line["end"]), *parts)


def _said(error: Exception) -> str:
    if isinstance(error, orjson.JSONDecodeError):
        return f"is not JSON ({error})"
    return f"has no field {error}" if isinstance(error, KeyError) else str(error)
