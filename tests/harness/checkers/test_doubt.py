"""A relabel in doubt: the OSTs are told first, and have to take it back where one of them was not reached."""

import pytest

from harness.checkers import Judge
from harness.model import access

UNREACHABLE = 5


class Relabel:
    """A relabel of made_t to data_t that reaches oss1, and not oss0."""

    def __init__(self, history, names) -> None:
        self.history, self.file = history, names["file"]
        self.made, self.data, self.fs = names["obj"]("made_t"), names["obj"]("data_t"), names["fs"]
        history.add("oss1", "run", role="oss", schema=1, spec={})
        history.policy_event("oss1")
        facts = history.events[[event["e"] for event in history.events].index("subject")]
        history.add("oss1", "subject", **{key: facts[key] for key in facts if key not in "eitnc"})
        history.subject("mds", names["kernel"])
        history.add("oss1", "subject", id="mds", labels={"selinux": names["kernel"]})
        history.creates()
        for node in ("oss0", "oss1"):
            history.label(self.file, self.made, n=node, role="ost", why="token", rpc=None)

    def begins(self, stored=None) -> None:
        """The MDS has asked oss1, which did as it was told."""
        self.op = self.history.op("setxattr", path="/f", name="security.selinux", value=self.data)
        self._tells(self.op, "relabel", self.made, self.data, stored or self.data, 2, 1)

    def fails(self) -> None:
        """The task is told that it did not come about, or may have."""
        self.history.end(self.op, "info", errno=UNREACHABLE)

    def undoes(self, stored=None) -> None:
        """oss1 is told to take it back, for which there is no operation any more."""
        self._tells(None, "undo", self.data, self.made, stored or self.made, 3, 2)

    def settles(self, new=None, old=None) -> None:
        """The file itself gets a version that every object has by now."""
        self.history.label(
            self.file, new or self.made, old=old or self.made, why="undo", version=9, rpc=None, subject=None
        )

    def reads(self, node: str, label: str, version: int) -> None:
        self.history.recv("Oss/Read", self.history.op("read", fd=3, length=4), n=node, place={"fid": self.file})
        asked = ("file_permission", "file", "read", label)
        self.history.avc(*asked, obj=self.file, vantage="recheck", version=version)
        self.history.reply(case="token", fired=[["file_permission", "object", self.file, 1]])

    def _tells(self, op, why, old, new, stored, version, before) -> None:
        history, checks = self.history, access.expected("ost_setlabel", "relabel")
        history.recv("Oss/SetLabel", op, n="oss1", subject="mds", came="mds0", place={"fid": self.file})
        labels = {"object": old, "new": new, "fs": self.fs}
        for check in checks:
            source = new if check.source == "new" else "u:r:kernel_t:s0"
            history.avc(check.hook, check.tclass, " ".join(check.perms), labels[check.target], scontext=source,
                        role=check.target, obj=self.file if check.target != "fs" else None, version=before)  # fmt: skip
        history.label(self.file, stored, n="oss1", role="ost", why=why, old=old, version=version, subject="mds")
        history.reply(case="relabel", fired=history.fires(checks, {"object": self.file}))


@pytest.fixture
def relabel(history, names):
    return Relabel(history, names)


@pytest.fixture
def found(history, held):
    """All findings of the checkers so far, and whether any could not tell."""

    def judged():
        judge = Judge(held, {"mediation", "propagation"})
        judge.feed(history.events)
        return [finding.kind for finding in judge.drain()], {verdict.valid for verdict in judge.verdicts()}

    return judged


def test_relabel_that_is_taken_back_is_valid(relabel, found):
    """oss1 decides on either label in its time, oss0 and the file have the one that was acknowledged all along."""
    relabel.begins()
    relabel.reads("oss1", relabel.data, 2)
    relabel.reads("oss0", relabel.made, 1)
    relabel.fails()
    relabel.undoes()
    relabel.reads("oss1", relabel.made, 3)
    relabel.settles()
    relabel.reads("oss0", relabel.made, 9)

    assert found() == ([], {"valid"})


