"""The checker *propagation* on histories made by hand."""

import pytest


def test_create_stat_and_relabel_are_valid(history, judged, names):
    """A file that is created, looked at, relabelled and looked at again has the right label all along."""
    history.creates()
    history.stats()
    history.relabels()
    history.stats(label=names["obj"]("data_t"))

    assert judged(history, "propagation")[0] == []
    assert judged(history, "propagation")[1].valid == "valid"


def test_claimed_label_is_caught(history, judged, names):
    """A server that stores what the client claims instead of computing the label is found at the label event."""
    history.creates(stored=names["obj"]("data_t"))

    kinds, verdict = judged(history, "propagation")
    assert kinds[0] == "new-label"
    assert (verdict.expected, verdict.actual) == (names["obj"]("made_t"), names["obj"]("data_t"))
    assert verdict.culprits[0]["n"] == "mds0"


def test_fscreate_decides_and_says_so(history, judged, names):
    """With fscreate set the label is that one, and `why` has to be fscreate."""
    history.subject("chosen", names["app"], fscreate=names["obj"]("data_t"))
    history.task("t1", "chosen")
    history.creates(stored=names["obj"]("data_t"), why="transition")

    assert judged(history, "propagation")[0] == ["why"]


@pytest.mark.parametrize(("value", "stored"), [("s0:c3,c1,c2", "s0:c1.c3"), ("s0:c1,c2", "s0:c1,c2")])
def test_relabel_is_stored_in_canonical_form(history, judged, names, value, stored):
    """The store keeps the canonical form of the label that was set."""
    history.creates()
    history.relabels(names["obj"]("data_t", value), stored=names["obj"]("data_t", stored))

    assert judged(history, "propagation")[0] == []


def test_relabel_to_something_else_is_caught(history, judged, names):
    """A label that is not the one that was set is a finding."""
    history.creates()
    history.relabels(names["obj"]("data_t", "s0:c3,c1,c2"), stored=names["obj"]("data_t", "s0:c3,c1,c2"))

    assert judged(history, "propagation")[0] == ["relabel"]


def test_lost_label_is_caught(history, judged, names):
    """A relabel that starts from another label than the acknowledged one is a finding."""
    history.creates()
    history.relabels(old=names["obj"]("secret_t"))

    assert judged(history, "propagation")[0] == ["old-label"]


def test_chmod_must_not_change_the_label(history, judged, names):
    """An operation that is no setxattr of the label leaves it as it was."""
    history.creates()
    op = history.op("chmod", path="/f", mode=0o600)
    history.recv("Mds/Setattr", op, place={"fid": names["file"]})
    history.label(names["file"], names["obj"]("data_t"), why="set", old=names["obj"]("made_t"), version=2)

    assert judged(history, "propagation")[0] == ["changed"]


def test_ost_object_carries_the_files_label(history, judged, names):
    """An object made on an OST with another label than its file's is a finding; with the same one it is none."""
    history.creates()
    history.recv("Oss/Write", None, n="oss0")
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="token")
    good = judged(history, "propagation")[0]
    history.label(names["file"], names["obj"]("data_t"), n="oss0", role="ost", why="token")

    assert good == []
    assert judged(history, "propagation")[0] == ["ost-label"]


def test_ost_relabel_before_the_mds_says_so_is_judged_when_it_does(history, judged, names):
    """The OST is told first: its label is compared once the MDS's label of that version is known."""
    history.creates()
    history.recv("Oss/SetLabel", None, n="oss0", came="mds0")
    history.label(names["file"], names["obj"]("secret_t"), n="oss0", role="ost", why="relabel", version=2)
    early = judged(history, "propagation")
    history.relabels()

    assert (early[0], early[1].valid) == ([], "valid")
    assert set(judged(history, "propagation")[0]) == {"ost-label"}


def test_data_before_the_label_is_caught(history, judged, names):
    """Data must not be stored in an object that has no label yet."""
    history.creates()
    history.recv("Oss/Write", None, n="oss0")
    history.reply(fired=[["file_permission", "object", names["file"], 1]])

    assert judged(history, "propagation")[0] == ["data-before-label"]


def test_raw_label_that_differs_is_caught(history, judged, names):
    """At the end every stored label is the acknowledged one."""
    history.creates()
    labels = {"security.selinux": names["obj"]("data_t")}
    history.add(
        "harness", "raw", target="mds0", object=names["file"], path="/f", mode=0o100644, labels=labels, version=1
    )

    assert judged(history, "propagation")[0] == ["raw-label"]


@pytest.mark.parametrize("shape", ["stat", "getxattr", "readdir"])
def test_told_label_that_never_was_is_caught(history, judged, names, shape):
    """A label in a result has to be one that the object had while the operation ran."""
    history.creates()
    wrong = names["obj"]("secret_t")
    if shape == "stat":
        history.stats(told=wrong)
    elif shape == "getxattr":
        history.end(history.op("getxattr", path="/f", name="security.selinux"), ret=wrong)
    else:
        ret = [{"name": "f", "labels": {"security.selinux": wrong}}]
        history.end(history.op("readdir", path="/"), ret=ret)

    assert judged(history, "propagation")[0] == ["told-label"]


def test_label_told_during_a_relabel_may_be_either(history, judged, names):
    """While a relabel runs beside it, an operation may tell the old label or the new one."""
    history.creates()
    op = history.op("getxattr", path="/f", name="security.selinux")
    history.relabels()
    history.end(op, ret=names["obj"]("made_t"))

    assert judged(history, "propagation")[0] == []


def test_without_policy_the_verdict_is_unknown(history, judged):
    """Without a policy no label can be computed, and nothing is said to be right."""
    history.creates()
    history.events = [event for event in history.events if event["e"] != "policy"]

    assert judged(history, "propagation")[1].valid == "unknown"
