"""Inode bits: what of an inode a lock covers (MDS_INODELOCK_*, lustre_idl.h)."""

from __future__ import annotations

from enum import Flag


class Bits(Flag):
    """A label is under PERM and XATTR both: PERM for what it allows, XATTR for its text."""

    # Whether the name is there, and the permissions that the way to it needs.
    LOOKUP = 0x01
    # Size, links, times; of a directory its entries.
    UPDATE = 0x02
    OPEN = 0x04
    LAYOUT = 0x08
    PERM = 0x10
    XATTR = 0x20
