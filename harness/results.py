"""results.json: what a run found, as a documented value (docs/results.md, results.schema.json).

The verdict is a function of the tests' statuses and of the checkers' verdicts, and stands here alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

SCHEMA = 1
Verdict = Literal["pass", "fail", "inconclusive"]
Status = Literal["PASS", "FAIL", "ERROR", "TIMEOUT", "SKIP", "KNOWN", "XPASS", "VACUOUS"]
# A test with one of these fails its run; VACUOUS is a test that judged nothing.
FAILED: frozenset[Status] = frozenset({"FAIL", "ERROR", "TIMEOUT", "XPASS", "VACUOUS"})


class Exit(IntEnum):
    """What the command's exit code means."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    UNAVAILABLE = 4
    NOTHING = 5
    INTERNAL = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Test:
    """One test; `reason` says why it is not PASS, `place` where it stands or failed: `path:line`, empty if unknown."""

    id: str
    suite: str
    status: Status
    reason: str = ""
    duration_s: float = 0.0
    place: str = ""

    __test__ = False  # not a test class, whatever pytest thinks of its name


@dataclass(frozen=True, slots=True)
class Judged:
    """How much was judged: the numbers that say whether a pass means something.

    `distinct_decisions` counts (hook, class, permission, verdict); `denials_with_control` those proven by the same
    operation passing once exactly that permission is there; `second_engine` the decisions libsepol confirmed.
    """

    operations: int = 0
    rpcs: int = 0
    decisions: int = 0
    distinct_decisions: int = 0
    labels: int = 0
    denials: int = 0
    denials_with_control: int = 0
    second_engine: int = 0

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> Self:
        """From a mapping that may hold more."""
        return cls(**{name: int(numbers.get(name, 0)) for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Checker:
    """A checker's verdict on the whole run; `culprits` are events as {"n": node, "i": index}."""

    name: str
    valid: Literal["valid", "invalid", "unknown"]
    because: str
    culprits: tuple[Mapping[str, Any], ...] = ()
    expected: str = ""
    actual: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """A run. `ready_s` is how long the first cluster took to boot, the least of several workers'; None where none was
    started.

    `replay` is the command that does the run again.
    """

    verdict: Verdict
    reason: str
    tests: tuple[Test, ...]
    judged: Judged
    checkers: tuple[Checker, ...]
    wall_s: float
    ready_s: float | None
    versions: Mapping[str, str | None]
    policy: Mapping[str, Any] | None
    seed: int
    runtime: str
    started: str
    interrupted: bool = False
    replay: str = ""
    schema: int = field(default=SCHEMA)

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The value written by `to_json`. Raises ValueError for another schema, KeyError, TypeError for no results."""
        if data["schema"] != SCHEMA:
            raise ValueError(f"results of schema {data['schema']}, and this version reads {SCHEMA}")
        parts = {
            "tests": tuple(Test(**test) for test in data["tests"]),
            "judged": Judged(**data["judged"]),
            "checkers": tuple(Checker(**item | {"culprits": tuple(item["culprits"])}) for item in data["checkers"]),
        }
        return cls(**{**data, **parts})

    @property
    def exit(self) -> Exit:
        """The command's exit code for this run."""
        if self.interrupted:
            return Exit.INTERRUPTED
        return {"pass": Exit.PASSED, "fail": Exit.FAILED, "inconclusive": Exit.INCONCLUSIVE}[self.verdict]


def decide(
    tests: Sequence[Test], checkers: Sequence[Checker], *, stopped: str | None = None, interrupted: bool = False
) -> tuple[Verdict, str]:
    """The verdict and its reason: a failure beats what is not known, and nothing passes that judged nothing.

    `stopped` is the sentence of what ended the run before its end.
    """
    suffix = "; interrupted" if interrupted else ""
    failed = [test for test in tests if test.status in FAILED]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return "fail", f"{failed[0].id} is {failed[0].status}{more}{suffix}"
    for checker in checkers:
        if checker.valid == "invalid":
            return "fail", f"{checker.name}: {checker.because}{suffix}"
    if interrupted:
        return "inconclusive", f"interrupted after {len(tests)} tests, none of which failed"
    if stopped:
        return "inconclusive", stopped
    for checker in checkers:
        if checker.valid == "unknown":
            return "inconclusive", f"{checker.name}: {checker.because}"
    if not any(test.status == "PASS" for test in tests):
        return "inconclusive", "no test passed: nothing was judged"
    if not checkers:
        return "inconclusive", "no checker judged anything: no test started a cluster"
    return "pass", f"{len(tests)} tests, {len(checkers)} checkers"


def write(results: Results, path: Path) -> None:
    """Writes in one step. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(results.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def read(path: Path) -> Results:
    """Raises OSError, and ValueError naming the file and the remedy for what is not a results.json."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return Results.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a results.json of this version ({error}); run the suites again") from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema that every results.json satisfies."""
    text = resources.files("harness").joinpath("results.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
