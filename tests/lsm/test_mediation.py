"""Each operation's declared hooks, denied singly: a module of the test's own refuses exactly one."""

import errno
import os
import stat

import pytest

from lsm import acl, vfs
from lsm.framework import Framework
from lsm.hooks import MAY_READ, Opened
from lsm.modules.capability import Capability
from lsm.objects import Denied, Fid, Obj, Subject

ROOT = Fid(1, 1)
PARENT = Obj("parent", "dir", mode=0o040777, fid=ROOT)
OTHER = Obj("newparent", "dir", mode=0o040777, fid=Fid(1, 2))
FILE = Obj("object", "file", mode=0o100666, fid=Fid(1, 3))
DIR = Obj("object", "dir", mode=0o040777, fid=Fid(1, 4))
LINK = Obj("object", "lnk_file", mode=0o120777, fid=Fid(1, 5))
FS = Obj("fs", "filesystem")
SUBJECT = Subject(0, 0)
SIZE = frozenset({"size"})


def born(kind: int) -> dict:
    return {"parent": PARENT, "fs": FS, "exists": False, "new": Obj("new", "file", mode=kind, name="n")}


# Operation -> what it is given, and its hooks in the kernel's order. Rows of one operation are its cases.
CASES = {
    "lookup": ("lookup", {"parent": PARENT}, ["inode_permission(parent)"]),
    "mount": ("mount", {"fs": FS}, ["sb_kern_mount(fs)"]),
    "statfs": ("statfs", {"fs": FS}, ["sb_statfs(fs)"]),
    "create": ("create", born(stat.S_IFREG), ["inode_permission(parent)", "inode_create(parent)"]),
    "mkdir": ("mkdir", born(stat.S_IFDIR), ["inode_permission(parent)", "inode_mkdir(parent)"]),
    "symlink": ("symlink", born(stat.S_IFLNK), ["inode_permission(parent)", "inode_symlink(parent)"]),
    "mknod": ("mknod", born(stat.S_IFIFO), ["inode_permission(parent)", "inode_mknod(parent)"]),
    "mknod_regular": ("mknod_regular", born(stat.S_IFREG), ["inode_permission(parent)", "inode_create(parent)"]),
    "open_new": ("open_new", {"object": FILE, "mask": MAY_READ}, ["file_open(object)"]),
    "open": (
        "open",
        {"object": FILE, "flags": os.O_RDONLY, "mask": MAY_READ},
        ["inode_permission(object)", "file_open(object)"],
    ),
    "open_path": ("open_path", {"object": FILE, "flags": os.O_PATH}, []),
    "tmpfile": (
        "tmpfile",
        {"directory": Obj("directory", "dir", mode=0o040777, fid=ROOT)},
        ["inode_permission(directory)"],
    ),
    "link": (
        "link",
        {"object": FILE, "parent": PARENT, "exists": False},
        ["inode_permission(object)", "inode_permission(parent)", "inode_link(object)"],
    ),
    "unlink": ("unlink", {"parent": PARENT, "object": FILE}, ["inode_permission(parent)", "inode_unlink(parent)"]),
    "rmdir": (
        "rmdir",
        {"parent": PARENT, "object": DIR, "entries": 0},
        ["inode_permission(parent)", "inode_rmdir(parent)"],
    ),
    "rename": (
        "rename",
        {"parent": PARENT, "object": FILE, "newparent": OTHER, "target": None, "entries": 0},
        ["inode_permission(parent)", "inode_permission(newparent)", "inode_rename(parent)"],
    ),
    "rename a directory": (
        "rename",
        {"parent": PARENT, "object": DIR, "newparent": OTHER, "target": None, "entries": 0},
        [
            "inode_permission(parent)",
            "inode_permission(newparent)",
            "inode_permission(object)",
            "inode_rename(parent)",
        ],
    ),
    "exchange": (
        "exchange",
        {"parent": PARENT, "object": FILE, "newparent": OTHER, "target": Obj("target", "file", mode=0o100666)},
        [
            "inode_permission(parent)",
            "inode_permission(newparent)",
            "inode_rename(newparent)",
            "inode_rename(parent)",
        ],
    ),
    "access": ("access", {"object": FILE, "mask": MAY_READ}, ["inode_permission(object)"]),
    "chdir": ("chdir", {"object": DIR}, ["inode_permission(object)"]),
    "readlink": ("readlink", {"object": LINK}, ["inode_readlink(object)"]),
    "getattr": ("getattr", {"object": FILE}, ["inode_getattr(object)"]),
    "setattr": ("setattr", {"object": FILE, "attrs": frozenset({"mode"}), "new_attrs": {}}, ["inode_setattr(object)"]),
    "touch by another": (
        "setattr",
        {"object": Obj("object", "file", mode=0o100666, uid=7), "attrs": frozenset({"touch"}), "new_attrs": {}},
        ["inode_permission(object)", "inode_setattr(object)"],
    ),
    "truncate": (
        "truncate",
        {"object": FILE, "attrs": SIZE},
        ["inode_permission(object)", "inode_setattr(object)"],
    ),
    "ftruncate": ("ftruncate", {"object": FILE, "attrs": SIZE}, ["inode_setattr(object)"]),
    "getxattr": ("getxattr", {"object": FILE, "name": "security.x"}, ["inode_getxattr(object)"]),
    "getxattr user": (
        "getxattr",
        {"object": FILE, "name": "user.x"},
        ["inode_permission(object)", "inode_getxattr(object)"],
    ),
    "getxattr acl": ("getxattr", {"object": FILE, "name": acl.ACCESS}, ["inode_get_acl(object)"]),
    "setxattr acl": (
        "setxattr",
        {"object": FILE, "name": acl.ACCESS, "value": b"", "fs": FS},
        ["inode_set_acl(object)"],
    ),
    "removexattr acl": ("removexattr", {"object": DIR, "name": acl.DEFAULT}, ["inode_remove_acl(object)"]),
    "listxattr": ("listxattr", {"object": FILE}, ["inode_listxattr(object)"]),
    "setxattr": (
        "setxattr",
        {"object": FILE, "name": "security.probe", "value": b"", "fs": FS},
        ["inode_setxattr(object)"],
    ),
    "setxattr user": (
        "setxattr",
        {"object": FILE, "name": "user.x", "value": b"", "fs": FS},
        ["inode_permission(object)", "inode_setxattr(object)"],
    ),
    "removexattr": ("removexattr", {"object": FILE, "name": "security.probe"}, ["inode_removexattr(object)"]),
    "removexattr user": (
        "removexattr",
        {"object": FILE, "name": "user.x"},
        ["inode_permission(object)", "inode_removexattr(object)"],
    ),
    "flock": ("flock", {"object": FILE, "cmd": 0, "opened": True}, ["file_lock(object)"]),
    "setlk": ("setlk", {"object": FILE, "cmd": 0, "opened": True}, ["file_fcntl(object)", "file_lock(object)"]),
    "getlk": ("getlk", {"object": FILE}, ["file_fcntl(object)"]),
    "getfl": ("getfl", {"object": FILE}, ["file_fcntl(object)"]),
    "setfl": ("setfl", {"object": FILE, "flags": 0}, ["file_fcntl(object)"]),
    "setlease": ("setlease", {"object": FILE, "cmd": 0}, ["file_fcntl(object)", "file_lock(object)"]),
    "getlease": ("getlease", {"object": FILE}, ["file_fcntl(object)"]),
    "owner": ("owner", {"object": FILE, "cmd": 8}, ["file_fcntl(object)"]),
    "ioctl": ("ioctl", {"object": FILE, "cmd": 1}, ["file_ioctl(object)"]),
    "mmap": ("mmap", {"object": FILE, "prot": 1, "shared": True, "mask": MAY_READ}, ["mmap_file(object)"]),
    "mprotect": (
        "mprotect",
        {"object": FILE, "prot": 1, "shared": True, "mask": MAY_READ, "dirtied": False},
        ["file_mprotect(object)"],
    ),
    "watch": (
        "watch",
        {"object": FILE, "mask": 2, "mark": 0, "fs": FS},
        ["inode_permission(object)", "path_notify(object)"],
    ),
    "file": (
        "file",
        {"object": FILE, "mask": MAY_READ, "opened": Opened(0, 0)},
        ["file_permission(object)"],
    ),
}
STEPS = [(case, number) for case, (_, _, hooks) in CASES.items() for number in range(len(hooks))]
# The first denial of protected_hardlinks is the owner's to overrule.
OVERRULED = {("link", 0)}


