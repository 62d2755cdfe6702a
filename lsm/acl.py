"""POSIX access control lists, in the form of their xattrs: a header (version 2), then (tag, permissions, id) each.

Rules: fs/posix_acl.c (posix_acl_valid, posix_acl_permission, posix_acl_create_masq, __posix_acl_chmod_masq).
"""

from __future__ import annotations

import errno
import os
import struct
from typing import NamedTuple

from lsm.objects import Subject

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
NAMES = frozenset({ACCESS, DEFAULT})
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
VERSION = 2
_NAMED = (USER, GROUP)
# include/uapi/linux/posix_acl_xattr.h, ACL_UNDEFINED_ID: what stands where nobody is named.
UNDEFINED_ID = 0xFFFFFFFF
# How far each tag's bits lie from the right in a mode.
_SHIFT = {USER_OBJ: 6, GROUP_OBJ: 3, MASK: 3, OTHER: 0}


class Entry(NamedTuple):
    """One line of a list; `id` is of a USER or GROUP."""

    tag: int
    perm: int
    id: int


Acl = tuple[Entry, ...]


def parse(value: bytes) -> Acl:
    """The list; empty if there are no entries. Errors as `read`, and EINVAL for what is no valid list."""
    acl = read(value)
    validate(acl)
    return acl


def read(value: bytes) -> Acl:
    """The entries, as they are. EOPNOTSUPP for another version, EINVAL for another form (posix_acl_from_xattr)."""
    if len(value) < 4 or len(value) % 8 != 4:
        raise OSError(errno.EINVAL, f"{len(value)} bytes are no access control list")
    if struct.unpack_from("<I", value)[0] != VERSION:
        raise OSError(errno.EOPNOTSUPP, "an access control list of another version")
    entries = (Entry(*each) for each in struct.iter_unpack("<HHI", value[4:]))
    acl = tuple(entry if entry.tag in _NAMED else entry._replace(id=UNDEFINED_ID) for entry in entries)
    if any(entry.tag not in (*_SHIFT, *_NAMED) for entry in acl):
        raise OSError(errno.EINVAL, "an access control list with an entry of no kind")
    return acl


def validate(acl: Acl) -> None:
    """EINVAL for what is no valid list; no entries at all are one (posix_acl_valid)."""
    if acl and not _valid(acl):
        raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: not a valid access control list")


def encode(acl: Acl) -> bytes:
    return struct.pack("<I", VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in acl)


def allows(acl: Acl, subject: Subject, uid: int, gid: int, wanted: int) -> bool:
    """Whether the list of a file of that owner grants rwx bits `wanted`; the first entry that fits decides."""
    mask = next((entry.perm for entry in acl if entry.tag == MASK), 7)
    found = False
    for entry in acl:
        if entry.tag == USER_OBJ and subject.uid == uid:
            return not wanted & ~entry.perm
        if entry.tag == USER and subject.uid == entry.id:
            return not wanted & ~(entry.perm & mask)
        if entry.tag in (GROUP_OBJ, GROUP) and subject.in_group(gid if entry.tag == GROUP_OBJ else entry.id):
            found = True
            if not wanted & ~entry.perm:
                return not wanted & ~(entry.perm & mask)
        if entry.tag == OTHER:
            return not found and not wanted & ~entry.perm
    return False


def mode_of(acl: Acl) -> int:
    """The rwx bits that the list is shown as; of the group the mask's, if it has one."""
    bits = {entry.tag: entry.perm for entry in acl if entry.tag in _SHIFT}
    return bits[USER_OBJ] << 6 | bits.get(MASK, bits[GROUP_OBJ]) << 3 | bits[OTHER]


def is_mode(acl: Acl) -> bool:
    """Whether the list says no more than a mode does, and so need not be kept."""
    return all(entry.tag in (USER_OBJ, GROUP_OBJ, OTHER) for entry in acl)


def with_mode(acl: Acl, mode: int) -> Acl:
    """The list after chmod: owner and others as in the mode; its group bits are the mask's, else the group's."""
    return tuple(
        entry._replace(perm=mode >> _SHIFT[tag] & 7) if (tag := _changed(acl, entry)) else entry for entry in acl
    )


def inherited(default: Acl, mode: int) -> tuple[Acl, int]:
    """The list of a new file in a directory with that default, and its mode: no more than was asked for."""
    acl = tuple(
        entry._replace(perm=entry.perm & mode >> _SHIFT[tag] & 7) if (tag := _changed(default, entry)) else entry
        for entry in default
    )
    return acl, mode & ~0o777 | mode_of(acl) & mode


def _changed(acl: Acl, entry: Entry) -> int:
    """The entry's tag, if a mode has bits of its own for it in this list; else 0."""
    if entry.tag in _NAMED or (entry.tag == GROUP_OBJ and any(other.tag == MASK for other in acl)):
        return 0
    return entry.tag


def _valid(acl: Acl) -> bool:
    """In the order of the tags, each of the three classes once, and a mask where somebody is named."""
    tags = [entry.tag for entry in acl]
    once = [tags.count(tag) for tag in (USER_OBJ, GROUP_OBJ, OTHER)]
    named = any(tag in _NAMED for tag in tags)
    known = all(entry.perm <= 7 for entry in acl)
    return (
        known and tags == sorted(tags) and once == [1, 1, 1] and (tags.count(MASK) == 1 or not (named or MASK in tags))
    )
