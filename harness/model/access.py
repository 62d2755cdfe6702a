"""The table: for each operation and case, the checks that the kernel makes, in order.

Source: the kernel's fs/namei.c, fs/open.c, fs/xattr.c for the order of VFS steps and hooks, security/selinux/hooks.c
for what each hook asks; compared with the checks that a 6.1 kernel with SELinux logged on ext4.

A row reads  [?]hook(role of its first object)  source -> target class {permissions}  [if condition]

  ?          allowed at this place, not demanded
  no check   the hook fires and asks SELinux nothing
  CLASS      the class of the object that the operation is about; MASK, OPEN, ATTR are given by the parameters
  condition  device: CLASS is chr_file or blk_file; reparent: a directory that changes its parent; regular: a file;
             moved, swapped: of two names that change places over directories, this one is a directory

All permissions in one pair of braces are one query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

FILE_CLASSES = ("file", "dir", "lnk_file", "chr_file", "blk_file", "fifo_file", "sock_file")
# Asked where DAC needs them or a claim is weighed: anywhere in an operation, and never demanded by their place.
FLOATING = frozenset({"capability", "capability2", "cap_userns", "cap2_userns", "process"})

_MAKE = """
    inode_permission(parent)    subject -> parent dir {write search}
    capable(subject)            subject -> subject capability {mknod}  if device
    HOOK(parent)                subject -> parent dir {add_name search}
    HOOK(parent)                subject -> new CLASS {create}
    HOOK(parent)                new -> fs filesystem {associate}
    inode_init_security(parent)
"""
_REMOVE = """
    inode_permission(parent)    subject -> parent dir {write search}
    HOOK(parent)                subject -> parent dir {remove_name search}
    HOOK(parent)                subject -> object CLASS {PERM}
"""
_RENAME = """
    inode_permission(parent)    subject -> parent dir {write search}
    inode_permission(newparent) subject -> newparent dir {write search}
    inode_permission(object)    subject -> object dir {write}  if reparent
    inode_rename(parent)        subject -> parent dir {remove_name search}
    inode_rename(parent)        subject -> object CLASS {rename}
    inode_rename(parent)        subject -> object dir {reparent}  if reparent
"""
_RELABEL = """
    inode_setxattr(object)      subject -> object CLASS {relabelfrom}
    inode_setxattr(object)      subject -> new CLASS {relabelto}
    inode_setxattr(object)      new -> fs filesystem {associate}