@pytest.mark.parametrize(
    ("node", "label", "version", "kind"),
    [
        ("oss0", "data", 1, "false-tcontext"),  # which was never told of it
        ("oss1", "data", 1, "false-tcontext"),
        ("oss1", "made", 2, "false-tcontext"),
        ("oss1", "made", 1, "stale"),
    ],
)
def test_other_label_than_the_objects_own_is_caught(relabel, found, node, label, version, kind):
    """In doubt is the one object that was told, and only as long as it has not been told to undo."""
    relabel.begins()
    relabel.reads(node, getattr(relabel, label), version)

    assert kind in found()[0]


def test_label_that_was_taken_back_is_caught(relabel, found):
    """Once it is undone, the other label is no excuse."""
    relabel.begins()
    relabel.undoes()
    relabel.reads("oss1", relabel.data, 2)

    assert found()[0] == ["stale"]


def test_object_that_keeps_what_was_undone_is_caught(relabel, found):
    """An undo that stores something else than the acknowledged label, which no MDT ever sees."""
    relabel.begins()
    relabel.undoes(stored=relabel.data)

    assert found()[0] == ["ost-label"]


def test_object_that_gets_another_label_than_was_asked_for_is_caught(relabel, found):
    """Though the relabel comes to nothing, what an object got in between was asked for."""
    relabel.begins(stored="u:object_r:secret_t:s0")
    relabel.fails()

    assert found()[0] == ["ost-label"]


@pytest.mark.parametrize(("new", "kinds"), [("data", []), ("made", ["relabel"])])
def test_undo_goes_back_to_the_acknowledged_label(history, relabel, found, new, kinds):
    """The label of a relabel that was acknowledged stands, whatever fails after it: not the one before it."""
    history.relabels(told=("oss0", "oss1"))
    relabel.settles(new=getattr(relabel, new), old=relabel.data)

    assert found()[0] == kinds


def test_undo_of_what_the_file_already_had_is_valid(history, relabel, found, names):
    """A label that the file got in a call that failed in the end may be taken back."""
    op = history.op("setxattr", path="/f", name="security.selinux", value=relabel.data)
    history.recv("Mds/Setxattr", op, place={"fid": relabel.file})
    history.label(relabel.file, relabel.data, why="set", old=relabel.made, version=2)
    history.reply(UNREACHABLE)
    relabel.settles(old=relabel.data)

    assert found()[0] == []


@pytest.mark.parametrize(
    ("label", "kinds"), [("data", []), ("made", []), ("u:object_r:secret_t:s0", ["false-tcontext"])]
)
def test_server_that_ended_before_it_could_tell_may_have_either(relabel, found, label, kinds):
    """No event says that oss0 was told, but the relabel is in doubt, and its object is at a version nobody knows."""
    relabel.begins()
    relabel.fails()
    relabel.reads("oss0", getattr(relabel, label, label), 4)

    assert found()[0] == kinds


@pytest.mark.parametrize(("label", "kinds"), [("made", []), ("data", ["false-tcontext"])])
def test_file_itself_is_never_in_doubt(history, relabel, found, names, label, kinds):
    """An MDT that tries again once all was undone, at the version that the objects have by then."""
    relabel.begins()
    relabel.fails()
    relabel.undoes()
    history.recv("Mds/Setxattr", relabel.op, place={"fid": relabel.file})
    asked = ("inode_setxattr", "file", "relabelfrom", getattr(relabel, label))
    history.avc(*asked, obj=relabel.file, version=3)

    assert found()[0] == kinds


@pytest.mark.parametrize(
    ("undone", "label", "result"),
    [
        (False, "data", ([], {"valid", "unknown"})),
        (True, "data", (["raw-label"], {"valid", "invalid"})),
        (True, "made", ([], {"valid"})),
        (False, "u:object_r:secret_t:s0", (["raw-label"], {"valid", "invalid"})),
    ],
)
def test_store_at_the_end(history, relabel, found, undone, label, result):
    """What is not undone yet by the end of the run is no finding, and nothing is said to be right either."""
    relabel.begins()
    if undone:
        relabel.undoes()
    labels = {"security.selinux": getattr(relabel, label, label)}
    history.add("harness", "raw", target="oss1", object=relabel.file, mode=0o100644, labels=labels, version=2)

    assert found() == result
