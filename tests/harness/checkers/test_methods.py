"""Which checks an rpc owes, by what its operation asked for: ACLs, watches, leases."""

import pytest

from harness.model import access

ACL = "system.posix_acl_access"


@pytest.mark.parametrize("f", ["setxattr", "getxattr", "removexattr"])
@pytest.mark.parametrize("name", [ACL, "system.posix_acl_default"])
def test_acl_has_hooks_of_its_own(history, judged, names, f, name):
    """inode_set_acl and its like, and no xattr hook, which is another row."""
    history.creates()
    place, args = {"fid": names["file"]}, {"path": "/f", "name": name, "value": ""}
    history.does(f"Mds/{f.capitalize()}", access.expected(f, "acl"), f, place=place, case="acl", **args)
    good = judged(history, "mediation")[0]
    history.does(f"Mds/{f.capitalize()}", access.expected(f, "attr"), f, place=place, case="attr", **args)

    assert good == []
    assert judged(history, "mediation")[0] == ["hook-missing", "check-missing", "case"]


def test_other_system_attribute_is_no_acl(history, judged, names):
    """Only the two ACLs are; another attribute's own hook is asked."""
    history.creates()
    place, args = {"fid": names["file"]}, {"path": "/f", "name": "system.nfs4_acl"}
    history.does("Mds/Getxattr", access.expected("getxattr", "acl"), "getxattr", place=place, case="acl", **args)

    assert "hook-missing" in judged(history, "mediation")[0]


@pytest.mark.parametrize(
    ("f", "skipped", "kinds"),
    [("rename", 0, []), ("rename", 1, ["case"]), ("stat", 0, ["check-extra", "case"])],
)
def test_lookup_of_a_second_path_asks_search_where_the_first_one_ends(history, judged, names, f, skipped, kinds):
    """Of an operation with two paths only, and then with both searches."""
    history.creates()
    checks, place = access.expected("lookup", "second"), {"parent": names["root"], "name": "d"}
    labels, fids = {"first": names["obj"]("dir_t")}, {"parent": names["root"], "first": names["root"]}
    history.does(
        "Mds/Lookup", checks[skipped:], f, place=place, labels=labels, fids=fids, case="second", path="/d/f", to="/d/g"
    )

    assert judged(history, "mediation")[0] == kinds


@pytest.mark.parametrize(
    ("mask", "mark", "case"),
    [
        (2, "inode", "watch"),
        (1, "inode", "reads"),
        (0x10, "inode", "reads"),
        (0x10000, "inode", "perm"),
        (0x20000, "inode", "perm-reads"),
        (0x40001, "inode", "perm-reads"),
        (2, "mount", "mount"),
        (0x10000, "mount", "mount-perm"),
        (1, "mount", "mount-reads"),
        (2, "filesystem", "filesystem"),
        (0x20000, "filesystem", "filesystem-perm-reads"),
    ],
)
def test_fanotify_asks_by_its_mark_and_mask(history, judged, names, mask, mark, case):
    """Each mark and each kind of event has its permission; a watch on the inode alone is not enough for more."""
    history.creates()
    place, args = {"fid": names["file"]}, {"path": "/f", "mask": mask, "mark": mark}
    history.does("Mds/Watch", access.expected("watch", case), "fanotify", place=place, case=case, **args)
    good, verdict = judged(history, "mediation")
    history.does("Mds/Watch", access.expected("watch", "watch"), "fanotify", place=place, case=case, **args)

    assert (good, verdict.valid) == ([], "valid")
    assert ("check-missing" in judged(history, "mediation")[0]) == (case != "watch")


@pytest.mark.parametrize("skip", ["capability", "filesystem", "file"])
def test_mark_on_the_filesystem_is_the_administrators(history, judged, names, skip):
    """capability {sys_admin}, the file system's watch and the root's watch_sb: none may be left out."""
    history.creates()
    args = {"path": "/f", "mask": 2, "mark": "filesystem"}
    checks = access.expected("watch", "filesystem")
    place = {"fid": names["file"]}
    history.does("Mds/Watch", checks, "fanotify", place=place, case="filesystem", skip=(skip,), **args)

    assert judged(history, "mediation")[0] == ["check-missing"]


def test_capability_may_be_asked_before_the_walk(history, judged, names):
    """As the group is made, which is before anything is looked up; never after the watch."""
    history.creates()
    place, args = {"parent": names["root"], "name": "f"}, {"path": "/f", "mask": 2, "mark": "mount"}
    admin, *rest = sorted(access.expected("watch", "mount", walk=True), key=lambda check: check.hook != "capable")
    history.does("Mds/Watch", (admin, *rest), "fanotify", place=place, case="mount", **args)
    good = judged(history, "mediation")[0]
    history.does("Mds/Watch", (*rest, admin), "fanotify", place=place, case="mount", **args)

    assert good == []
    assert judged(history, "mediation")[0] == ["check-missing"]


def test_inotify_knows_no_permission_events(history, judged, names):
    """Bits that fanotify has for them are none of inotify's."""
    history.creates()
    place = {"fid": names["file"]}
    checks = access.expected("watch", "watch")
    history.does("Mds/Watch", checks, "watch", place=place, case="watch", path="/f", mask=0x02010002)

    assert judged(history, "mediation")[0] == []


@pytest.mark.parametrize(
    ("cmd", "row", "case"),
    [(1024, "setlease", "setlease"), (1025, "getlease", "getlease"), (8, "owner", "owner"), (16, "owner-ex", "owner")],
)
def test_fcntl_asks_by_its_command(history, judged, names, cmd, row, case):
    """A lease is a lock; an owner is nobody's business. What asks {lock} for less is found, and the other way round."""
    history.creates()
    for found in (row, "setlease" if row != "setlease" else "owner"):
        checks = access.expected("fcntl", found)
        history.does("Mds/Fcntl", checks, "fcntl", place={"handle": "00"}, case=case, fd=3, cmd=cmd, arg=0)
        if found == row:
            assert judged(history, "mediation")[0] == []

    assert set(judged(history, "mediation")[0]) & {"check-missing", "check-extra"}
