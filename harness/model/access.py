"""What is asked: the checks of one operation and case, by the table (harness/model/table) and the parameters given."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from harness.model.table import TABLE

FILE_CLASSES = ("file", "dir", "lnk_file", "chr_file", "blk_file", "fifo_file", "sock_file")
# Asked where DAC needs them or a claim is weighed: anywhere in an operation, and never demanded by their place.
FLOATING = frozenset({"capability", "capability2", "cap_userns", "cap2_userns", "process"})

_ROW = re.compile(
    r"(?P<may>\??)(?P<hook>\w+)\((?P<role>\w+)\)"
    r"(?: +(?P<source>\w+) -> (?P<target>\w+) (?P<tclass>\w+) \{(?P<perms>[^}]+)\})?(?: +if (?P<when>\w+))?\Z"
)
_PROCATTR = {f"{attr}create": f"set{attr}create" for attr in ("fs", "key", "sock")} | {
    "exec": "setexec",
    "current": "setcurrent",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One query of one firing of a hook; `source` is subject, object or new, the others are roles of objects.

    `perms` empty: the hook fires and asks nothing. `optional`: may be left out.
    """

    hook: str
    role: str
    source: str = "subject"
    target: str = ""
    tclass: str = ""
    perms: frozenset[str] = frozenset()
    optional: bool = False

    def __str__(self) -> str:
        asked = f" {self.target} {self.tclass} {{ {' '.join(sorted(self.perms))} }}" if self.perms else ""
        return f"{self.hook}({self.role}){asked}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table as suites see it: the roles of the objects involved."""

    op: str
    case: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Given:
    """The parameters of `expected`."""

    tclass: str
    access: str
    append: bool
    truncate: bool
    reparent: bool
    replaced: str
    attr: str
    open_perms: bool
    stranger: bool | None
    moved: bool


@dataclass(frozen=True, slots=True)
class _Row:
    check: Check
    when: str


def expected(
    op: str,
    case: str,
    tclass: str = "file",
    *,
    access: str = "r",
    append: bool = False,
    truncate: bool = False,
    reparent: bool = False,
    replaced: str = "",
    attr: str = "fscreate",
    walk: bool = False,
    open_perms: bool = True,
    stranger: bool | None = False,
    moved: bool = False,
) -> tuple[Check, ...]:
    """The checks of one operation, in order. `tclass` is the class of the object it is about.

    open: `access` r, w or rw (of access(2) any of rwx), with `append` and `truncate` as in its flags; ioctl is the
    access mode 3, asked for as rw and granted neither (selinux/hooks.c, file_to_av). rename:
    `reparent` for a directory that changes its parent (of an exchange: the parents differ), `replaced` the class of the
    target.
    setprocattr: `attr` fscreate, keycreate, sockcreate, exec, current. `walk`: the last component is looked up in the
    same call. `open_perms`: the policy's capability. `stranger`: the context that asks is not the one that opened the
    file; None: it cannot be told, and what is asked of strangers is optional. `moved`: the label of the open file has.
    Raises KeyError for an operation or case that the table does not have.
    """
    given = _Given(tclass, access, append, truncate, reparent, replaced or tclass, attr, open_perms, stranger, moved)
    return _expected(op, case, given, walk)


