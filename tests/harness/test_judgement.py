"""The checkers' last word, merged and sent from one process to another."""

import json

from harness import judgement
from harness.checkers import Finding, Verdict
from harness.judgement import Judgement, Outcome

WRONG = Finding("propagation", "raw-label", "it is wrong", ({"n": "mds0", "i": 3},), "a", "b", "t1")
DECIDED = frozenset({("inode_create", "file", "create", True)})
GOOD = Judgement((Verdict("valid", "3 judged", checker="audit"),), {"operations": 2}, (), DECIDED)
BAD = Judgement((Verdict("invalid", "no", ({"n": "mds0", "i": 3},), checker="audit"),), {"operations": 1}, (WRONG,))


def test_the_worst_verdict_stands_for_all() -> None:
    """Numbers add up, but the same decision in two clusters is one distinct decision."""
    merged = judgement.merged([GOOD, GOOD, BAD])

    assert [(verdict.checker, verdict.valid) for verdict in merged.verdicts] == [("audit", "invalid")]
    assert merged.numbers == {"operations": 5, "distinct_decisions": 1}
    assert merged.late == (WRONG,)


def test_valid_ones_say_all() -> None:
    """What was counted adds up; other words are each cluster's own."""
    quiet = Judgement((Verdict("valid", "there was nothing to judge", checker="audit"),))

    assert judgement.merged([GOOD, GOOD]).verdicts[0].because == "6 judged"
    assert judgement.merged([GOOD, quiet]).verdicts[0].because == "3 judged, there was nothing to judge"


def test_an_outcome_travels_as_json() -> None:
    """What comes out is what went in."""
    outcome = Outcome(BAD, "/run", ("cluster-gw0-1",), 1.5, "no power", unavailable=True)

    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome
    assert Outcome.from_json(Outcome(GOOD).to_json()) == Outcome(GOOD)


def test_outcomes_of_all_processes_are_one() -> None:
    """The first failure is the run's; all folders are; the quickest boot is told."""
    first = Outcome(GOOD, "/run", ("cluster-gw0-1",), 1.0)
    second = Outcome(GOOD, "/run", ("cluster-gw1-1",), 2.0, "no power", unavailable=True)

    found = judgement.together([first, second])

    assert (found.run_dir, found.folders) == ("/run", ("cluster-gw0-1", "cluster-gw1-1"))
    assert (found.ready_s, found.failure, found.unavailable) == (1.0, "no power", True)
    assert judgement.together([]) == Outcome(Judgement((), {"distinct_decisions": 0}))
