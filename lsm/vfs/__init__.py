"""The kernel's VFS steps, and the table operation -> ordered steps; run by mds, oss and client alike.

DAC, ownership and structure (ENOENT, EEXIST, ENOTDIR ...) are no module: they are steps between the hooks, in the
kernel's order (fs/namei.c, fs/attr.c, fs/xattr.c, fs/open.c). An operation is a row of OPS; `run` walks it with the
objects and scalars in `p`, and a step that refuses ends it. Nothing here reads or writes a store.

In reading order, the rows by family, as mds/ops has them:
  steps.py      the kinds of steps, and those that several operations share
  namespace.py  names
  open.py       open
  attr.py       attributes, extended ones too
  file.py       what an open file is asked
"""

from __future__ import annotations

from typing import Any

from lsm.framework import Mediator
from lsm.vfs import attr, file, namespace
from lsm.vfs import open as opening
from lsm.vfs.file import F_RDLCK, F_UNLCK, F_WRLCK
from lsm.vfs.steps import Step, hook

__all__ = ["F_RDLCK", "F_UNLCK", "F_WRLCK", "OPS", "run"]

OPS: dict[str, tuple[Step, ...]] = {
    "mount": (hook("sb_kern_mount", "fs"),),
    "statfs": (hook("sb_statfs", "fs"),),
    **namespace.OPS,
    **opening.OPS,
    **attr.OPS,
    **file.OPS,
}


def run(op: str, m: Mediator, **p: Any) -> None:
    """Walks the steps of `op`. Raises lsm.Denied for a decision, another OSError for structure; KeyError for no op."""
    for step in OPS[op]:
        step(m, p)
