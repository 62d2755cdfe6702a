"""The tree as the acknowledged operations made it."""

import pytest

from harness.model.fs import Tree

ROOT, A, B, D = "[0x1:0x1:0x0]", "[0x1:0x2:0x0]", "[0x1:0x3:0x0]", "[0x1:0x4:0x0]"


class Feeder:
    """Makes label and op events, and feeds them."""

    def __init__(self):
        self.tree, self.count = Tree(), 0
        self.made(ROOT, None, None, "dir", why="root")

    def made(self, fid, parent, name, tclass="file", why="inherit"):
        facts = {"class": tclass, "as": name, "mode": 0o100644}
        self.tree.feed({"e": "label", "role": "mdt", "object": fid, "why": why, "parent": parent, **facts})

    def op(self, f, phase="ok", ret=None, **args):
        self.count += 1
        common = {"e": "op", "op": self.count, "client": "client0", "task": "t1"}
        self.tree.feed({**common, "phase": "invoke", "f": f, "args": args})
        self.tree.feed({**common, "phase": phase, "ret": ret})


@pytest.fixture
def fed():
    feeder = Feeder()
    feeder.made(D, ROOT, "d", "dir")
    feeder.made(A, D, "a")
    return feeder


def test_paths_lead_to_fids(fed):
    """Component by component from the root."""
    assert fed.tree.resolve("/") == ROOT
    assert fed.tree.resolve("/d/a") == A
    assert fed.tree.resolve("/d/b") is None


@pytest.mark.parametrize(("phase", "found"), [("ok", None), ("fail", A), ("info", None)])
def test_unlink(fed, phase, found):
    """Gone, still there, or not sure."""
    fed.op("unlink", phase, path="/d/a")

    assert fed.tree.resolve("/d/a") == found
    assert fed.tree.possible(D, "a") == {"ok": frozenset(), "fail": {A}, "info": {A, None}}[phase]


def test_rename_moves_and_replaces(fed):
    """The name leads to the moved object, the old name nowhere."""
    fed.made(B, ROOT, "b")
    fed.op("rename", path="/d/a", to="/b")

    assert (fed.tree.resolve("/b"), fed.tree.resolve("/d/a")) == (A, None)


def test_rename_that_may_have_happened_leaves_both_possible(fed):
    """Neither name is certain any more."""
    fed.op("rename", "info", path="/d/a", to="/b")

    assert fed.tree.possible(D, "a") == {A, None}
    assert fed.tree.possible(ROOT, "b") == {A, None}


def test_rename_of_two_links_of_one_file_changes_nothing(fed):
    """POSIX: both names stay."""
    fed.op("link", path="/d/a", to="/b")
    fed.op("rename", path="/d/a", to="/b")

    assert (fed.tree.resolve("/b"), fed.tree.resolve("/d/a")) == (A, A)
    assert fed.tree.inodes[A].nlink == 2


def test_name_that_was_taken_again_is_not_dropped(fed):
    """An unlink that ends after somebody else made the name anew does not take the new object's name."""
    fed.tree.feed({"e": "op", "op": "x", "phase": "invoke", "f": "unlink", "args": {"path": "/d/a"}})
    fed.made(B, D, "a")
    fed.tree.feed({"e": "op", "op": "x", "phase": "ok", "ret": None})

    assert fed.tree.resolve("/d/a") == B


def test_attributes_follow_acknowledged_changes(fed):
    """chmod keeps the file type; what may have happened makes the value unknown."""
    fed.op("chmod", path="/d/a", mode=0o600)
    fed.op("chown", "info", path="/d/a", uid=0, gid=0)
    fed.op("setxattr", path="/d/a", name="user.x", value="1")

    inode = fed.tree.inodes[A]
    assert (inode.mode, inode.uid, inode.xattrs) == (0o100600, None, {"user.x": "1"})


def test_open_file_is_known_by_its_number(fed):
    """fd in the arguments names what open returned."""
    fed.op("open", ret={"fd": 5, "fid": A}, path="/d/a", flags=0)

    assert fed.tree.subject_of({"client": "client0", "task": "t1", "args": {"fd": 5}}) == A


def test_path_that_ends_in_a_link_is_about_what_it_leads_to(fed):
    """An operation that follows links is about something that the path alone does not tell; lstat is about the link."""
    fed.made(B, ROOT, "l", "lnk_file")

    assert fed.tree.subject_of({"f": "stat", "args": {"path": "/l"}}) is None
    assert fed.tree.subject_of({"f": "getxattr", "args": {"path": "/l", "follow": False}}) == B
    assert fed.tree.subject_of({"f": "lstat", "args": {"path": "/l"}}) == B


def about(tree, f="stat", **args):
    return tree.subject_of({"f": f, "client": "client0", "task": "t1", "args": args})


def test_relative_path_begins_at_the_root(fed):
    """Until the task goes elsewhere; on its own it leads nowhere."""
    assert about(fed.tree, path="d/a") == A
    assert fed.tree.resolve("d") is None


def test_relative_path_begins_at_the_working_directory(fed):
    """chdir by path and by descriptor; one that failed changes nothing, one that may have happened leaves it open."""
    fed.made(B, ROOT, "b")
    fed.op("chdir", path="/d")
    assert (about(fed.tree, path="a"), about(fed.tree, path="/b"), about(fed.tree, path="b")) == (A, B, None)

    fed.op("chdir", "fail", path="/")
    assert about(fed.tree, path="a") == A
    fed.op("open", ret={"fd": 5, "fid": ROOT}, path="/", flags=0)
    fed.op("chdir", fd=5)
    assert about(fed.tree, path="b") == B
    fed.op("chdir", "info", path="/d")
    assert about(fed.tree, path="b") is None


def test_working_directory_is_the_tasks_own(fed):
    """Another task on the node is where it was, and so is the same task on another mount."""
    fed.op("chdir", path="/d")

    assert fed.tree.named({"client": "client0", "task": "t2", "args": {"path": "d/a"}}) == A
    assert fed.tree.named({"client": "client0", "task": "t1", "mount": "/m", "args": {"path": "d/a"}}) == A


def test_relative_path_begins_at_an_open_directory(fed):
    """dirfd and to_dirfd, whatever the working directory; an absolute path takes no notice, nor does one by a
    descriptor that nobody has seen lead anywhere."""
    fed.op("open", ret={"fd": 5, "fid": D}, path="/d", flags=0)
    fed.op("chdir", path="/d")
    fed.op("open", ret={"fd": 6, "fid": ROOT}, path="/", flags=0)

    assert about(fed.tree, path="a", dirfd=5) == A
    assert about(fed.tree, path="d/a", dirfd=6) == A
    assert about(fed.tree, path="/d/a", dirfd=5) == A
    assert about(fed.tree, path="a", dirfd=9) is None


def test_names_move_where_relative_paths_lead(fed):
    """rename and unlink between open directories change the tree at the right place."""
    fed.op("open", ret={"fd": 5, "fid": D}, path="/d", flags=0)
    fed.op("open", ret={"fd": 6, "fid": ROOT}, path="/", flags=0)
    fed.op("rename", path="a", dirfd=5, to="c", to_dirfd=6)
    assert (fed.tree.resolve("/c"), fed.tree.resolve("/d/a")) == (A, None)

    fed.op("unlink", path="c", dirfd=6)
    assert fed.tree.possible(ROOT, "c") == frozenset()
