"""The checker *identity* on histories made by hand."""

import pytest

from harness.model import access


def test_walks_of_ones_own_are_valid(history, judged):
    """A subject that walked from the root may name what it found."""
    history.creates()
    history.stats()

    assert judged(history, "identity")[0] == []
    assert judged(history, "identity")[1].valid == "valid"


def test_ticket_of_another_subject_is_caught(history, judged, names):
    """A server that lets a subject reach by FID what only another one walked to is found by name."""
    history.creates()
    history.subject("other", names["other"])
    history.task("t2", "other")
    history.stats(subject="other", task="t2", scontext=names["other"])

    kinds, verdict = judged(history, "identity")
    assert kinds == ["walk ticket of another subject"]
    assert "another subject" in verdict.because


def test_fid_that_nobody_walked_to_is_caught(history, judged, names):
    """A FID alone opens nothing."""
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.reply(case="stat")

    assert judged(history, "identity")[0] == ["no-walk"]


def test_dac_read_search_needs_no_walk(history, judged, names):
    """CAP_DAC_READ_SEARCH in the effective set opens by FID."""
    history.subject("root", names["app"], caps={"effective": 4})
    history.recv("Mds/Getattr", None, place={"fid": names["file"]}, subject="root")
    history.reply(case="stat")

    assert judged(history, "identity")[0] == []


def test_an_open_file_acts_for_its_opener(history, judged, names):
    """What a task creates as may change while its file is open; who it is may not (f_cred)."""
    history.subject("opener", names["app"], fscreate=names["other"])
    history.subject("stranger", names["other"])
    for subject in ("opener", "stranger"):
        history.recv("Oss/Write", history.op("write", fd=3), n="oss0", subject=subject)
        history.reply(case="token")

    assert judged(history, "identity")[0] == ["subject"]


def test_denied_lookup_is_no_walk(history, judged, names):
    """A lookup that was refused gives no ticket."""
    history.creates()
    history.subject("other", names["other"])
    history.root("other", names["other"])
    history.recv("Mds/Lookup", None, place={"parent": names["root"], "name": "f"}, subject="other")
    history.reply(13)
    history.recv("Mds/Getattr", None, place={"fid": names["file"]}, subject="other")
    history.reply(case="stat")

    assert judged(history, "identity")[0] == ["walk ticket of another subject"]


def test_other_subject_than_the_tasks_is_caught(history, judged, names):
    """The server has to see the subject of the task that asked; each field that differs is named."""
    history.subject("changed", names["other"], uid=0)
    op = history.op("statfs", path="/")
    history.recv("Mds/Statfs", op, subject="changed")

    kinds, verdict = judged(history, "identity")
    assert kinds == ["subject"]
    assert "uid, labels" in verdict.because


def test_refused_at_the_door_is_nobody(history, judged):
    """Who is turned away has no subject at the server; who is served without one is caught."""
    history.recv("Mds/Statfs", history.op("statfs"), subject=None)
    history.reply(status=13, case=None, fired=[])
    turned_away = judged(history, "identity")[0]
    history.recv("Mds/Statfs", history.op("statfs"), subject=None)
    history.reply(case="statfs")

    assert turned_away == []
    assert judged(history, "identity")[0] == ["subject"]


def test_fscreate_is_the_one_at_that_time(history, judged, names):
    """A task that chose fscreate since then is another subject: the old one on the wire is a finding."""
    history.subject("chosen", names["app"], fscreate=names["obj"]("data_t"))
    history.add(
        "client0", "task", task="t1", phase="setattr", subject="chosen", by="client0", attr="fscreate", value=""
    )
    op = history.op("statfs", path="/")
    history.recv("Mds/Statfs", op, subject="chosen")
    good = judged(history, "identity")[0]
    history.recv("Mds/Statfs", op, subject="app")

    assert good == []
    assert judged(history, "identity")[0] == ["subject"]


def test_server_that_acts_for_nobody_is_caught(history, judged, names):
    """Between servers the subject acted for travels along."""
    op = history.op("truncate", path="/f", size=0)
    history.subject("mds", names["kernel"])
    history.recv("Oss/Punch", op, n="oss0", subject="mds", came="mds0", behalf="app")
    good = judged(history, "identity")[0]
    history.recv("Oss/Punch", op, n="oss0", subject="mds", came="mds0")

    assert good == []
    assert judged(history, "identity")[0] == ["behalf"]


@pytest.mark.parametrize("call", ["close", "lseek", "ioctl"])
def test_where_a_file_ends_is_a_servers_own_errand(history, judged, names, call):
    """What a server asks of another as a file is closed, or to tell where it ends, it may ask for itself alone."""
    op = history.op(call, fd=3)
    history.subject("mds", names["kernel"])
    history.recv("Oss/Glimpse", op, n="oss0", subject="mds", came="mds0")

    assert judged(history, "identity")[0] == []


@pytest.mark.parametrize(
    ("method", "f", "kinds"),
    [
        ("Oss/Glimpse", "chmod", []),
        ("Oss/Glimpse", "getxattr", []),
        ("Oss/Glimpse", "stat", ["behalf"]),
        ("Oss/Setattr", "chmod", []),
        ("Oss/Setattr", "ftruncate", []),
        ("Oss/SetLabel", "setxattr", ["behalf"]),
    ],
)
def test_what_writes_take_of_a_file_is_a_servers_own_errand(history, judged, names, method, f, kinds):
    """To learn of it, unless the task asked to be told, and to tell what they take from now on."""
    op = history.op(f, path="/f")
    history.subject("mds", names["kernel"])
    history.recv(method, op, n="oss0", subject="mds", came="mds0")

    assert judged(history, "identity")[0] == kinds


def test_lookup_of_something_unknown_is_unknown(history, judged, names):
    """A history that begins in the middle is not held against anybody."""
    checks = access.expected("lookup", "name")
    history.recv("Mds/Lookup", None, place={"parent": names["root"], "name": "older"})
    history.reply(case="name", fired=history.fires(checks, {"parent": names["root"]}))
    history.recv("Mds/Getattr", None, place={"fid": names["file"]})
    history.reply(case="stat")

    assert judged(history, "identity")[1].valid == "unknown"
