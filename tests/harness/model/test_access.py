"""The table of checks, against the lists that a kernel logged."""

import pytest

from harness.model import access


def asked(op, case, tclass="file", **params):
    """[(target role, class, permissions)] of the queries that are demanded."""
    checks = access.expected(op, case, tclass, **params)
    return [(c.target, c.tclass, " ".join(sorted(c.perms))) for c in checks if c.perms and not c.optional]


CREATE = [("parent", "dir", "search write"), ("parent", "dir", "add_name search")]
ASSOCIATE = ("fs", "filesystem", "associate")


@pytest.mark.parametrize(
    ("rights", "append", "last"),
    [("w", False, "open write"), ("rw", False, "open read write"), ("w", True, "append open")],
)
def test_create_of_a_file(rights, append, last):
    """Directory twice, the new file, its filesystem, then the open; no second read or write query."""
    got = asked("open", "new", access=rights, append=append)

    assert got == [*CREATE, ("new", "file", "create"), ASSOCIATE, ("object", "file", last)]


def test_mkdir_with_its_walk():
    """The component is searched first; the new directory itself is not accessed."""
    walk = ("parent", "dir", "search")

    assert asked("mkdir", "new", walk=True) == [walk, *CREATE, ("new", "dir", "create"), ASSOCIATE]


def test_device_needs_the_capability_before_add_name():
    """mknod of a device asks capability{mknod} between the two directory checks, a fifo does not."""
    device = asked("mknod", "special", "chr_file")

    assert device[1] == ("subject", "capability", "mknod")
    assert asked("mknod", "special", "fifo_file") == [*CREATE, ("new", "fifo_file", "create"), ASSOCIATE]


@pytest.mark.parametrize(
    ("params", "queries"),
    [
        ({"access": "r"}, ["read", "open read"]),
        ({"access": "w"}, ["write", "open write"]),
        ({"access": "rw"}, ["read write", "open read write"]),
        ({"access": "w", "append": True}, ["append", "append open"]),
        ({"access": "rw", "append": True}, ["append read", "append open read"]),
        # What is opened for reading alone appends nothing, but was asked for it (fs/open.c, build_open_flags).
        ({"access": "r", "append": True}, ["append read", "open read"]),
        ({"tclass": "dir", "access": "r", "append": True}, ["read", "open read"]),
        # The access mode 3: asked for as reading and writing, granted as neither.
        ({"access": "ioctl"}, ["read write", "ioctl open"]),
    ],
)
def test_open_of_an_existing_file_asks_twice(params, queries):
    """`open` only the second time; append is never write."""
    assert [perms for *_, perms in asked("open", "existing", **params)] == queries


@pytest.mark.parametrize(
    ("params", "queries"),
    [
        ({"access": "r"}, ["read write", "open read", "write"]),
        ({"access": "w", "append": True}, ["append", "append open", "write"]),
    ],
)
def test_open_with_truncation_needs_write_after_all(params, queries):
    """O_RDONLY|O_TRUNC and O_APPEND|O_TRUNC."""
    assert [perms for *_, perms in asked("open", "truncate", truncate=True, **params)] == queries


def test_open_without_the_capability_open_perms():
    """A policy without open_perms is not asked `open`."""
    assert [perms for *_, perms in asked("open", "existing", open_perms=False)] == ["read", "read"]


@pytest.mark.parametrize(("op", "tclass", "perm"), [("unlink", "lnk_file", "unlink"), ("rmdir", "dir", "rmdir")])
def test_removal(op, tclass, perm):
    """Directory twice, then the object."""
    directory = [("parent", "dir", "search write"), ("parent", "dir", "remove_name search")]

    assert asked(op, op, tclass) == [*directory, ("object", tclass, perm)]


def test_rename_of_a_directory_to_another_parent():
    """Write on the moved directory and reparent besides."""
    assert asked("rename", "plain", "dir", reparent=True) == [
        ("parent", "dir", "search write"),
        ("newparent", "dir", "search write"),
        ("object", "dir", "write"),
        ("parent", "dir", "remove_name search"),
        ("object", "dir", "rename"),
        ("object", "dir", "reparent"),
        ("newparent", "dir", "add_name search"),
    ]


@pytest.mark.parametrize(("replaced", "perm"), [("file", "unlink"), ("dir", "rmdir")])
def test_rename_over_something(replaced, perm):
    """The new directory needs remove_name too, and the target unlink or rmdir."""
    got = asked("rename", "replace", replaced, replaced=replaced)

    assert got[-2:] == [("newparent", "dir", "add_name remove_name search"), ("target", replaced, perm)]


def test_rename_of_two_links_of_one_file_asks_nothing():
    """Nothing beyond the walk of both names."""
    assert asked("rename", "same-inode") == []
    assert [perms for *_, perms in asked("rename", "same-inode", walk=True)] == ["search", "search"]


def test_link_may_ask_for_read_and_write_of_a_regular_file():
    """fs.protected_hardlinks: asked, not demanded, and of regular files only."""
    first, *_ = access.expected("link", "link")

    assert (first.optional, first.perms) == (True, {"read", "write"})
    assert not any(check.optional for check in access.expected("link", "link", "fifo_file"))
    assert asked("link", "link") == [*CREATE, ("object", "file", "link")]


