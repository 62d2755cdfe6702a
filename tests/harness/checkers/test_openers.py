"""fd {use}: asked where the context that asks is not the one that opened the file, and nowhere else."""

import pytest

from harness.model import access

# method, f, arguments, node, row, case
HELD = [
    ("Mds/Lock", "flock", {"operation": 2}, "mds0", ("flock", "flock"), "flock"),
    ("Mds/Lock", "lockf", {"type": 0}, "mds0", ("flock", "setlk"), "setlk"),
    ("Mds/Fcntl", "fcntl", {"cmd": 8, "arg": 1}, "mds0", ("fcntl", "owner"), "owner"),
    ("Mds/Fcntl", "fcntl", {"cmd": 1024, "arg": 0}, "mds0", ("fcntl", "setlease"), "setlease"),
    ("Oss/Read", "read", {"length": 4}, "oss0", ("read", "token"), "token"),
]
IDS = [f"{f}-{case}" for _, f, _, _, _, case in HELD]


def does(history, use, *, stranger, skip=(), **fields):
    """One operation on the descriptor 3, with the queries for a stranger or without."""
    method, f, args, node, row, case = use
    checks = access.expected(*row, stranger=stranger)
    return history.does(method, checks, f, place={"handle": "00"}, case=case, n=node, skip=skip, fd=3, **args, **fields)


@pytest.fixture
def other(history, names):
    """The task has opened the file, and then become other_t."""
    history.creates()
    history.becomes()
    return {"context": names["other"], "subject": "other"}


@pytest.mark.parametrize("use", HELD, ids=IDS)
def test_use_of_what_another_context_opened_is_valid(history, judged, other, use):
    """subject -> opener fd {use}, then what is asked of the file."""
    does(history, use, stranger=True, **other)

    kinds, verdict = judged(history, "mediation")
    assert (kinds, verdict.valid) == ([], "valid")


@pytest.mark.parametrize("use", HELD, ids=IDS)
def test_use_that_was_not_asked_is_caught(history, judged, other, use):
    """A server that takes a descriptor for the asking context's own."""
    does(history, use, stranger=True, skip=("fd",), **other)

    assert judged(history, "mediation")[0] == ["check-missing"]


def test_data_of_another_context_is_judged_again(history, judged, other):
    """The file itself is asked again too: a token of the opener's is none of the stranger's."""
    does(history, HELD[-1], stranger=True, skip=("file",), **other)

    assert judged(history, "mediation")[0] == ["check-missing"]


@pytest.mark.parametrize("use", HELD, ids=IDS)
def test_use_of_ones_own_is_not_asked(history, judged, use):
    """Who opened the file does not ask itself."""
    history.creates()
    does(history, use, stranger=True)

    assert "check-extra" in judged(history, "mediation")[0]


def test_who_opened_is_asked_after(history, judged, names, other):
    """The target of fd {use} is the context that opened, not the one that asks, nor the file's label."""
    for wrong in (names["other"], names["obj"]("made_t")):
        does(history, HELD[0], stranger=True, labels={"opener": wrong}, **other)

    assert judged(history, "mediation")[0].count("false-tcontext") == 2


def test_duplicate_is_the_openers(history, judged, names, other):
    """A context that duplicates a descriptor has not opened the file, one that opens it again has."""
    history.end(history.op("dup", fd=3), ret=9)
    method, f, args, node, row, case = HELD[0]
    strange = access.expected(*row, stranger=True)
    history.does(method, strange, f, place={"handle": "00"}, case=case, n=node, fd=9, **args, **other)
    good = judged(history, "mediation")[0]
    other["labels"] = {"opener": names["other"]}
    history.end(history.op("reopen", fd=3, flags=0), ret={"fd": 9, "fid": "[0x1:0x2:0x0]"})
    history.does(method, strange, f, place={"handle": "00"}, case=case, n=node, fd=9, **args, **other)

    assert good == []
    assert "check-extra" in judged(history, "mediation")[0]


@pytest.mark.parametrize("strange", [True, False])
def test_change_of_context_meanwhile_is_either(history, judged, names, strange):
    """An operation while setcon is under way may be of the one context or of the other: nobody is held to either."""
    history.creates()
    history.subject("other", names["other"])
    history.op("setcon", context=names["other"])
    does(history, HELD[0], stranger=strange)

    assert "check-missing" not in judged(history, "mediation")[0]
    assert "check-extra" not in judged(history, "mediation")[0]


@pytest.mark.parametrize(
    ("relabelled", "asked", "kinds"),
    [(True, True, []), (True, False, ["check-missing"]), (False, False, []), (False, True, [])],
)
def test_data_under_another_label_is_judged_again(history, judged, names, relabelled, asked, kinds):
    """A descriptor from before a relabel is no leave to read on; one without a relabel since may be asked again."""
    history.creates()
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="token", rpc=None)
    if relabelled:
        history.relabels(told=("oss0",))
    label = names["obj"]("data_t" if relabelled else "made_t")
    history.does("Oss/Read", access.expected("read", "token", moved=asked), "read", case="token", n="oss0", fd=3,
                 length=4, labels={"object": label})  # fmt: skip

    assert judged(history, "mediation")[0] == kinds


def test_label_that_came_back_needs_no_judging(history, judged, names):
    """What counts is the label, not how often it was set (selinux_file_permission compares SIDs)."""
    history.creates()
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="token", rpc=None)
    history.relabels(told=("oss0",))
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="relabel", version=3, rpc=None)
    history.does("Oss/Read", access.expected("read", "token"), "read", case="token", n="oss0", fd=3, length=4)

    assert judged(history, "mediation")[0] == []


def test_relabel_while_the_call_is_there_may_be_missed(history, judged, names):
    """A read that had arrived before its server heard of the relabel is by the label before."""
    history.creates()
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="token", rpc=None)
    history.recv("Oss/Read", history.op("read", fd=3, length=4), n="oss0")
    reading = history._rpc
    history.relabels(told=("oss0",))
    history._rpc = reading
    history.reply(case="token", fired=[["file_permission", "object", names["file"], 1]])

    assert judged(history, "mediation")[0] == []


def test_descriptor_of_nowhere_is_unknown(history, judged, names):
    """A history that begins in the middle does not tell who opened."""
    history.creates()
    method, f, args, node, row, case = HELD[0]
    checks = access.expected(*row, stranger=True)
    history.does(method, checks, f, place={"handle": "00"}, case=case, n=node, fd=77, **args)

    kinds, verdict = judged(history, "mediation")
    assert (kinds, verdict.valid) == ([], "unknown")


def test_copy_is_written_to_the_one_and_read_from_the_other(history, judged, names, other):
    """Of the two descriptors of a copy, each server asks about its own: here only the source is another's."""
    op = history.op("open", path="/f", flags=2)
    history.end(op, ret={"fd": 4, "fid": "[0x1:0x2:0x0]"})
    args = {"fd": 3, "to": 4, "length": 4}
    read, write = (access.expected(op, "token", stranger=op == "read") for op in ("read", "write"))
    history.does("Oss/Read", read, "copy_file_range", case="token", n="oss0", **args, **other)
    history.does("Oss/Write", write, "copy_file_range", case="token", n="oss0", **args, **other)
    good = judged(history, "mediation")[0]
    strange = access.expected("write", "token", stranger=True)
    history.does("Oss/Write", strange, "copy_file_range", case="token", n="oss0", **args, **other)

    assert good == []
    assert "check-extra" in judged(history, "mediation")[0]