@pytest.fixture
def with_probe(probe, perform):
    """Performs a case with a module that denies one hook; the module and the outcome."""

    def run(case, denies="", role=""):
        op, p, _ = CASES[case]
        module = probe(denies, role)
        guarded = Capability(frozenset({"security.probe"}))
        return module, perform(Framework([guarded, module]), SUBJECT, op, **p)

    return run


def test_every_operation_has_a_case() -> None:
    """A row added to the table without its hooks here is seen."""
    assert {op for op, _, _ in CASES.values()} == set(vfs.OPS)


@pytest.mark.parametrize("case", CASES)
def test_an_operation_calls_its_hooks_and_no_others(with_probe, case) -> None:
    """Allowed throughout, the hooks are exactly these, in this order."""
    module, outcome = with_probe(case)

    assert (outcome.errno, module.called) == (0, CASES[case][2])


@pytest.mark.parametrize(("case", "number"), STEPS)
def test_each_hook_denied_singly_refuses(with_probe, case, number) -> None:
    """The refusal names the hook, and what comes after it is never called."""
    hooks = CASES[case][2]
    hook, role = hooks[number].rstrip(")").split("(")

    module, outcome = with_probe(case, hook, role)

    if (case, number) in OVERRULED:
        assert (outcome.errno, module.called) == (0, hooks)
        return
    assert isinstance(outcome.error, Denied)
    assert (outcome.errno, outcome.error.decision.hook, outcome.error.decision.role) == (errno.EACCES, hook, role)
    assert module.called == hooks[: number + 1]
