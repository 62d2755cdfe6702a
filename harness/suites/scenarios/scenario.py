"""A row: one operation on one class of object, what is laid out for it, and what it needs by the kernel's table.

Rows of one family, which do the same to different classes, share directories that the administrator lays out:

  parent/          the directory that names the objects   (role parent)
    CLASS          the object, of the row's class         (role object)
  newparent/       where a rename goes                    (role newparent)
    CLASS          what a rename replaces                 (role target)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from harness.model import access

LABEL = "security.selinux"
FORMAT = {
    "file": stat.S_IFREG, "dir": stat.S_IFDIR, "lnk_file": stat.S_IFLNK, "chr_file": stat.S_IFCHR,
    "blk_file": stat.S_IFBLK, "fifo_file": stat.S_IFIFO, "sock_file": stat.S_IFSOCK,
}  # fmt: skip
DEVICES = ("chr_file", "blk_file")
_RIGHTS = {os.O_RDONLY: "r", os.O_WRONLY: "w", os.O_RDWR: "rw"}


@dataclass(slots=True)
class Place:
    """Where a scenario runs: paths, the label that its relabels and fscreate ask for, the context that a task may
    take, and the file that it has open."""

    parent: str
    newparent: str
    tclass: str
    new_label: str
    context: str = ""
    fd: Any = None

    @property
    def object(self) -> str:
        return f"{self.parent}/{self.tclass}"

    @property
    def name(self) -> str:
        """A free one, beside the object."""
        return f"{self.object}-new"

    @property
    def target(self) -> str:
        return f"{self.newparent}/{self.tclass}"

    @property
    def goal(self) -> str:
        """A free name in the other directory."""
        return f"{self.target}-new"


Act = Callable[[Any, Place], object]
# A row of the table besides the scenario's own: operation, case, parameters.
Row = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One operation on one class. `op`, `case` and `params` name the row of the table; `act` does it as a task.

    `lays` says which of object, newparent, target are there before; the object belongs to the task (`owner`), has
    `mode`, the xattr `kept` and `data`. `asks` are queries besides those of the row, `then` rows that `act` needs
    besides its own. `becomes` is the role of the label that is asked for. `opens`: the task opens the object with
    these flags, then it is relabelled to `moved`, which `act` is judged by; `rejudged` is what a descriptor is asked
    again. `foreign`: it opens the object under another context, and takes its own only then. `answers` is the errno for
    who passes all checks; 0: it is done. `whole`: what is asked of directories is denied too, which another class's
    row has done where it is not.
    """

    name: str
    op: str
    case: str
    tclass: str
    act: Act
    lays: tuple[str, ...] = ("object",)
    params: dict[str, Any] = field(default_factory=dict)
    asks: tuple[access.Check, ...] = ()
    then: tuple[Row, ...] = ()
    walk: bool = True
    owner: bool = True
    mode: int = 0o755
    kept: tuple[str, bytes] | None = None
    data: bytes = b""
    becomes: str = "new"
    opens: int | None = None
    rejudged: str = ""
    foreign: bool = False
    answers: int = 0
    whole: bool = True

    def checks(self) -> tuple[access.Check, ...]:
        """The queries of the operation itself, in the kernel's order, then those that `asks` names."""
        walks = self.walk and self.opens is None
        own = access.expected(self.op, self.case, self.tclass, walk=walks, stranger=self.foreign, **self.params)
        asked = [check for check in own if check.perms]
        if self.opens is not None:
            asked = [_moved(check) for check in asked if not check.optional or check.perms == {self.rejudged}]
        return (*asked, *self.asks)

    def needs(self) -> tuple[access.Check, ...]:
        """All that a task needs for `act`: its own checks, and those of the rows before it."""
        rows = [access.expected(op, case, self.tclass, walk=self.walk, **more) for op, case, more in self.then]
        if self.opens is not None:
            rows.append(access.expected("open", "existing", self.tclass, walk=True, **rights(self.opens)))
        return self.checks() + tuple(check for row in rows for check in row if check.perms)

    @property
    def family(self) -> str:
        """The name without the class."""
        return self.name.removesuffix(f"-{self.tclass}")

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the task must have in its credentials, for the policy to be asked."""
        asked = (check for check in self.needs() if check.tclass.startswith("capability"))
        return tuple(sorted({permission for check in asked for permission in check.perms}))


def rights(flags: int) -> dict[str, Any]:
    """The parameters of `open` in the table, by its flags."""
    return {"access": _RIGHTS.get(flags & os.O_ACCMODE, "ioctl"), "append": bool(flags & os.O_APPEND)}


def unwaiting(tclass: str) -> int:
    """What open needs besides so that it does not wait for the other end of a fifo."""
    return os.O_NONBLOCK if tclass == "fifo_file" else 0


def capability(name: str, hook: str = "capable") -> access.Check:
    """A capability, by who asks for it: capable() where DAC does, else the hook that needs it."""
    tclass = "capability2" if name == "mac_admin" else "capability"
    return access.Check(hook, "subject", "subject", "subject", tclass, frozenset({name}))


def own(hook: str, *permissions: str) -> access.Check:
    """What a task is asked about itself."""
    return access.Check(hook, "subject", "subject", "subject", "process", frozenset(permissions))


def opening(flags: int, where: str = "object") -> Act:
    """Opens by path, and closes again."""

    def act(task: Any, place: Place) -> object:
        return task.close(task.open(getattr(place, where), flags, 0o644))

    return act


def _moved(check: access.Check) -> access.Check:
    return replace(check, optional=False, target="moved") if check.target == "object" else check