"""

TABLE: dict[tuple[str, str], str] = {
    # --- the super block
    ("getroot", "mount"): "sb_kern_mount(fs) subject -> fs filesystem {mount}",
    ("statfs", "statfs"): "sb_statfs(fs) subject -> fs filesystem {getattr}",
    # --- names
    ("lookup", "name"): "inode_permission(parent) subject -> parent dir {search}",
    ("mkdir", "new"): _MAKE.replace("HOOK", "inode_mkdir").replace("CLASS", "dir"),
    ("mknod", "regular"): _MAKE.replace("HOOK", "inode_create"),
    ("mknod", "special"): _MAKE.replace("HOOK", "inode_mknod"),
    ("symlink", "new"): _MAKE.replace("HOOK", "inode_symlink").replace("CLASS", "lnk_file"),
    ("unlink", "unlink"): _REMOVE.replace("HOOK", "inode_unlink").replace("PERM", "unlink"),
    ("rmdir", "rmdir"): _REMOVE.replace("HOOK", "inode_rmdir").replace("PERM", "rmdir").replace("CLASS", "dir"),
    # fs.protected_hardlinks: its denial is overruled for the owner, so the check may stand in a success.
    ("link", "link"): """
        ?inode_permission(object)   subject -> object CLASS {read write}  if regular
        inode_permission(parent)    subject -> parent dir {write search}
        inode_link(object)          subject -> parent dir {add_name search}
        inode_link(object)          subject -> object CLASS {link}
    """,
    ("rename", "plain"): _RENAME + "inode_rename(parent) subject -> newparent dir {add_name search}",
    ("rename", "replace"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
    """,
    # security_inode_rename calls the hook for both ways, the way back first.
    ("rename", "exchange"): """
        inode_permission(parent)    subject -> parent dir {write search}
        inode_permission(newparent) subject -> newparent dir {write search}
        inode_permission(object)    subject -> object dir {write}  if moved
        inode_permission(target)    subject -> target dir {write}  if swapped
        inode_rename(newparent)     subject -> newparent dir {remove_name search}
        inode_rename(newparent)     subject -> target TARGET {rename}
        inode_rename(newparent)     subject -> target dir {reparent}  if swapped
        inode_rename(newparent)     subject -> parent dir {add_name remove_name search}
        inode_rename(newparent)     subject -> object CLASS {LOST}
        inode_rename(parent)        subject -> parent dir {remove_name search}
        inode_rename(parent)        subject -> object CLASS {rename}
        inode_rename(parent)        subject -> object dir {reparent}  if moved
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
    """,
    # The whiteout is labelled as a new device, and nothing is asked for it.
    ("rename", "whiteout"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name search}
        inode_init_security(parent)
    """,
    ("rename", "whiteout-replace"): _RENAME
    + """
        inode_rename(parent)        subject -> newparent dir {add_name remove_name search}
        inode_rename(parent)        subject -> target TARGET {GONE}
        inode_init_security(parent)
    """,
    ("rename", "same-inode"): "",
    ("readlink", "read"): "inode_readlink(object) subject -> object lnk_file {read}",
    # --- open files
    ("open", "new"): _MAKE.replace("HOOK", "inode_create") + "file_open(object) subject -> object CLASS {OPEN}",
    ("open", "existing"): """
        inode_permission(object)    subject -> object CLASS {MASK}
        file_open(object)           subject -> object CLASS {OPEN}
    """,
    # A file without a name: no add_name, no create, no associate (fs/namei.c, do_tmpfile).
    ("open", "tmpfile"): """
        inode_permission(directory) subject -> parent dir {write search}
        inode_init_security(directory)
        file_open(object)           subject -> object file {OPEN}
    """,
    # O_PATH asks for nothing but the way there.
    ("open", "path"): "",
    ("open", "truncate"): """
        inode_permission(object)    subject -> object CLASS {MASK}
        file_open(object)           subject -> object CLASS {OPEN}
        inode_setattr(object)       subject -> object CLASS {write}
    """,
    # Asked again only where the label or the policy has moved since open (selinux_file_permission).
    ("read", "token"): """
        file_permission(object)
        ?file_permission(object)    subject -> object CLASS {read}
    """,
    ("write", "token"): """
        file_permission(object)
        ?file_permission(object)    subject -> object CLASS {write}
        ?file_permission(object)    subject -> object CLASS {append}
    """,
    ("fallocate", "token"): """
        file_permission(object)
        ?file_permission(object)    subject -> object CLASS {write}
        ?file_permission(object)    subject -> object CLASS {append}
    """,
    ("readdir", "names"): """
        file_permission(object)
        ?file_permission(object)    subject -> object dir {read}
    """,
    # An entry with its attributes costs what a lookup of its name costs.
    ("readdir", "plus"): """
        file_permission(object)
        ?file_permission(object)    subject -> object dir {read}
        inode_permission(object)    subject -> object dir {search}
    """,
    # --- what may be done; nothing is asked for F_OK
    ("access", "access"): "inode_permission(object) subject -> object CLASS {MASK}",
    ("access", "chdir"): "inode_permission(object) subject -> object dir {search}",
    # --- open files (security/selinux/hooks.c: selinux_file_lock, _fcntl, _ioctl, selinux_mmap_file)
    ("flock", "flock"): "file_lock(object) subject -> object CLASS {lock}",
    ("flock", "setlk"): """
        file_fcntl(object)          subject -> object CLASS {lock}
        file_lock(object)           subject -> object CLASS {lock}
    """,
    ("flock", "getlk"): "file_fcntl(object) subject -> object CLASS {lock}",
    ("fcntl", "setfl"): "file_fcntl(object)",
    ("fcntl", "drop-append"): "file_fcntl(object) subject -> object CLASS {write}",
    ("ioctl", "getattr"): "file_ioctl(object) subject -> object CLASS {getattr}",
    ("ioctl", "setattr"): "file_ioctl(object) subject -> object CLASS {setattr}",
    ("ioctl", "free"): "file_ioctl(object)",
    ("ioctl", "ioctl"): "file_ioctl(object) subject -> object CLASS {ioctl}",
    ("mmap", "mmap"): """
        mmap_file(object)           subject -> object CLASS {map}
        mmap_file(object)           subject -> object CLASS {MAP}
    """,
    ("mmap", "mprotect"): "file_mprotect(object) subject -> object CLASS {MAP}",
    ("mmap", "execmod"): """
        file_mprotect(object)       subject -> object CLASS {execmod}
        file_mprotect(object)       subject -> object CLASS {MAP}
    """,
    ("watch", "watch"): """
        inode_permission(object)    subject -> object CLASS {read}
        path_notify(object)         subject -> object CLASS {watch}
    """,
    ("watch", "reads"): """
        inode_permission(object)    subject -> object CLASS {read}
        path_notify(object)         subject -> object CLASS {watch watch_reads}
    """,
    # --- attributes
    ("getattr", "stat"): "inode_getattr(object) subject -> object CLASS {getattr}",
    ("getattr", "open"): "inode_getattr(object) subject -> object CLASS {getattr}",
    # The end of an open file, for an append or a seek: no `getattr` (generic_file_llseek, generic_write_checks).
    ("getattr", "end"): """
        file_permission(object)
        ?file_permission(object)    subject -> object CLASS {read}
        ?file_permission(object)    subject -> object CLASS {write}
        ?file_permission(object)    subject -> object CLASS {append}
        ?file_permission(object)    subject -> object CLASS {read write}
        ?file_permission(object)    subject -> object CLASS {read append}
    """,
    ("setattr", "attr"): "inode_setattr(object) subject -> object CLASS {setattr}",
    ("setattr", "now"): """
        ?inode_permission(object)   subject -> object CLASS {write}
        inode_setattr(object)       subject -> object CLASS {write}
    """,
    ("setattr", "truncate"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_setattr(object)       subject -> object CLASS {WRITE-OPEN}
    """,
    ("setattr", "ftruncate"): "inode_setattr(object) subject -> object CLASS {write}",
    # --- extended attributes
    ("getxattr", "attr"): "inode_getxattr(object) subject -> object CLASS {getattr}",
    ("getxattr", "user"): """
        inode_permission(object)    subject -> object CLASS {read}
        inode_getxattr(object)      subject -> object CLASS {getattr}
    """,
    ("setxattr", "label"): _RELABEL,
    ("setxattr", "attr"): "inode_setxattr(object) subject -> object CLASS {setattr}",
    ("setxattr", "user"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_setxattr(object)      subject -> object CLASS {setattr}
    """,
    ("removexattr", "attr"): "inode_removexattr(object) subject -> object CLASS {setattr}",
    ("removexattr", "user"): """
        inode_permission(object)    subject -> object CLASS {write}
        inode_removexattr(object)   subject -> object CLASS {setattr}
    """,
    # The module's own label cannot be removed: EACCES without any query, in permissive mode too.
    ("removexattr", "label"): "inode_removexattr(object)",
    ("listxattr", "list"): "inode_listxattr(object) subject -> object CLASS {getattr}",
    # --- OST objects, on behalf of an operation on the file; no counterpart in the kernel
    ("ost_setlabel", "relabel"): _RELABEL,
    ("ost_punch", "size"): """
        inode_setattr(object)
        ?inode_setattr(object)      subject -> object CLASS {write}
        ?inode_setattr(object)      subject -> object CLASS {write open}
    """,
    ("ost_glimpse", "size"): "inode_getattr(object) subject -> object CLASS {getattr}",
    ("ost_destroy", "destroy"): "inode_unlink(object) subject -> object CLASS {unlink}",
    # --- the subject itself
    ("setprocattr", "attr"): "setprocattr(subject) subject -> subject process {ATTR}",
    ("getprocattr", "getattr"): "getprocattr(subject)",
    # --- the policy (security/selinux/selinuxfs.c)
    ("policy_load", "reload"): "policy_load(security) subject -> security security {load_policy}",
    ("setenforce", "set"): "policy_setenforce(security) subject -> security security {setenforce}",
    ("setbool", "set"): "policy_setbool(security) subject -> security security {setbool}",
}

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
) -> tuple[Check, ...]:
    """The checks of one operation, in order. `tclass` is the class of the object it is about.

    open: `access` r, w or rw (of access(2) any of rwx), with `append` and `truncate` as in its flags; ioctl is the
    access mode 3, asked for as rw and granted neither (selinux/hooks.c, file_to_av). rename:
    `reparent` for a directory that changes its parent (of an exchange: the parents differ), `replaced` the class of the
    target.
    setprocattr: `attr` fscreate, keycreate, sockcreate, exec, current. `walk`: the last component is looked up in the
    same call. `open_perms`: the policy's capability.
    Raises KeyError for an operation or case that the table does not have.
    """
    given = _Given(tclass, access, append, truncate, reparent, replaced or tclass, attr, open_perms)
    return _expected(op, case, given, walk)


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
    }
    device, regular = given.tclass in {"chr_file", "blk_file"}, given.tclass == "file"
    holds = {"": True, "reparent": given.reparent, "device": device, "regular": regular}
    holds["moved"] = given.reparent and given.tclass == "dir"
    holds["swapped"] = given.reparent and given.replaced == "dir"
    rows = (_walk(op) if walk else ()) + _rows(op, case)
    return tuple(_filled(row.check, words) for row in rows if holds[row.when])


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
