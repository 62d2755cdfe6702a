"""Mode bits, ownership and capabilities with no module but `capability`: an ordinary POSIX filesystem."""

import errno
import os
import stat

import pytest

from lsm import dac
from lsm.framework import Framework, Mediator
from lsm.hooks import MAY_EXEC, MAY_READ, MAY_WRITE
from lsm.objects import Obj, Subject

R, W, X = MAY_READ, MAY_WRITE, MAY_EXEC


@pytest.fixture
def may(posix, task, thing, perform):
    """`may(mask, mode, ...)`: errno of inode_permission on a file (or `kind`) of uid 1000, gid 1000."""

    def ask(mask, mode, kind="file", uid=1000, gid=None, groups=(), caps=()):
        subject = task(uid=uid, caps=caps)
        who = Subject(uid, uid if gid is None else gid, groups, subject.caps, labels=subject.labels)
        return perform(posix, who, lambda m: dac.permission(m, thing(None, kind, mode=mode), mask)).errno

    return ask


@pytest.mark.parametrize(
    ("who", "shift"),
    [
        ({}, 6),
        ({"uid": 2000, "gid": 1000}, 3),
        ({"uid": 2000, "groups": (4, 1000)}, 3),
        ({"uid": 2000}, 0),
    ],
)
@pytest.mark.parametrize("mask", [R, W, X, R | W | X])
def test_one_class_of_mode_bits_applies(may, who, shift, mask) -> None:
    """Owner, else group (own or supplementary), else others; all of the mask is needed."""
    assert may(mask, mask << shift, **who) == 0
    assert may(mask, 0o777 & ~(mask << shift), **who) == errno.EACCES


def test_the_owner_gets_no_more_than_the_owners_bits(may) -> None:
    """0o077 shuts out the owner, and 0o707 the group, whatever others may."""
    assert may(R, 0o077) == errno.EACCES
    assert may(R, 0o707, uid=2000, gid=1000) == errno.EACCES


@pytest.mark.parametrize(
    ("kind", "mask", "mode", "cap", "granted"),
    [
        ("file", R, 0, "dac_read_search", True),
        ("file", R | W, 0, "dac_read_search", False),
        ("file", X, 0o100, "dac_read_search", False),
        ("dir", R | X, 0, "dac_read_search", True),
        ("dir", W | X, 0, "dac_read_search", False),
        ("file", R | W, 0, "dac_override", True),
        ("file", X, 0, "dac_override", False),
        ("file", X, 0o001, "dac_override", True),
        ("dir", R | W | X, 0, "dac_override", True),
        ("file", R, 0, "fowner", False),
    ],
)
def test_capabilities_over_mode_bits(may, kind, mask, mode, cap, granted) -> None:
    """generic_permission: reading and searching, or everything but running what nobody may run."""
    assert (may(mask, mode, kind, uid=2000, caps=(cap,)) == 0) is granted


def test_mode_bits_are_asked_before_the_module(framework, task, thing, perform) -> None:
    """No query where DAC denies; the refusal is a decision of the VFS on the object."""
    outcome = perform(framework, task(), lambda m: dac.permission(m, thing("secret_t", mode=0), R | W))
    refusal = outcome.error.decision

    assert (outcome.errno, outcome.checks) == (errno.EACCES, [])
    assert (refusal.hook, refusal.module, refusal.denied, refusal.reason, refusal.role) == (
        "inode_permission", "vfs", ("read", "write"), "dac", "object",
    )  # fmt: skip


def test_a_capability_is_asked_of_the_policy_too(framework, task, thing, perform) -> None:
    """dac_read_search first, then dac_override, each of subject and policy, as generic_permission does."""
    guest = task("guest_t", uid=0, caps=("dac_read_search", "dac_override"))

    outcome = perform(framework, guest, lambda m: dac.permission(m, thing("home_t", mode=0), R))

    assert outcome.errno == errno.EACCES
    assert outcome.checks == [
        "guest_t capability { dac_read_search } denied { dac_read_search }",
        "guest_t capability { dac_override } denied { dac_override }",
    ]


# --- sticky ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent_uid", "uid", "caps", "error"),
    [(0, 0, (), errno.EPERM), (0, 1000, (), 0), (1000, 0, (), 0), (0, 0, ("fowner",), 0)],
)
@pytest.mark.parametrize("op", ["unlink", "rmdir", "rename"])
def test_sticky(posix, task, thing, perform, op, parent_uid, uid, caps, error) -> None:
    """In a sticky directory only the file's owner, the directory's owner or CAP_FOWNER removes a name."""
    parent = thing(None, "dir", role="parent", mode=0o1777, uid=parent_uid)
    moved = thing(None, "dir" if op == "rmdir" else "file", uid=uid)
    other = thing(None, "dir", role="newparent")

    outcome = perform(posix, task(caps=caps), op, parent=parent, object=moved, newparent=other, target=None, entries=0)

    assert outcome.errno == error


