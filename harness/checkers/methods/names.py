"""Rpcs on names."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from harness.checkers.methods.asked import Asked, Method, Way, classes, one
from harness.model import access

# include/uapi/linux/fs.h
_EXCHANGE, _WHITEOUT = 2, 4


def _lookup(asked: Asked) -> Iterator[Way]:
    """A component; the first one of a rename's second path may bring the first path's last directory."""
    for case in ("name", "second") if asked.f == "rename" else ("name",):
        yield Way(case, access.expected("lookup", case))


def _mknod(asked: Asked) -> Iterator[Way]:
    mode = asked.args.get("mode")
    regular = stat.S_IFMT(mode) in {0, stat.S_IFREG} if isinstance(mode, int) else None
    if regular in {True, None}:
        yield Way("regular", access.expected("mknod", "regular", "file", walk=asked.walk))
    if regular in {False, None}:
        for tclass in ("chr_file", "blk_file", "fifo_file", "sock_file"):
            yield Way("special", access.expected("mknod", "special", tclass, walk=asked.walk))


def _rename(asked: Asked) -> Iterator[Way]:
    flags = asked.args.get("flags") or 0
    if flags & (_EXCHANGE | _WHITEOUT):
        yield from _renamed(asked, flags)
        return
    for tclass in classes(asked):
        for reparent in (False, True) if tclass == "dir" else (False,):
            yield Way("plain", access.expected("rename", "plain", tclass, reparent=reparent, walk=True))
            for replaced in ("dir",) if tclass == "dir" else tuple(set(access.FILE_CLASSES) - {"dir"}):
                checks = access.expected("rename", "replace", tclass, reparent=reparent, replaced=replaced, walk=True)
                yield Way("replace", checks)
    yield Way("same-inode", access.expected("rename", "same-inode", walk=True))


def _renamed(asked: Asked, flags: int) -> Iterator[Way]:
    """RENAME_EXCHANGE and RENAME_WHITEOUT: between two directories, or in one; over whatever there is."""
    cases = ("exchange",) if flags & _EXCHANGE else ("whiteout", "whiteout-replace")
    # Where a whiteout is, what was moved cannot be told by its old name any more.
    for tclass in classes(asked) if flags & _EXCHANGE else access.FILE_CLASSES:
        for reparent in (False, True):
            for replaced in access.FILE_CLASSES:
                for case in cases:
                    moved = reparent and (case == "exchange" or tclass == "dir")
                    checks = access.expected("rename", case, tclass, reparent=moved, replaced=replaced, walk=True)
                    yield Way(case.removesuffix("-replace"), checks)
    yield Way("same-inode", access.expected("rename", "same-inode", walk=True))


METHODS: dict[str, Method] = {
    "Mds/Lookup": _lookup,
    "Mds/Mkdir": one("mkdir", "new"),
    "Mds/Mknod": _mknod,
    "Mds/Symlink": one("symlink", "new"),
    "Mds/Readlink": one("readlink", "read"),
    "Mds/Unlink": one("unlink", "unlink"),
    "Mds/Rmdir": one("rmdir", "rmdir"),
    "Mds/Link": one("link", "link"),
    "Mds/Rename": _rename,
}
