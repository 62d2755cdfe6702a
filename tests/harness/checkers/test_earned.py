"""Answers that nobody asked a decision for."""

import pytest


def told(history, names, label="made_t", task="t1", f="stat", **args):
    """An operation that a client answers by itself."""
    op = history.op(f, task, path="/f", **args)
    ret = {"fid": names["file"], "labels": {"security.selinux": names["obj"](label)}}
    history.end(op, ret=ret if f == "stat" else names["obj"](label))


@pytest.mark.parametrize("f", ["stat", "getxattr"])
def test_answer_from_the_cache_has_to_be_earned(history, judged, names, f):
    """Once a context was allowed getattr, it may be told again without asking; before, not."""
    history.creates()
    args = {"name": "security.selinux"} if f == "getxattr" else {}
    told(history, names, f=f, **args)
    first = judged(history, "mediation")[0]
    history.stats()
    told(history, names, f=f, **args)

    assert first == judged(history, "mediation")[0] == ["unasked"]


def test_what_another_context_earned_is_not_ones_own(history, judged, names):
    """A cache that does not look at who asks."""
    history.creates()
    history.stats()
    history.subject("other", names["other"])
    history.task("t2", "other")
    told(history, names, task="t2")

    assert judged(history, "mediation")[0] == ["unasked"]


def test_denial_earns_nothing(history, judged, names):
    """Who was denied may not be told, however often."""
    history.creates()
    history.recv("Mds/Getattr", history.op("stat", path="/f"), place={"fid": names["file"]})
    history.denied("inode_getattr", "file", "getattr", names["obj"]("made_t"), "getattr", obj=names["file"])
    history.reply(13)
    told(history, names)

    assert judged(history, "mediation")[0] == ["unexpected-deny", "unasked"]


@pytest.mark.parametrize("change", ["relabel", "policy"])
def test_change_takes_back_what_was_earned(history, judged, names, change):
    """By another label or another policy the same context has to ask again."""
    history.creates()
    history.stats()
    if change == "relabel":
        history.relabels()
        told(history, names, "data_t")
    else:
        history.policy_event("mds0", seqno=2)
        told(history, names)

    assert judged(history, "mediation")[0] == ["unasked"]


def test_policy_of_another_node_takes_nothing_back(history, judged, names):
    """What was decided by the policy that is in force there is earned, whoever still has to load it."""
    history.creates()
    history.stats()
    history.policy_event("oss0", seqno=2)
    told(history, names)

    assert judged(history, "mediation")[0] == []


def test_change_while_the_answer_is_on_its_way_may_be_missed(history, judged, names):
    """An operation that began before is by either."""
    history.creates()
    history.stats()
    op = history.op("stat", path="/f")
    history.policy_event("mds0", seqno=2)
    history.end(op, ret={"fid": names["file"], "labels": {"security.selinux": names["obj"]("made_t")}})

    assert judged(history, "mediation")[0] == []


def test_refusal_needs_no_leave(history, judged):
    """Only what is told counts."""
    history.creates()
    history.end(history.op("stat", path="/f"), "fail", errno=13)

    assert judged(history, "mediation")[0] == []