def test_sticky_guards_what_a_rename_replaces(posix, task, thing, perform) -> None:
    """The new directory's sticky bit protects the target, after both directories were asked."""
    tmp = thing(None, "dir", role="newparent", mode=0o1777, uid=0)
    names = {"parent": thing(None, "dir"), "newparent": tmp, "object": thing(None), "entries": 0}

    outcome = perform(posix, task(), "rename", target=thing(None, role="target", uid=0), **names)

    assert (outcome.errno, outcome.dac) == (errno.EPERM, ["capable fowner", "check_sticky delete"])


def test_sticky_without_a_sticky_bit_asks_nothing(posix, task, thing) -> None:
    """No capability is asked in a directory that is not sticky."""
    m = Mediator(posix, task(uid=7))

    assert not dac.sticky(m, thing(None, "dir"), thing(None))
    assert m.decisions == []


# --- setattr -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attrs", "new", "uid", "groups", "cap", "allowed"),
    [
        ({"uid"}, {"uid": 1001}, 1000, (), None, False),
        ({"uid"}, {"uid": 1000}, 1000, (), None, True),
        ({"uid"}, {"uid": 1000}, 7, (), None, False),
        ({"uid"}, {"uid": 1001}, 7, (), "chown", True),
        ({"gid"}, {"gid": 4}, 1000, (4,), None, True),
        ({"gid"}, {"gid": 5}, 1000, (4,), None, False),
        ({"gid"}, {"gid": 1000}, 1000, (), None, True),
        ({"gid"}, {"gid": 4}, 7, (4,), None, False),
        ({"gid"}, {"gid": 5}, 7, (), "chown", True),
        ({"mode"}, {}, 1000, (), None, True),
        ({"mode"}, {}, 7, (), None, False),
        ({"mode"}, {}, 7, (), "fowner", True),
        ({"mode"}, {}, 7, (), "chown", False),
        ({"atime_set"}, {}, 7, (), None, False),
        ({"mtime_set"}, {}, 7, (), None, False),
        ({"mtime_set"}, {}, 7, (), "fowner", True),
    ],
)
def test_who_may_change_attributes(posix, task, thing, perform, attrs, new, uid, groups, cap, allowed) -> None:
    """chown needs CAP_CHOWN, chgrp ownership and membership, chmod and explicit times ownership or CAP_FOWNER."""
    subject = task(uid=uid, caps=(cap,) if cap else (), groups=groups)

    outcome = perform(posix, subject, "setattr", object=thing(None), attrs=frozenset(attrs), new_attrs=new)

    assert outcome.errno == (0 if allowed else errno.EPERM)


@pytest.mark.parametrize(
    ("mode", "uid", "caps", "error"),
    [(0, 1000, (), 0), (0o666, 7, (), 0), (0o664, 7, (), errno.EACCES), (0o664, 7, ("fowner",), 0)],
)
def test_touch(posix, task, thing, perform, mode, uid, caps, error) -> None:
    """utimes(now) needs ownership, CAP_FOWNER, or write permission: EACCES, not EPERM."""
    outcome = perform(
        posix, task(uid=uid, caps=caps), "setattr", object=thing(None, mode=mode),
        attrs=frozenset({"touch"}), new_attrs={},
    )  # fmt: skip

    assert outcome.errno == error


def test_truncate_needs_write_and_ftruncate_does_not(posix, task, thing, perform) -> None:
    """An open file may be cut whatever its mode says now."""
    p = {"object": thing(None, mode=0o444), "attrs": frozenset({"size"})}

    assert perform(posix, task(), "truncate", **p).errno == errno.EACCES
    assert perform(posix, task(), "ftruncate", **p).errno == 0


# --- error order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["create", "mkdir", "symlink", "mknod", "mknod_regular", "link"])
def test_eexist_beats_the_directorys_mode(posix, task, thing, perform, op) -> None:
    """EEXIST for a name in a directory that cannot be written."""
    shut = thing(None, "dir", role="parent", mode=0o555)
    p = {"parent": shut, "object": thing(None), "fs": None, "new": Obj("new", "file", mode=stat.S_IFREG)}

    assert perform(posix, task(), op, exists=True, **p).errno == errno.EEXIST
    assert perform(posix, task(), op, exists=False, **p).errno == errno.EACCES


