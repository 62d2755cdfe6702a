"""What is wrong in a run: each thing with its test, its place, and the way that led there."""

import shutil
from dataclasses import replace
from pathlib import Path

from harness.outputs import formats, sarif
from harness.outputs.told import Told
from harness.outputs.way import Stop
from harness.store import Run


def test_each_problem_has_its_rule_and_place(told: Told) -> None:
    """Checker and kind, or the test's status; the line of the test, of the assertion, or of the YAML file."""
    places = {(problem.rule, problem.path, problem.line) for problem in told.problems}

    assert ("propagation/new-label", "test_planted.py", 19) in places
    assert ("mediation/hook-missing", "test_planted.py", 19) in places
    assert ("test/FAIL", "test_planted.py", 32) in places
    assert ("test/FAIL", "case.labels.yaml", 6) in places


def test_the_way_goes_from_operation_to_decision(told: Told) -> None:
    """The operations before it, then the rpcs, hooks and labels of the one at fault, in causal order."""
    problem = next(problem for problem in told.problems if problem.rule == "propagation/new-label")
    stops = problem.stops
    last = max(place for place, stop in enumerate(stops) if stop.kind == "op")

    assert [stop.at for stop in stops] == sorted(stop.at for stop in stops)
    assert {stop.kind for stop in stops[:last]} == {"op", "label"}
    assert [stop.kind for stop in stops[last : last + 3]] == ["op", "rpc", "decision"]
    assert stops[last].culprit
    assert "inode_mkdir on mds0 (server): dir { add_name search } allowed to user_u:user_r:user_t" in _full(stops)
    assert stops[-1] == replace(stops[-1], kind="label", node="mds0", culprit=True)


def test_a_denial_is_on_the_way_with_its_reason(told: Told) -> None:
    """Of a case that was refused: the decision that denied, and the errno that came back."""
    problem = next(problem for problem in told.problems if problem.path == "case.labels.yaml")

    assert "dir { search } denied (te) to user_u:user_r:user_t:s0-s0:c0.c15 on user_u:object_r:secret_t:s0" in _full(
        problem.stops
    )
    assert [stop.text for stop in problem.stops if stop.kind == "answer"] == ["EACCES"]
    assert problem.sentence.startswith("case.labels.yaml:6: mkdir path=d/x as user is EACCES, not ok: mds0 denied dir")


def test_without_the_history_the_checkers_word_is_told(told: Told, tmp_path: Path) -> None:
    """A run of which only results.json is left still tells of each checker that found something."""
    shutil.copy(told.run.results, tmp_path / "results.json")

    bare = formats.of(Run(tmp_path))

    assert {problem.rule for problem in bare.problems} == {"test/FAIL", "propagation", "mediation"}
    assert all(not problem.stops for problem in bare.problems)


def test_what_another_cluster_recorded_is_named_in_its_folder(told: Told, tmp_path: Path) -> None:
    """Where a run has several, or workers have, the lines of the history are those of the right one."""
    shutil.copytree(told.run.path, tmp_path / "run" / "cluster-gw0-1")
    shutil.copy(told.run.results, tmp_path / "run" / "results.json")

    other = formats.of(Run(tmp_path / "run"))
    events = [event for problem in other.problems for event in problem.events]

    assert events
    assert all((other.run.path / event.partition(" line ")[0]).exists() for event in events)
    assert all(event.startswith("cluster-gw0-1/history/") for event in events)
    assert "cluster-gw0-1/history/mds0.jsonl" in sarif.render(other)


def test_each_test_can_be_done_again(told: Told) -> None:
    """By -k, or by the file where that is the test."""
    commands = {problem.test.id: told.again(problem.test) for problem in told.problems if problem.test}

    assert commands["case.labels.yaml::A case that does not hold"] == (
        "labelproof run case.labels.yaml --runtime sim --lsm enforcing --policy targeted --seed 3"
    )
    assert commands["test_planted.py::test_asserts"].endswith("--seed 3 -k test_asserts")


def test_a_damaged_history_is_said(told: Told, tmp_path: Path) -> None:
    """What does not read is named, and the rest is told."""
    shutil.copytree(told.run.path, tmp_path / "run")
    (tmp_path / "run" / "history" / "mds0.jsonl").write_text("no JSON\n")

    damaged = formats.of(Run(tmp_path / "run"))

    assert "mds0.jsonl, line 1 is not JSON" in damaged.damage[0]
    assert damaged.problems


def _full(stops: tuple[Stop, ...]) -> str:
    return "\n".join(stop.full for stop in stops)
