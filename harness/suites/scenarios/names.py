"""What is made, linked, moved and removed, of every class that can be."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace

from harness.model import access
from harness.suites.scenarios.scenario import DEVICES, FORMAT, Act, Scenario, capability

# include/uapi/linux/fs.h
_NOREPLACE, _EXCHANGE, _WHITEOUT = 1, 2, 4
_MOVED, _REPLACED = ("object", "newparent"), ("object", "newparent", "target")


def rows() -> Iterator[Scenario]:
    yield from _makes()
    for tclass in FORMAT:
        yield from _removes(tclass)
        yield from _moves(tclass)
    yield from _swaps()
    yield from _reads()
    yield from _protected()


def _makes() -> Iterator[Scenario]:
    yield Scenario("mkdir", "mkdir", "new", "dir", lambda t, p: t.mkdir(p.name, 0o755), lays=())
    yield Scenario("symlink", "symlink", "new", "lnk_file", lambda t, p: t.symlink("elsewhere", p.name), lays=())
    yield Scenario("mknod-file", "mknod", "regular", "file", _mknod("file"), lays=())
    for tclass in ("fifo_file", "sock_file", *DEVICES):
        yield Scenario(f"mknod-{tclass}", "mknod", "special", tclass, _mknod(tclass), lays=())


def _removes(tclass: str) -> Iterator[Scenario]:
    if tclass == "dir":
        yield Scenario("rmdir", "rmdir", "rmdir", "dir", lambda t, p: t.rmdir(p.object))
        return
    whole = tclass == "file"
    yield Scenario(f"unlink-{tclass}", "unlink", "unlink", tclass, lambda t, p: t.unlink(p.object), whole=whole)
    yield Scenario(f"link-{tclass}", "link", "link", tclass, lambda t, p: t.link(p.object, p.name), whole=whole)


def _moves(tclass: str) -> Iterator[Scenario]:
    reparent, whole = {"reparent": tclass == "dir"}, tclass == "file"
    yield Scenario(
        f"rename-{tclass}", "rename", "plain", tclass, lambda t, p: t.rename(p.object, p.goal), _MOVED,
        reparent, whole=whole,
    )  # fmt: skip
    yield Scenario(
        f"replace-{tclass}", "rename", "replace", tclass, lambda t, p: t.rename(p.object, p.target),
        _REPLACED, reparent, whole=whole,
    )  # fmt: skip


def _swaps() -> Iterator[Scenario]:
    for tclass in FORMAT:
        reparent, whole = {"reparent": tclass == "dir"}, tclass == "file"
        yield Scenario(
            f"exchange-{tclass}", "rename", "exchange", tclass, lambda t, p: t.rename(p.object, p.target, _EXCHANGE),
            _REPLACED, {"reparent": True}, whole=whole,
        )  # fmt: skip
        yield Scenario(
            f"whiteout-{tclass}", "rename", "whiteout", tclass, lambda t, p: t.rename(p.object, p.goal, _WHITEOUT),
            _MOVED, reparent, whole=whole,
        )  # fmt: skip
    yield Scenario(
        "whiteout-replace", "rename", "whiteout-replace", "file", lambda t, p: t.rename(p.object, p.target, _WHITEOUT),
        _REPLACED,
    )  # fmt: skip
    yield Scenario("noreplace", "rename", "plain", "file", lambda t, p: t.rename(p.object, p.goal, _NOREPLACE), _MOVED)


def _reads() -> Iterator[Scenario]:
    """A link is read to tell where it leads, and to go there: at a path's end and on its way. It leads nowhere."""
    acts: dict[str, Act] = {
        "readlink": lambda t, p: t.readlink(p.object),
        "follow": lambda t, p: t.stat(p.object),
        "walk-through": lambda t, p: t.stat(f"{p.object}/x"),
    }
    for name, act in acts.items():
        answers = 0 if name == "readlink" else errno.ENOENT
        yield Scenario(name, "readlink", "read", "lnk_file", act, answers=answers)


def _protected() -> Iterator[Scenario]:
    """fs/namei.c, may_linkat: another's file is linked by who may read and write it, or has the capability."""
    shared = access.Check("inode_permission", "object", "subject", "object", "file", frozenset({"read", "write"}))
    link = Scenario("", "link", "link", "file", lambda t, p: t.link(p.object, p.name), owner=False)
    yield replace(link, name="link-shared", mode=0o666, asks=(shared,))
    yield replace(link, name="link-of-another", asks=(capability("fowner"),))


def _mknod(tclass: str) -> Act:
    rdev = os.makedev(1, 3) if tclass in DEVICES else 0
    return lambda task, place: task.mknod(place.name, FORMAT[tclass] | 0o644, rdev)
