"""results.json: its verdict, its schema, its reading."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

from harness import results
from harness.results import Checker, Exit, Judged, Results, Test

PASSED = Test("a.py::test", "a", "PASS")
VALID = Checker("propagation", "valid", "7 judged")


def sample(**changes: object) -> Results:
    """A run that passed."""
    whole = Results(
        verdict="pass",
        reason="1 tests, 1 checkers",
        tests=(PASSED,),
        judged=Judged(operations=1),
        checkers=(Checker("mediation", "invalid", "why", ({"n": "mds0", "i": 3},), "denied", "allowed"), VALID),
        wall_s=1.5,
        ready_s=None,
        versions={"labelproof": "0.1.0", "python": "3.11", "grpc": "1", "protobuf": "7", "libsepol": None},
        policy={"name": "targeted", "digest": "0" * 64, "version": 33},
        seed=7,
        runtime="sim",
        started="2026-01-01T00:00:00+00:00",
    )
    return dataclasses.replace(whole, **changes)


@pytest.mark.parametrize("changes", [{}, {"policy": None, "ready_s": 0.5}, {"tests": (), "interrupted": True}])
def test_what_is_written_satisfies_the_schema(tmp_path: Path, changes: dict[str, object]) -> None:
    """And reads back as the same value."""
    results.write(sample(**changes), tmp_path / "results.json")

    written = json.loads((tmp_path / "results.json").read_text())
    jsonschema.validate(written, results.json_schema())
    assert results.read(tmp_path / "results.json") == sample(**changes)


@pytest.mark.parametrize("broken", [{"verdict": "maybe"}, {"reason": ""}, {"judged": {}}, {"more": 1}, {"seed": -1}])
def test_the_schema_refuses(broken: dict[str, object]) -> None:
    """A wrong value, an empty reason, a missing number, a field too many."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sample().to_json() | broken, results.json_schema())


def test_the_schema_names_every_field_of_the_value() -> None:
    """Value and schema cannot drift apart."""
    schema = results.json_schema()

    assert set(schema["required"]) == set(schema["properties"]) == set(sample().to_json())
    assert set(schema["$defs"]["judged"]["required"]) == set(Judged.__dataclass_fields__)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1}'])
def test_what_is_no_results_json_names_the_file(tmp_path: Path, text: str) -> None:
    """One sentence with the remedy."""
    path = tmp_path / "results.json"
    path.write_text(text)

    with pytest.raises(ValueError, match="run the suites again") as error:
        results.read(path)

    assert str(path) in str(error.value)


@pytest.mark.parametrize("status", sorted(results.FAILED))
def test_a_failed_test_fails_the_run(status: results.Status) -> None:
    """Each of FAIL, ERROR, TIMEOUT, XPASS and VACUOUS, and it is named."""
    verdict = results.decide([PASSED, Test("b::t", "b", status)], [VALID])

    assert verdict == ("fail", f"b::t is {status}")


@pytest.mark.parametrize(
    ("tests", "checkers", "expected"),
    [
        ([PASSED], [VALID], "pass"),
        ([PASSED], [Checker("x", "invalid", "b"), VALID], "fail"),
        ([PASSED], [Checker("x", "unknown", "b"), Checker("y", "invalid", "b")], "fail"),
        ([PASSED], [VALID, Checker("x", "unknown", "b")], "inconclusive"),
        ([PASSED], [], "inconclusive"),
        ([], [VALID], "inconclusive"),
        ([Test("a", "a", "SKIP"), Test("b", "a", "KNOWN")], [VALID], "inconclusive"),
        ([PASSED, Test("a", "a", "SKIP")], [VALID], "pass"),
    ],
)
def test_the_verdict(tests: list[Test], checkers: list[Checker], expected: str) -> None:
    """A failure beats the unknown, and nothing passes that judged nothing."""
    assert results.decide(tests, checkers)[0] == expected


def test_an_interrupted_run_says_so() -> None:
    """Whatever came of what was done; the exit code is that of an interrupt."""
    calm = results.decide([PASSED], [VALID], interrupted=True)
    failed = results.decide([Test("b::t", "b", "FAIL")], [VALID], interrupted=True)

    assert calm == ("inconclusive", "interrupted after 1 tests, none of which failed")
    assert failed == ("fail", "b::t is FAIL; interrupted")
    assert sample(interrupted=True).exit == Exit.INTERRUPTED


def test_a_run_without_its_cluster_is_inconclusive() -> None:
    """The sentence of what stopped it is the reason."""
    assert results.decide([], [], stopped="node mds0 ended") == ("inconclusive", "node mds0 ended")


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_exit_codes(verdict: results.Verdict, code: int) -> None:
    """As documented."""
    assert sample(verdict=verdict).exit == code
