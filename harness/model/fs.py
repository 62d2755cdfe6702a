"""The tree as the acknowledged operations made it.

Names come from `label` events of MDTs (a new object: parent, `as`) and from the ends of `op` events (unlink, rmdir,
rename, link, and the attributes). An operation that ended in `info` may have happened or not: both are possible then,
and what is possible in two ways is never held against anybody.

What an operation names, in its `args`: `path`; `to` (link, rename: the new name); `fd` (the number that open returned);
`target` (symlink: the text). `ret` of open is a map with `fd` (or `n`) and `fid`. A relative path begins at the
directory that `dirfd` (`to_dirfd` for `to`) holds open, without that at the task's working directory on that mount.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from harness.model.descriptors import Descriptors

Event = Mapping[str, Any]

_CLASS_OF_FORMAT = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "lnk_file",
    stat.S_IFCHR: "chr_file",
    stat.S_IFBLK: "blk_file",
    stat.S_IFIFO: "fifo_file",
    stat.S_IFSOCK: "sock_file",
}
# include/uapi/linux/fs.h, RENAME_EXCHANGE
_EXCHANGE = 2
_NEVER_FOLLOWS = frozenset({"lstat", "readlink", "unlink", "rmdir", "rename", "link"})
_FORMAT_OF_CLASS = {tclass: form for form, tclass in _CLASS_OF_FORMAT.items()}


def class_of_mode(mode: int) -> str:
    """The class of an inode by its mode (security/selinux/hooks.c, inode_mode_to_security_class)."""
    return _CLASS_OF_FORMAT.get(stat.S_IFMT(mode), "file")


@dataclass(slots=True)
class Inode:
    """What is known of an object; `uid`, `gid`, `mode` are None while two values are possible."""

    fid: str
    tclass: str
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    nlink: int = 1
    xattrs: dict[str, str] = field(default_factory=dict)


class Tree:
    """Names to inodes. A name leads to a set of FIDs, None among them if it may be free; one alone is certain."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.inodes: dict[str, Inode] = {}
        self._names: dict[tuple[str, str], frozenset[str | None]] = {}
        self.descriptors = Descriptors()
        self._begun: dict[str, tuple[Event, str | None, str | None]] = {}
        self._cwds: dict[tuple[str, ...], str | None] = {}

    def child(self, parent: str, name: str) -> str | None:
        """The FID that the name surely leads to, else None."""
        found = self._names.get((parent, name), frozenset())
        return next(iter(found)) if len(found) == 1 else None

    def possible(self, parent: str, name: str) -> frozenset[str | None]:
        """Every FID that the name may lead to; empty: no such name was ever seen, or it is gone."""
        return self._names.get((parent, name), frozenset())

    def resolve(self, path: str, begin: str | None = None) -> str | None:
        """The FID that a path surely leads to, a relative one from `begin`; links in it are not followed."""
        pure = PurePosixPath(path)
        fid = self.root if pure.is_absolute() else begin
        for name in pure.parts[pure.is_absolute() :]:
            if fid is None:
                return None
            fid = self.child(fid, name)
        return fid

    def named(self, op: Event, name: str = "path") -> str | None:
        """The FID that the path in an operation's argument surely leads to, from where it begins."""
        path = (op.get("args") or {}).get(name)
        return self.resolve(path, self._begin(op, name)) if isinstance(path, str) and path else None

    def place(self, op: Event, name: str = "path") -> tuple[str, str] | None:
        """The directory that surely holds the last component of such a path, and that component."""
        path = (op.get("args") or {}).get(name)
        if not isinstance(path, str) or not path.strip("/"):
            return None
        pure = PurePosixPath(path)
        parent = self.resolve(str(pure.parent), self._begin(op, name))
        return (parent, pure.name) if parent else None

    def _begin(self, op: Event, name: str) -> str | None:
        """Where a relative path begins (openat(2), chdir(2)); None if that cannot be told."""
        at = "to_dirfd" if name == "to" else "dirfd"
        if (op.get("args") or {}).get(at) is None:
            return self._cwds.get(_process(op), self.root)
        held = self.descriptors.of(op, at)
        return held.fid if held else None

    def subject_of(self, op: Event) -> str | None:
        """The FID of the object that an operation is about, by its `fd` or its `path`, else None.

        Where the path ends in a link that the operation follows, it is about something else: None.
        """
        args = op.get("args") or {}
        if isinstance(args.get("fd"), int):
            held = self.descriptors.of(op)
            return held.fid if held else None
        fid = self.named(op)
        inode = self.inodes.get(fid or "")
        followed = inode is not None and inode.tclass == "lnk_file" and op.get("f") not in _NEVER_FOLLOWS
        return None if followed and args.get("follow", True) else fid

    def feed(self, event: Event) -> None:
        """Takes `label` events of MDTs and `op` events; leaves others alone."""
        if event["e"] == "label" and event.get("role") == "mdt":
            self._label(event)
        elif event["e"] == "op":
            self._op(event)

    def _label(self, event: Event) -> None:
        fid, why = event["object"], event.get("why")
        if why == "root":
            self.root = fid
        elif why not in {"transition", "inherit", "fscreate"} or not event.get("parent"):
            return
        elif event.get("as"):
            self._names[event["parent"], event["as"]] = frozenset({fid})
        if fid not in self.inodes:
            self.inodes[fid] = Inode(
                fid, event.get("class") or class_of_mode(event.get("mode") or 0), event.get("mode")
            )

    def _op(self, event: Event) -> None:
        if event["phase"] == "invoke":
            self._begun[event["op"]] = (event, self.subject_of(event), self.named(event, "to"))
            return
        begun = self._begun.pop(event["op"], None)
        if begun is not None and event["phase"] in {"ok", "info"}:
            self._ended(*begun, event, sure=event["phase"] == "ok")

    def _ended(self, op: Event, fid: str | None, replaced: str | None, end: Event, *, sure: bool) -> None:
        args = op.get("args") or {}
        if sure:
            self.descriptors.done(op, end.get("ret"))
        match op["f"]:
            case "chdir":
                self._cwds[_process(op)] = fid if sure else None
            case "unlink" | "rmdir" if fid:
                self._drop(self.place(op), fid, sure=sure)
            case "rename" if fid and replaced and (args.get("flags") or 0) & _EXCHANGE:
                self._put(self.place(op), replaced, fid, sure=sure)
                self._put(self.place(op, "to"), fid, replaced, sure=sure)
            case "rename" if fid and fid != replaced:
                self._drop(self.place(op), fid, sure=sure)
                self._put(self.place(op, "to"), fid, replaced, sure=sure)
            case "link" | "linkfd" if fid:
                self._put(self.place(op, "to"), fid, None, sure=sure)
                self.inodes[fid].nlink += sure
            case "chmod" | "chown" | "setxattr" | "removexattr" if fid in self.inodes:
                self._change(op["f"], self.inodes[fid], args, sure=sure)

    def _drop(self, key: tuple[str, str] | None, fid: str, *, sure: bool) -> None:
        if key is None or fid not in self._names.get(key, frozenset()):
            return
        if not sure:
            self._names[key] |= {None}
        elif left := self._names[key] - {fid}:
            self._names[key] = left
        else:
            del self._names[key]
        if sure and fid in self.inodes:
            self.inodes[fid].nlink -= 1

    def _put(self, key: tuple[str, str] | None, fid: str, replaced: str | None, *, sure: bool) -> None:
        if key is not None:
            before = self._names.get(key, frozenset({replaced}))
            self._names[key] = frozenset({fid}) if sure else before | {fid}

    @staticmethod
    def _change(f: str, inode: Inode, args: Mapping[str, Any], *, sure: bool) -> None:
        match f:
            case "chmod":
                form = _FORMAT_OF_CLASS[inode.tclass]
                inode.mode = form | stat.S_IMODE(args["mode"]) if sure else None
            case "chown":
                inode.uid = args.get("uid") if sure else None
                inode.gid = args.get("gid") if sure else None
            case "setxattr" if sure:
                inode.xattrs[args["name"]] = args["value"]
            case _:
                inode.xattrs.pop(args["name"], None)


def _process(op: Event) -> tuple[str, ...]:
    """Whose working directory it is: the task's, on that mount of its node."""
    return op.get("client", ""), op.get("mount", "/"), op.get("task", "")
