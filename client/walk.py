"""The path walk: one Lookup a component, symbolic links and `..` followed here (fs/namei.c, link_path_walk).

Nothing is remembered between calls, as there are no locks yet to keep a remembered name true.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from client.entry import Entry
from lsm import Fid

# include/uapi/linux/limits.h (PATH_MAX counts the NUL), include/linux/namei.h (MAXSYMLINKS)
PATH_BYTES_MAX = 4095
NAME_BYTES_MAX = 255
LINKS_MAX = 40

Dirs = tuple[Entry, ...]


class Names(Protocol):
    """What a walk asks of the servers, each after the client's own checks."""

    async def root(self) -> Entry: ...
    async def lookup(self, parent: Entry, name: bytes, first: Entry | None) -> Entry: ...
    async def begin(self) -> Entry: ...
    async def readlink(self, parent: Entry, name: bytes, link: Entry | None) -> bytes: ...


class Last(NamedTuple):
    """Where a path ends: the directories walked from the root, and the component that is left.

    The first of `dirs` is the root, or where the task's paths begin. `name` is what is left to look up in the last of
    `dirs`; empty if the path ends at that directory itself, and then `dots` is b"", b"." or b".." as it was written.
    `slash`: it must be a directory.
    """

    dirs: Dirs
    name: bytes
    slash: bool = False
    dots: bytes = b""

    @property
    def parent(self) -> Entry:
        return self.dirs[-1]


class Found(NamedTuple):
    """An object with the place where it was found; `last.name` is empty for a directory that ended the path."""

    last: Last
    entry: Entry


class Walk:
    """One call's walk; it counts the links that it followed.

    Every component costs search in the directory where it stands, `.` and `..` as well (fs/namei.c, may_lookup). A
    Lookup asks for it by itself; where a dot alone needs it, it is asked once a directory, by a Lookup of `.` there.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._links = 0
        self._searched: set[Fid] = set()
        # Where the first of two paths ends, until search was asked of it.
        self._first: Entry | None = None

    async def last(self, path: bytes, start: Entry | None = None) -> Last:
        """Walks all but the last component, of a relative path from `start` or the task's working directory.

        ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP; EACCES by who is asked.
        """
        if not path:
            raise _error(errno.ENOENT, path)
        if len(path) > PATH_BYTES_MAX:
            raise _error(errno.ENAMETOOLONG, path)
        begin = await self._names.root() if path.startswith(b"/") else start or await self._names.begin()
        return await self._along((begin,), path)

    def second(self, first: Last) -> None:
        """A second path begins. The last directory of the `first` one, of which the operation itself asks search later,
        is asked with the next Lookup: the kernel walks a path whole before it begins with another."""
        self._first = first.parent if first.name else None

    async def ends_first(self) -> None:
        """What the second path has left of that, if it came to no Lookup."""
        first, self._first = self._first, None
        if first is not None:
            await self.search(first)

    async def find(self, last: Last, *, follow: bool = True) -> Found:
        """Looks the last component up, and goes on through links if `follow` or a trailing slash asks for it."""
        if not last.name:
            return Found(last, last.parent)
        entry = await self._lookup(last.parent, last.name)
        if entry.is_symlink and (follow or last.slash):
            return await self.find(await self.through(last, entry))
        if last.slash and not entry.is_dir:
            raise _error(errno.ENOTDIR, last.name)
        return Found(last, entry)

    async def peek(self, last: Last) -> Entry | None:
        """The last component as it is, a link too; None if the name is free."""
        if not last.name:
            return last.parent
        try:
            return await self._lookup(last.parent, last.name)
        except FileNotFoundError:
            return None

    async def through(self, last: Last, link: Entry | None = None) -> Last:
        """Where the link at `last` leads; EINVAL if it is none, ELOOP after LINKS_MAX."""
        self._links += 1
        if self._links > LINKS_MAX:
            raise _error(errno.ELOOP, last.name)
        target = await self._names.readlink(last.parent, last.name, link)
        if not target:
            raise _error(errno.ENOENT, last.name)
        # What a link says is walked anew, from where it stands (fs/namei.c, link_path_walk).
        self._searched.clear()
        onward = await self._along(last.dirs, target)
        return onward._replace(slash=onward.slash or last.slash)

    async def search(self, directory: Entry) -> None:
        """Whether the directory may be searched, asked once a call."""
        if directory.fid not in self._searched:
            await self._lookup(directory, b".")

    async def _along(self, dirs: Dirs, path: bytes) -> Last:
        if path.startswith(b"/"):
            dirs = (await self._names.root(),)
        names = [name for name in path.split(b"/") if name]
        for name in names[:-1]:
            dirs = await self._into(dirs, name)
        if names and names[-1] in (b".", b".."):
            await self.search(dirs[-1])
        return await self._ends(dirs, names[-1] if names else b"", path.endswith(b"/"))

    async def _into(self, dirs: Dirs, name: bytes) -> Dirs:
        """One step down, or up; links are followed. ENOTDIR for what is no directory."""
        if name == b"..":
            await self.search(dirs[-1])
        last = await self._ends(dirs, name, True)
        found = await self.find(last)
        return (*found.last.dirs, found.entry) if found.last.name else found.last.dirs

    async def _ends(self, dirs: Dirs, name: bytes, slash: bool) -> Last:
        """`..` goes back the way that was walked; beyond where that began the server says what is above."""
        if name == b"..":
            return Last(dirs[:-1] or (await self._above(dirs[0]),), b"", slash, name)
        if name in (b"", b"."):
            return Last(dirs, b"", slash, name)
        return Last(dirs, name, slash)

    async def _above(self, directory: Entry) -> Entry:
        root = await self._names.root()
        return root if directory.fid == root.fid else await self._lookup(directory, b"..")

    async def _lookup(self, parent: Entry, name: bytes) -> Entry:
        first, self._first = self._first, None
        self._searched |= {parent.fid, first.fid} if first else {parent.fid}
        return await self._names.lookup(parent, name, first)


def _error(number: int, name: bytes) -> OSError:
    shown: Sequence[str] = (name[:64].decode("utf-8", "replace"), "..." if len(name) > 64 else "")
    return OSError(number, f"{os.strerror(number)}: {''.join(shown)!r}")
