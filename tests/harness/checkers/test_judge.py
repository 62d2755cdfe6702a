"""Judging whole histories: order, slices, merging, numbers, speed."""

import time

import pytest

from harness.checkers import CHECKERS, Judge, Verdict, causal, judge, merge, summary


def test_causal_order_is_clock_then_node_then_place():
    """Wall-clock times play no part."""
    events = [
        {"e": "note", "n": "b", "c": 2, "i": 0, "t": 0},
        {"e": "note", "n": "a", "c": 2, "i": 1, "t": 9},
        {"e": "note", "n": "a", "c": 2, "i": 0, "t": 9},
        {"e": "note", "n": "b", "c": 1, "i": 1, "t": 5},
    ]

    assert [(e["n"], e["i"]) for e in causal(events)] == [("b", 1), ("a", 0), ("a", 1), ("b", 0)]


def test_a_subject_is_known_before_whoever_uses_it():
    """Of two rpcs served at once, the one told of first defines it; the other one began before, by its clock."""
    events = [
        {"e": "subject", "n": "a", "c": 5, "i": 0},
        {"e": "rpc", "n": "a", "c": 4, "i": 1},
        {"e": "rpc", "n": "a", "c": 5, "i": 2},
    ]

    assert [e["i"] for e in causal(events[::-1])] == [0, 1, 2]


def test_shuffled_files_give_the_same_verdicts(history, held):
    """The order in which files are read does not matter."""
    history.creates(stored="u:object_r:data_t:s0")
    history.stats()

    assert judge(history.events[::-1], held) == judge(history.events, held)


def test_slices_carry_state_on_and_drain_only_what_is_new(history, held):
    """A test's slice is judged on the state that the ones before left, and its findings are told once."""
    history.creates()
    first = list(history.events)
    history.stats(told="u:object_r:secret_t:s0")
    whole = Judge(held, {"propagation"})
    whole.feed(first)
    clean = whole.drain()
    whole.feed(history.events[len(first) :])

    assert clean == []
    (finding,) = whole.drain()
    assert (finding.kind, finding.test) == ("told-label", "suite::test_one")
    assert whole.drain() == []


def test_invalid_beats_unknown_beats_valid():
    """The merged verdict is the worst, in this order."""
    valid, unknown, invalid = (Verdict(word, word) for word in ("valid", "unknown", "invalid"))

    assert merge([valid, unknown, invalid]) is invalid
    assert merge([valid, unknown]) is unknown
    assert merge([]).valid == "unknown"


def test_unknown_checker_is_refused(held):
    """A name that no checker has is an error that lists the known ones."""
    with pytest.raises(ValueError, match="propagation, mediation, identity, audit"):
        Judge(held, {"nonesuch"})


def test_empty_history_is_unknown(held):
    """Nothing passes vacuously: a history without events proves nothing."""
    assert {verdict.valid for verdict in judge([], held)} == {"unknown"}
    assert len(judge([], held)) == len(CHECKERS)


def test_summary_counts_what_was_judged(history, held, names):
    """Denials count inside mediation tests only, and are proven by a control that passed and changed nothing."""
    history.creates()
    denied = history.op("stat", path="/f", test="harness/suites/mediation.py::test_stat")
    history.recv("Mds/Getattr", denied, place={"fid": names["file"]})
    history.denied("inode_getattr", "file", "read getattr", names["obj"]("secret_t"), "read getattr")
    history.reply(13)
    history.end(denied, "fail", errno=13)
    control = history.stats()
    facts = {"hook": "inode_getattr", "tclass": "file", "permission": "getattr"}
    before = summary(history.events, held)
    history.add("harness", "control", denial=denied, control=denied, changed=[], **facts)
    unproven = summary(history.events, held)
    history.add("harness", "control", denial=denied, control=control, changed=["mode"], **facts)
    changed = summary(history.events, held)
    history.add("harness", "control", denial=denied, control=control, changed=[], **facts)

    numbers = summary(history.events, held)
    assert (before["denials"], before["denials_with_control"]) == (1, 0)
    assert unproven["denials_with_control"] == changed["denials_with_control"] == 0
    assert (numbers["denials"], numbers["denials_with_control"]) == (1, 1)
    assert numbers["operations"] == 3
    assert numbers["decisions"] == 9
    assert numbers["second_engine"] == 8
    assert numbers["distinct_decisions"] == 12
    assert numbers["labels"] == 2


@pytest.mark.parametrize(("answer", "proven"), [(25, 1), (6, 0), (0, 0)])
def test_a_control_may_be_told_that_nothing_can_be_done(history, held, names, answer, proven):
    """A control that failed as it says, with the errno of who passed all checks, proves its denial; no other does."""
    history.creates()
    denied, control = (history.op("stat", path="/f", test="mediation.py::test_stat") for _ in range(2))
    history.recv("Mds/Getattr", denied, place={"fid": names["file"]})
    history.denied("inode_getattr", "file", "read getattr", names["obj"]("secret_t"), "read getattr")
    history.reply(13)
    history.end(denied, "fail", errno=13)
    history.end(control, "fail", errno=25)
    history.add("harness", "control", denial=denied, control=control, changed=[], answer=answer)

    numbers = summary(history.events, held)

    assert (numbers["denials"], numbers["denials_with_control"]) == (1, proven)


def test_many_events_are_judged_in_seconds(history, held):
    """A hundred thousand events take seconds: decisions are asked of libsepol once each."""
    history.creates()
    while len(history.events) < 20_000:
        history.stats()
    begun = time.process_time()
    verdicts = judge(history.events, held)

    assert time.process_time() - begun < 5
    assert [verdict.valid for verdict in verdicts] == ["valid", "valid", "valid", "unknown"]