def without_open(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks under a policy without the capability `open_perms`, which asks `open` of nobody."""
    return tuple(replace(check, perms=check.perms - {"open"}) for check in checks)


def firings(checks: tuple[Check, ...]) -> dict[tuple[str, str], int]:
    """How often each (hook, role) must fire for these checks. Queries of one hook in a row are one firing, but each
    inode_permission is one of its own."""
    counts: dict[tuple[str, str], int] = {}
    last: Check | None = None
    for check in checks:
        again = last is not None and (last.hook, last.role) == (check.hook, check.role)
        if not check.optional and not (again and check.hook != "inode_permission"):
            counts[check.hook, check.role] = counts.get((check.hook, check.role), 0) + 1
        last = check
    return counts


def operations() -> list[Operation]:
    """Every operation and case of the table."""
    return [_operation(op, case) for op, case in TABLE]


def _operation(op: str, case: str) -> Operation:
    checks = [row.check for row in _rows(op, case)]
    roles = dict.fromkeys(role for check in checks for role in (check.source, check.target, check.role) if role)
    return Operation(op, case, tuple(roles))


def _mask(access: str, append: bool, truncate: bool, tclass: str = "") -> tuple[str, ...]:
    """security/selinux/hooks.c, file_mask_to_av: append instead of write, also where truncation asks for write, and
    where nothing does; a directory has none."""
    if access == "ioctl":
        access = "rw"
    perms: tuple[str, ...] = ("read",) if "r" in access else ()
    if append and tclass != "dir":
        perms += ("append",)
    elif "w" in access or truncate:
        perms += ("write",)
    return perms + (("execute",) if "x" in access else ())


def _granted(access: str, append: bool) -> tuple[str, ...]:
    """security/selinux/hooks.c, file_to_av: what the open file can do; `ioctl` where that is nothing."""
    return ("ioctl",) if access == "ioctl" else _mask(access, append and "w" in access, truncate=False)


def _filled(check: Check, words: dict[str, tuple[str, ...]]) -> Check:
    perms = frozenset(perm for word in check.perms for perm in words.get(word, (word,)))
    tclass = words.get(check.tclass, (check.tclass,))[0]
    return Check(check.hook, check.role, check.source, check.target, tclass, perms, check.optional)


def _walk(op: str) -> tuple[_Row, ...]:
    parents = ("parent", "newparent") if op == "rename" else ("parent",)
    perms = frozenset({"search"})
    return tuple(_Row(Check("inode_permission", role, "subject", role, "dir", perms), "") for role in parents)


@cache
def _expected(op: str, case: str, given: _Given, walk: bool) -> tuple[Check, ...]:
    words = {
        "CLASS": (given.tclass,),
        "MAP": ("read", *_mask(given.access.replace("r", ""), append=False, truncate=False)),
        "MASK": _mask(given.access, given.append, given.truncate, given.tclass),
        "OPEN": (*_granted(given.access, given.append), "open")[: None if given.open_perms else -1],
        "WRITE-OPEN": ("write", "open")[: None if given.open_perms else 1],
        "TARGET": (given.replaced,),
        "GONE": ("rmdir",) if given.replaced == "dir" else ("unlink",),
        "LOST": ("rmdir",) if given.tclass == "dir" else ("unlink",),
        "ATTR": (_PROCATTR[given.attr],),
        "WRITING": _mask("w", given.append, truncate=False),
    }
    holds, rows = _holds(given), (_walk(op) if walk else ()) + _rows(op, case)
    checks = [(_filled(row.check, words), holds[row.when]) for row in rows]
    return tuple(replace(check, optional=check.optional or held is None) for check, held in checks if held is not False)


def _holds(given: _Given) -> dict[str, bool | None]:
    """Which conditions hold; None: it cannot be told."""
    return {
        "": True,
        "reparent": given.reparent,
        "device": given.tclass in {"chr_file", "blk_file"},
        "regular": given.tclass == "file",
        "moved": given.reparent and given.tclass == "dir",
        "swapped": given.reparent and given.replaced == "dir",
        "stranger": given.stranger,
        "again": given.moved or given.stranger,
        "once": not (given.moved or given.stranger),
    }


@cache
def _rows(op: str, case: str) -> tuple[_Row, ...]:
    if (op, case) not in TABLE:
        raise KeyError(f"the table has no operation {op!r} with case {case!r}")
    return tuple(_row(line.strip()) for line in TABLE[op, case].splitlines() if line.strip())


def _row(line: str) -> _Row:
    found = _ROW.match(line)
    if found is None:
        raise ValueError(f"not a row of the table: {line!r}")
    may, hook, role, source, target, tclass, perms, when = found.groups()
    asked = frozenset((perms or "").split())
    return _Row(Check(hook, role, source or "subject", target or "", tclass or "", asked, bool(may)), when or "")
