"""File capabilities, as security.capability holds them: which values are valid, and in which form they are kept.

Rules: security/commoncap.c, cap_convert_nscap and cap_inode_getsecurity; include/uapi/linux/capability.h.
"""

from __future__ import annotations

import errno
import struct

XATTR = "security.capability"
REVISION, EFFECTIVE = 0xFF000000, 0x000001
REVISION_2, REVISION_3 = 0x02000000, 0x03000000
BYTES = {REVISION_2: 20, REVISION_3: 24}
NO_ROOT = 0xFFFFFFFF


def converted(value: bytes) -> bytes:
    """The value as it is kept: a revision 3 of this namespace's own root says no more than a revision 2. EINVAL."""
    magic = struct.unpack_from("<I", value)[0] if len(value) >= 4 else 0
    revision = magic & REVISION
    if BYTES.get(revision) != len(value) or magic & ~(REVISION | EFFECTIVE):
        raise OSError(errno.EINVAL, f"{len(value)} bytes are no file capabilities")
    if revision == REVISION_2:
        return value
    root = struct.unpack_from("<I", value, 20)[0]
    if root == NO_ROOT:
        raise OSError(errno.EINVAL, "file capabilities of nobody's root")
    return value if root else struct.pack("<I", REVISION_2 | magic & EFFECTIVE) + value[4:20]
