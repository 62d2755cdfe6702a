"""POSIX access control lists: which are valid, whom they let in, and how they go with a mode."""

import errno
import struct

import pytest

from lsm import acl
from lsm.objects import Subject

NOBODY = 0xFFFFFFFF
LISTED = ((1, 6, NOBODY), (2, 6, 1001), (4, 4, NOBODY), (8, 2, 50), (16, 4, NOBODY), (32, 1, NOBODY))


def value(*entries: tuple[int, int, int], version: int = 2) -> bytes:
    return struct.pack("<I", version) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_a_list_is_read_as_it_was_written() -> None:
    """What is stored is what was set."""
    assert acl.encode(acl.parse(value(*LISTED))) == value(*LISTED)


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"", errno.EINVAL), (b"1234567", errno.EINVAL), (value(version=1), errno.EOPNOTSUPP),
        (value((1, 6, 0), (4, 4, 0)), errno.EINVAL),
        (value((1, 6, 0), (2, 6, 5), (4, 4, 0), (32, 0, 0)), errno.EINVAL),
        (value((4, 4, 0), (1, 6, 0), (32, 0, 0)), errno.EINVAL),
        (value((1, 9, 0), (4, 4, 0), (32, 0, 0)), errno.EINVAL),
        (value((1, 6, 0), (1, 6, 0), (4, 4, 0), (32, 0, 0)), errno.EINVAL),
    ],
)  # fmt: skip
def test_what_is_no_list(data, number) -> None:
    """Other lengths and versions, classes missing or twice, names without a mask, disorder."""
    with pytest.raises(OSError) as refused:
        acl.parse(data)

    assert refused.value.errno == number


@pytest.mark.parametrize(
    ("uid", "groups", "wanted", "allowed"),
    [
        (1000, (), 6, True), (1000, (), 1, False),  # the owner, whom the mask does not touch
        (1001, (), 4, True), (1001, (), 2, False),  # named, under the mask
        (7, (100,), 4, True), (7, (50,), 2, False), (7, (100,), 1, False),  # groups, and never as other then
        (7, (), 1, True), (7, (), 4, False),
    ],
)  # fmt: skip
def test_the_first_entry_that_fits_decides(uid, groups, wanted, allowed) -> None:
    """Owner, named user, any of the groups, others; the mask limits all but owner and others."""
    subject = Subject(uid, 9, groups)

    assert acl.allows(acl.parse(value(*LISTED)), subject, 1000, 100, wanted) is allowed


def test_a_mode_and_a_list_follow_each_other() -> None:
    """The group bits of a mode are the mask's; chmod sets it, and what is inherited is cut to what was asked for."""
    listed = acl.parse(value(*LISTED))

    assert oct(acl.mode_of(listed)) == "0o641"
    assert oct(acl.mode_of(acl.with_mode(listed, 0o725))) == "0o725"
    assert [e.perm for e in acl.with_mode(listed, 0o725)] == [7, 6, 4, 2, 2, 5]
    inherited, mode = acl.inherited(listed, 0o100640)
    assert (oct(mode), [e.perm for e in inherited]) == ("0o100640", [6, 6, 4, 2, 4, 0])
    assert acl.is_mode(acl.parse(value((1, 6, 0), (4, 4, 0), (32, 0, 0))))