@pytest.mark.parametrize(
    ("op", "case", "queries"),
    [
        ("getattr", "stat", ["getattr"]),
        ("setattr", "attr", ["setattr"]),
        ("setattr", "now", ["write"]),
        ("setattr", "truncate", ["write", "open write"]),
        ("setattr", "ftruncate", ["write"]),
        ("getxattr", "attr", ["getattr"]),
        ("getxattr", "user", ["read", "getattr"]),
        ("setxattr", "attr", ["setattr"]),
        ("setxattr", "user", ["write", "setattr"]),
        ("setxattr", "label", ["relabelfrom", "relabelto", "associate"]),
        ("removexattr", "user", ["write", "setattr"]),
        ("removexattr", "label", []),
        ("listxattr", "list", ["getattr"]),
        ("readlink", "read", ["read"]),
        ("lookup", "name", ["search"]),
        ("statfs", "statfs", ["getattr"]),
        ("getroot", "mount", ["mount"]),
        ("read", "token", []),
        ("write", "token", []),
        ("policy_load", "reload", ["load_policy"]),
        ("setxattr", "acl", ["setattr"]),
        ("getxattr", "acl", ["getattr"]),
        ("removexattr", "acl", ["setattr"]),
        ("watch", "reads", ["read", "watch watch_reads"]),
        ("watch", "perm", ["sys_admin", "read", "watch watch_with_perm"]),
        ("watch", "perm-reads", ["sys_admin", "read", "watch watch_reads watch_with_perm"]),
        ("watch", "mount", ["sys_admin", "read", "watch_mount"]),
        ("watch", "mount-perm", ["sys_admin", "read", "watch_mount watch_with_perm"]),
        ("watch", "filesystem", ["sys_admin", "read", "watch", "watch_sb"]),
        ("watch", "filesystem-reads", ["sys_admin", "read", "watch", "watch_reads watch_sb"]),
        ("fcntl", "setlease", ["lock"]),
        ("fcntl", "getlease", []),
        ("fcntl", "owner", []),
        ("setenforce", "set", ["setenforce"]),
        ("setbool", "set", ["setbool"]),
    ],
)
def test_queries(op, case, queries):
    """What each operation asks, in order."""
    assert [perms for *_, perms in asked(op, case)] == queries


@pytest.mark.parametrize(
    ("attr", "perm"), [("fscreate", "setfscreate"), ("exec", "setexec"), ("current", "setcurrent")]
)
def test_own_attributes_are_asked_of_the_subject_itself(attr, perm):
    """process{setfscreate ...} on self."""
    assert asked("setprocattr", "attr", attr=attr) == [("subject", "process", perm)]


@pytest.mark.parametrize(
    ("op", "case", "queries"),
    [
        ("read", "token", ["use", "read"]),
        ("write", "token", ["use", "write"]),
        ("readdir", "names", ["use", "read"]),
        ("flock", "setlk", ["use", "lock", "use", "lock"]),
        ("fcntl", "setfl", ["use"]),
        ("fcntl", "owner", ["use"]),
        ("fcntl", "owner-ex", []),
        ("fcntl", "setlease", ["use", "lock"]),
        ("fcntl", "getlease", []),
        ("ioctl", "free", ["use"]),
        ("ioctl", "cloexec", []),
        ("ioctl", "ioctl", ["use", "ioctl"]),
        ("mmap", "mmap", ["map", "use", "read"]),
        ("mmap", "execmod", ["use", "execmod", "use", "read"]),
        ("getattr", "open", ["getattr"]),
        ("setattr", "ftruncate", ["write"]),
    ],
)
def test_what_another_context_opened_has_to_be_used(op, case, queries):
    """fd {use} of the opener's context comes before every query on a descriptor, and none on the inode; who opened the
    file itself is not asked."""
    assert [perms for *_, perms in asked(op, case, stranger=True)] == queries
    assert not any(check.tclass == "fd" for check in access.expected(op, case))


def test_a_stranger_that_cannot_be_told_may_be_asked():
    """Where nobody knows who opened the file, what is asked of strangers is optional."""
    checks = access.expected("read", "token", stranger=None)

    assert {(check.tclass, check.optional) for check in checks if check.perms} == {("fd", True), ("file", True)}


def test_moved_label_is_asked_and_nobody_else_is():
    """Where only the label has moved since the open, the file is asked again, and the opener is not."""
    assert asked("read", "token", moved=True) == [("object", "file", "read")]
    assert asked("write", "token", moved=True, append=True) == [("object", "file", "append")]


def test_appending_is_asked_of_a_stranger():
    """append instead of write, once more."""
    assert asked("write", "token", stranger=True, append=True)[-1] == ("object", "file", "append")


def test_firings_count_a_hook_with_several_queries_once():
    """Each inode_permission is a firing of its own; inode_create with three queries is one."""
    counts = access.firings(access.expected("open", "new", walk=True))

    assert counts == {
        ("inode_permission", "parent"): 2,
        ("inode_create", "parent"): 1,
        ("inode_init_security", "parent"): 1,
        ("file_open", "object"): 1,
    }


def test_every_row_of_the_table_can_be_asked_for():
    """operations() lists them all, and each has checks or is known to have none."""
    empty = {(o.op, o.case) for o in access.operations() if not access.expected(o.op, o.case)}

    assert empty == {("rename", "same-inode"), ("open", "path"), ("getattr", "end")}
    assert len(access.operations()) == len(access.TABLE)


def test_unknown_operation_is_an_error():
    """A misspelt name is not an empty list."""
    with pytest.raises(KeyError, match="nonesuch"):
        access.expected("nonesuch", "x")