@pytest.mark.parametrize("op", ["unlink", "rmdir", "rename"])
def test_enoent_beats_the_directorys_mode(posix, task, thing, perform, op) -> None:
    """ENOENT for a missing name in a directory that cannot be written."""
    shut = thing(None, "dir", role="parent", mode=0o555)

    assert perform(posix, task(), op, parent=shut, object=None).errno == errno.ENOENT
    assert perform(posix, task(), op, parent=shut, object=thing(None)).errno == errno.EACCES


def test_the_directorys_mode_beats_the_kind_of_the_object(posix, task, thing, perform) -> None:
    """ENOTDIR, EISDIR and ENOTEMPTY are for who may write the directory."""
    shut = thing(None, "dir", role="parent", mode=0o555)

    assert perform(posix, task(), "rmdir", parent=shut, object=thing(None), entries=0).errno == errno.EACCES
    assert perform(posix, task(), "unlink", parent=shut, object=thing(None, "dir")).errno == errno.EACCES


def test_sticky_beats_the_kind_of_the_object(posix, task, thing, perform) -> None:
    """rmdir of somebody else's file in a sticky directory: EPERM, not ENOTDIR."""
    tmp = thing(None, "dir", role="parent", mode=0o1777, uid=0)

    assert perform(posix, task(), "rmdir", parent=tmp, object=thing(None, uid=0), entries=0).errno == errno.EPERM


def test_a_directory_that_moves_must_be_writable(posix, task, thing, perform) -> None:
    """Its `..` changes: EACCES for 0o555 to another parent, nothing within one."""
    parent, moved = thing(None, "dir", role="parent"), thing(None, "dir", mode=0o555)
    p = {"parent": parent, "object": moved, "target": None, "entries": 0}

    assert perform(posix, task(), "rename", newparent=thing(None, "dir", role="newparent"), **p).errno == errno.EACCES
    assert perform(posix, task(), "rename", newparent=parent, **p).errno == 0


def test_the_setgid_bit_is_not_this_tables_business(posix, task, thing, perform) -> None:
    """chmod to setgid of a foreign group is allowed here; the MDS clears the bit (setattr_copy)."""
    outcome = perform(
        posix, task(groups=()), "setattr", object=thing(None), attrs=frozenset({"mode"}), new_attrs={"mode": 0o2755}
    )

    assert (outcome.errno, outcome.decisions) == (0, ())


def test_mknod_of_a_device_without_the_capability(posix, task, perform, thing) -> None:
    """EPERM for devices, nothing for fifos; the directory's mode comes first."""
    chr_file, fifo = (Obj("new", "x", mode=kind, rdev=0x103) for kind in (stat.S_IFCHR, stat.S_IFIFO))
    parent, shut = thing(None, "dir", role="parent"), thing(None, "dir", role="parent", mode=0o555)

    def mknod(parent: Obj, new: Obj, *caps: str) -> int:
        return perform(posix, task(caps=caps), "mknod", parent=parent, new=new, fs=None, exists=False).errno

    assert [mknod(parent, chr_file), mknod(parent, fifo), mknod(parent, chr_file, "mknod")] == [errno.EPERM, 0, 0]
    assert mknod(shut, chr_file) == errno.EACCES


def test_a_whiteout_is_anybodys_to_make(posix, task, perform, thing) -> None:
    """A character device 0:0 needs no capability, a block device 0:0 does."""
    parent = thing(None, "dir", role="parent")

    def mknod(kind: int) -> int:
        return perform(
            posix, task(), "mknod", parent=parent, new=Obj("new", "x", mode=kind), fs=None, exists=False
        ).errno  # fmt: skip

    assert [mknod(stat.S_IFCHR), mknod(stat.S_IFBLK)] == [0, errno.EPERM]


def test_open_by_mode(posix, task, thing, perform) -> None:
    """The access mode against the mode bits; O_TRUNC needs write, an append too."""

    def opened(flags: int, mode: int) -> int:
        p = {"object": thing(None, mode=mode), "flags": flags, "mask": dac.file_mask(flags)}
        return perform(posix, task(), "open", **p).errno

    assert opened(os.O_RDONLY, 0o400) == opened(os.O_WRONLY | os.O_APPEND, 0o200) == 0
    assert opened(os.O_RDONLY | os.O_TRUNC, 0o400) == opened(os.O_WRONLY | os.O_APPEND, 0o400) == errno.EACCES
    assert opened(os.O_RDWR, 0o200) == errno.EACCES


def test_no_capability_is_asked_where_mode_bits_grant(posix: Framework, task, thing) -> None:
    """root on a file that it may read anyway uses no capability, so that none is on record."""
    m = Mediator(posix, task(uid=0, caps=("dac_override", "dac_read_search")))

    dac.permission(m, thing(None, mode=0o444), R)

    assert m.decisions == []
