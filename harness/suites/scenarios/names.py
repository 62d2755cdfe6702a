"""What is made, linked, moved and removed, of every class that can be."""

from __future__ import annotations

import os
from collections.abc import Iterator

from harness.suites.scenarios.scenario import DEVICES, FORMAT, Act, Scenario

# include/uapi/linux/fs.h
_NOREPLACE, _EXCHANGE, _WHITEOUT = 1, 2, 4
_MOVED, _REPLACED = ("object", "newparent"), ("object", "newparent", "target")


def rows() -> Iterator[Scenario]:
    yield from _makes()
    for tclass in FORMAT:
        yield from _removes(tclass)
        yield from _moves(tclass)
    yield from _swaps()
    yield Scenario("readlink", "readlink", "read", "lnk_file", lambda t, p: t.readlink(p.object))


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
    for tclass in ("file", "dir"):
        yield Scenario(
            f"exchange-{tclass}", "rename", "exchange", tclass,
            lambda t, p: t.rename(p.object, p.target, _EXCHANGE), _REPLACED, {"reparent": True},
        )  # fmt: skip
    yield Scenario("noreplace", "rename", "plain", "file", lambda t, p: t.rename(p.object, p.goal, _NOREPLACE), _MOVED)
    yield Scenario("whiteout", "rename", "whiteout", "file", lambda t, p: t.rename(p.object, p.goal, _WHITEOUT), _MOVED)


def _mknod(tclass: str) -> Act:
    rdev = os.makedev(1, 3) if tclass in DEVICES else 0
    return lambda task, place: task.mknod(place.name, FORMAT[tclass] | 0o644, rdev)
