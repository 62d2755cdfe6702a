"""What a caller was told is done is done."""

import errno

import pytest

from harness.model import access


def test_object_that_was_made_without_a_label_is_caught(history, judged, names):
    """The hook fired, the answer is yes, and no label was stored: a server that drops what it computed."""
    checks = access.expected("mkdir", "new", walk=True)
    history.recv("Mds/Mkdir", history.op("mkdir", path="/d"), place={"parent": names["root"], "name": "d"})
    fired = history.fires(checks, {})
    history.reply(case="new", fired=fired)
    without = judged(history, "propagation")[0]
    history.events.pop()
    history.label(names["file"], names["obj"]("dir_t"), parent=names["root"], name="d", why="inherit", tclass="dir")
    history.reply(case="new", fired=fired)

    assert without == ["unlabelled"]
    assert judged(history, "propagation")[0] == []


def test_refused_create_owes_no_label(history, judged, names):
    """What was not made has none."""
    history.recv("Mds/Mkdir", history.op("mkdir", path="/d"), place={"parent": names["root"], "name": "d"})
    history.reply(errno.EEXIST, fired=[["inode_init_security", "parent", names["root"], 1]])

    assert judged(history, "propagation")[0] == []


@pytest.mark.parametrize("told", [("oss0", "oss1"), ("oss0",)])
def test_every_object_follows_its_file(history, judged, names, told):
    """A relabel is acknowledged once every OST that has an object of the file has the new label there."""
    history.creates()
    for node in ("oss0", "oss1"):
        history.label(names["file"], names["obj"]("made_t"), n=node, role="ost", why="token", rpc=None)
    history.relabels(told=told)

    assert judged(history, "propagation")[0] == ([] if len(told) == 2 else ["ost-label"])


def test_object_that_is_gone_follows_nothing(history, judged, names):
    """An object that was destroyed has no label to change."""
    history.creates()
    history.label(names["file"], names["obj"]("made_t"), n="oss0", role="ost", why="token", rpc=None)
    history.label(names["file"], None, n="oss0", role="ost", why="remove", rpc=None)
    history.relabels()

    assert judged(history, "propagation")[0] == []


@pytest.mark.parametrize(
    ("value", "phase", "kinds"),
    [
        ("data_t", "ok", ["relabel"]),  # swallowed
        ("data_t", "info", []),
        ("data_t", "fail", []),
        ("made_t", "ok", []),  # as it was
    ],
)
def test_relabel_that_was_never_stored_is_caught(history, judged, names, value, phase, kinds):
    """A success that stores nothing, and no label event to judge."""
    history.creates()
    op = history.op("setxattr", path="/f", name="security.selinux", value=names["obj"](value))
    history.end(op, phase)

    assert judged(history, "propagation")[0] == kinds


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        (errno.ENODATA, ["told-label"]),
        (errno.EINVAL, ["told-label"]),
        (errno.EOPNOTSUPP, ["told-label"]),
        (errno.EACCES, []),
        (errno.ENOENT, []),
        (errno.ERANGE, []),
    ],
)
def test_label_that_is_there_can_be_read(history, judged, names, number, kinds):
    """Absent, invalid and unsupported are no answers for an object that has a label; denied is."""
    history.creates()
    for name in ("security.selinux", "user.other"):
        history.end(history.op("getxattr", path="/f", name=name), "fail", errno=number, message="")

    assert judged(history, "propagation")[0] == kinds
