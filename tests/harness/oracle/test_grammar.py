"""Every op of the grammar and every variant of its arguments that the cases of this folder do not have.

What the kernel does is written out by hand: errno and checks by the kernel's sources, as fs/namei.c, fs/open.c,
fs/xattr.c, fs/ioctl.c and security/selinux/hooks.c have them in 6.1. A check is `PERMISSIONS CLASS TYPE`, denied with a
minus before it; the subject is app_t, or what stands behind `by`.
"""

import json
import shutil
from typing import Any

import pytest

from harness.oracle.grammar import ELSEWHERE, OPS
from harness.oracle.stage import _LAID, _RUNNER
from harness.results import Exit

D = {"p": "d", "t": "dir", "l": "data_dir_t"}
F = {"p": "d/f", "l": "data_t"}
BOOL = {"p": "d/f", "l": "bool_t"}
LINK = {"p": "d/l", "t": "lnk", "target": "f", "l": "newlnk_t"}
SEARCH, PARENT, ADD = "search dir data_dir_t", "search write dir data_dir_t", "add_name search dir data_dir_t"
REMOVE = "remove_name search dir data_dir_t"
READ, OPEN = "read file data_t", "read open file data_t"
WRITE, RDWR = "write file data_t", "read write file data_t"
RDWR_OPEN, WRITE_OPEN = "read write open file data_t", "write open file data_t"
ATTR, SET = "getattr file data_t", "setattr file data_t"
EPERM, ENOENT, EBADF, EACCES, EEXIST, ENOTDIR, EISDIR, EINVAL = 1, 2, 9, 13, 17, 20, 21, 22
ENOTTY, ELOOP, ENODATA, EADDRINUSE = 25, 40, 61, 98
TRUSTED = "sysu:sysr:trusted_t:s0"


def step(op: str, *checks: str, errno: int = 0, ret: Any = None, **arguments: Any) -> tuple[dict, dict]:
    """A step and what the kernel did."""
    asked = {"op": op, **({"path": "d/f"} if op in WITH_PATH and "path" not in arguments else {}), **arguments}
    found = {"errno": errno, "checks": [check(text) for text in checks], "step": asked}
    return asked, found if ret is None else found | {"ret": ret}


def runner(op: str, ret: Any = None, **arguments: Any) -> tuple[dict, dict]:
    """A step by the runner; of its own checks only what an object's label may do is audited."""
    label = {"relabel": arguments.get("label"), "mkserver": "data_dir_t"}.get(op)
    checks = [f"associate filesystem fs_t by {whole(label)}"] if label else []
    return step(op, *checks, by="runner", ret=ret, **arguments)


def check(text: str) -> dict[str, Any]:
    what, _, source = text.partition(" by ")
    *perms, tclass, target = what.removeprefix("-").split()
    res = "denied" if what.startswith("-") else "granted"
    return {
        "res": res,
        "perms": perms,
        "tclass": tclass,
        "scontext": whole(source or "app_t"),
        "tcontext": whole(target),
    }


def whole(name: str) -> str:
    """A domain's context has the role sysr; a whole context stands for itself."""
    domain = name in ("app_t", "app2_t", "trusted_t")
    return name if ":" in name else f"sysu:{'sysr' if domain else 'object_r'}:{name}:s0"


WITH_PATH = {
    "create", "cat", "open", "truncate", "mkdir", "mknod", "readlink", "link", "unlink", "rmdir", "rename", "chmod",
    "chown", "utime", "stat", "statfs", "access", "readdir", "chdir", "setxattr", "setlabel", "getxattr", "listxattr",
    "removexattr", "setacl", "getacl", "watch", "relabel", "label", "rmserver", "mkserver",
}  # fmt: skip


def opened(flags: str = "O_RDONLY", *checks: str, **more: Any) -> tuple[dict, dict]:
    """d/f opened as `a`."""
    usual = {
        "O_RDONLY": (READ, OPEN), "O_RDWR": (RDWR, RDWR_OPEN), "O_WRONLY": (WRITE, WRITE_OPEN), "O_PATH": (),
        "O_WRONLY|O_APPEND": ("append file data_t", "append open file data_t"),
    }  # fmt: skip
    return step("open", SEARCH, *(checks or usual[flags]), fd="a", flags=flags, **more)


def log(**more: Any) -> tuple[dict, dict]:
    """d/g, which app_t may only append to, opened as `a`."""
    checks = (SEARCH, "append file log_t", "append open file log_t")
    return step("open", *checks, path="d/g", fd="a", flags="O_WRONLY|O_APPEND", **more)


def by_trusted(*checks: str) -> list[str]:
    return [f"{text} by {TRUSTED}" for text in checks]


def made(kind: str, tclass: str = "file", *last: str) -> tuple[str, ...]:
    """The checks of making an object of a type in d."""
    return (
        SEARCH,
        PARENT,
        ADD,
        f"create {tclass} {kind}",
        f"associate filesystem fs_t by sysu:object_r:{kind}:s0",
        *last,
    )


# name -> steps; then what is other afterwards than the setup has it: path -> (kind, mode, label), None: gone
CASES: dict[str, tuple[list[tuple[dict, dict]], dict[str, Any]]] = {
    # --- open files
    "close": ([opened(), step("close", fd="a"), opened(), step("read", fd="a", ret="hello world")], {}),
    "fstat": ([opened(), step("fstat", ATTR, fd="a", ret=11)], {}),
    "fstat-path": ([opened("O_PATH"), step("fstat", ATTR, fd="a", ret=11), step("read", fd="a", errno=EBADF)], {}),
    "ftruncate": ([opened("O_RDWR"), step("ftruncate", WRITE, fd="a"), step("read", fd="a", ret="")], {}),
    "ftruncate-read-only": ([opened(), step("ftruncate", fd="a", errno=EINVAL)], {}),
    "fallocate": ([opened("O_WRONLY"), step("fallocate", fd="a"), step("stat", SEARCH, ATTR, ret=4096)], {}),
    "fallocate-read-only": ([opened(), step("fallocate", fd="a", errno=EBADF)], {}),
    "fallocate-relabelled": (
        [opened("O_WRONLY"), runner("relabel", label="secret_t"),
         step("fallocate", "-write file secret_t", fd="a", errno=EACCES)],
        {"d/f": ("file", "0o666", "secret_t")},
    ),
    "fsync": ([opened("O_WRONLY"), step("fsync", fd="a")], {}),
    "fsync-path": ([opened("O_PATH"), step("fsync", fd="a", errno=EBADF)], {}),
    "write-n": ([opened("O_RDWR"), step("write", fd="a", n=3, ret=3), step("read", fd="a", ret="wwwlo world")], {}),
    "write-read-only": ([opened(), step("write", fd="a", errno=EBADF)], {}),
    "read-write-only": ([opened("O_WRONLY"), step("read", fd="a", errno=EBADF)], {}),
    "setfl": (
        [opened("O_RDWR"), step("setfl", fd="a", flags="O_APPEND"), step("setfl", WRITE, fd="a", flags="O_RDWR")], {},
    ),
    "setfl-denied": (
        [log(),
         step("setfl", "-write file log_t", fd="a", flags="O_WRONLY", errno=EACCES),
         step("setfl", fd="a", flags="O_APPEND|O_NONBLOCK")],
        {},
    ),
    "flock-path": ([opened("O_PATH"), step("flock", fd="a", errno=EBADF)], {}),
    "fcntllock-write-only": ([opened("O_WRONLY"), step("fcntllock", "lock file data_t", fd="a", errno=EBADF)], {}),
    "flock-log": (
        [log(),
         step("flock", "-lock file log_t", fd="a", errno=EACCES)],
        {},
    ),
    "copy-range-append": (
        [opened(),
         step("open", SEARCH, "append file data_t", "append open file data_t", fd="b", flags="O_WRONLY|O_APPEND"),
         step("copy_range", src="a", dst="b", errno=EBADF)],
        {},
    ),
    "sendfile": (
        [opened(), step("open", SEARCH, WRITE, WRITE_OPEN, fd="b", flags="O_WRONLY"),
         step("sendfile", src="a", dst="b", ret=4)],
        {},
    ),
    "reopen": (
        [opened("O_PATH"), step("reopen", READ, OPEN, fd="a", flags="O_RDONLY"),
         step("reopen", WRITE, WRITE_OPEN, WRITE, fd="a", flags="O_WRONLY|O_TRUNC"), step("stat", SEARCH, ATTR, ret=0)],
        {},
    ),
    "reopen-relabelled": (
        [opened(), runner("relabel", label="secret_t"),
         step("reopen", "-read file secret_t", fd="a", flags="O_RDONLY", errno=EACCES)],
        {"d/f": ("file", "0o666", "secret_t")},
    ),
    "linkfd": (
        [opened(), step("linkfd", SEARCH, RDWR, PARENT, ADD, "link file data_t", fd="a", to="d/n")],
        {"d/n": ("file", "0o666", "data_t")},
    ),
    "linkfd-there": ([opened(), step("linkfd", SEARCH, fd="a", to="d/f", errno=EEXIST)], {}),
    "linkfd-unlinked": (
        [opened(), step("unlink", SEARCH, PARENT, REMOVE, "unlink file data_t"),
         step("linkfd", SEARCH, RDWR, PARENT, ADD, "link file data_t", fd="a", to="d/n", errno=ENOENT)],
        {"d/f": None},
    ),
    "tmpfile": (
        [step("open", PARENT, "read write open file data_dir_t", path="d", flags="O_TMPFILE|O_RDWR", fd="a",
              mode=0o640),
         step("linkfd", SEARCH, "read write file data_dir_t", PARENT, ADD, "link file data_dir_t", fd="a", to="d/n")],
        {"d/n": ("file", "0o640", "data_dir_t")},
    ),
    "tmpfile-excl": (
        [step("open", PARENT, "read write open file data_dir_t", path="d", flags="O_TMPFILE|O_RDWR|O_EXCL", fd="a"),
         step("linkfd", SEARCH, "read write file data_dir_t", PARENT, ADD, "link file data_dir_t", fd="a", to="d/n",
              errno=ENOENT)],
        {},
    ),
    # --- ioctl
    "ioctl-like-stat": (
        [opened(), *(step("ioctl", ATTR, fd="a", cmd=n) for n in (0x541B, 2, 0x80086601, 0x80087601)),
         step("ioctl", ATTR, fd="a", cmd=1, errno=EPERM)],
        {},
    ),
    "ioctl-free": ([opened(), step("ioctl", fd="a", cmd=0x5421)], {}),
    "ioctl-not-named": (
        [opened(),
         *(step("ioctl", "-ioctl file data_t", fd="a", cmd=n, errno=EACCES) for n in (0x5451, 0xC020660B, 7))],
        {},
    ),
    "ioctl-none-named": (
        [step("open", SEARCH, "read file special_t", "read open file special_t", path="d/s", fd="a"),
         step("ioctl", "ioctl file special_t", fd="a", cmd=0x1234, errno=ENOTTY)],
        {},
    ),
    # --- mappings
    "mmap-exec": (
        [opened(), step("mmap", "map file data_t", "-execute file data_t", fd="a", prot=5, mflags=1, errno=EACCES)], {},
    ),
    "mprotect": (
        [opened(), step("mmap", "map file data_t", READ, fd="a", prot=1, mflags=1, map="x"),
         step("mprotect", READ, prot=1, map="x"),
         step("mprotect", "-execute file data_t", prot=5, map="x", errno=EACCES),
         step("mprotect", prot=3, map="x", errno=EACCES)],
        {},
    ),
    "poke": (
        [opened("O_RDWR"), step("mmap", "map file data_t", RDWR, fd="a", prot=3, mflags=1), step("poke")], {},
    ),
    # --- names
    "create-mode": ([step("create", *made("data_dir_t", "file", "write open file data_dir_t"), path="d/n", mode=0o777)],
                    {"d/n": ("file", "0o755", "data_dir_t")}),
    "create-there": ([step("create", SEARCH, errno=EEXIST)], {}),
    "open-mode": (
        [step("open", *made("data_dir_t", "file", "read write open file data_dir_t"), path="d/n", mode=0o660,
              flags="O_RDWR|O_CREAT|O_EXCL")],
        {"d/n": ("file", "0o640", "data_dir_t")},
    ),
    "open-excl-there": ([step("open", SEARCH, flags="O_RDWR|O_CREAT|O_EXCL", errno=EEXIST)], {}),
    "open-directory": ([step("open", SEARCH, flags="O_RDONLY|O_DIRECTORY", errno=ENOTDIR)], {}),
    "open-directory-to-write": ([step("open", path="d", flags="O_RDWR", errno=EISDIR)], {}),
    "open-sync": ([step("open", SEARCH, WRITE, WRITE_OPEN, flags="O_WRONLY|O_SYNC|O_CLOEXEC|O_NONBLOCK")], {}),
    "open-link": ([step("open", SEARCH, "read lnk_file newlnk_t", SEARCH, READ, OPEN, path="d/l")], {}),
    "open-link-nofollow": ([step("open", SEARCH, path="d/l", flags="O_RDONLY|O_NOFOLLOW", errno=ELOOP)], {}),
    "open-link-path": (
        [step("open", SEARCH, path="d/l", flags="O_PATH|O_NOFOLLOW", fd="a"),
         step("fstat", "getattr lnk_file newlnk_t", fd="a", ret=1)],
        {},
    ),
    "cat-directory": ([step("cat", "read dir data_dir_t", "read open dir data_dir_t", path="d", errno=EISDIR)], {}),
    "mkdir-mode": ([step("mkdir", *made("data_dir_t", "dir"), path="d/n", mode=0o1777)],
                   {"d/n": ("dir", "0o1755", "data_dir_t")}),
    "mknod-sock": (
        [step("mknod", SEARCH, PARENT, ADD, "create sock_file sysu:object_r:app_t:s0",
              "associate filesystem fs_t by sysu:object_r:app_t:s0", path="d/n", kind="sock")],
        {"d/n": ("sock_file", "0o644", "sysu:object_r:app_t:s0")},
    ),
    "readlink": ([step("readlink", SEARCH, "read lnk_file newlnk_t", path="d/l", ret="f")], {}),
    "readlink-file": ([step("readlink", SEARCH, errno=EINVAL)], {}),
    "link-link": (
        [step("link", SEARCH, PARENT, ADD, "-link lnk_file secret_t", path="d/sl", to="d/n", errno=EACCES),
         step("link", SEARCH, PARENT, ADD, "link lnk_file newlnk_t", path="d/l", to="d/n")],
        {"d/n": ("lnk_file", "0o777", "newlnk_t")},
    ),
    "unlink-directory": (
        [step("unlink", SEARCH, PARENT, path="d/dd", errno=EISDIR),
         step("unlink", "-write dir work_dir_t", path="d", errno=EACCES)],
        {},
    ),
    "bind": (
        [step("bind", SEARCH, PARENT, ADD, "create sock_file sysu:object_r:app_t:s0",
              "associate filesystem fs_t by sysu:object_r:app_t:s0", path="d/n"),
         step("bind", SEARCH, path="d/n", errno=EADDRINUSE)],
        {"d/n": ("sock_file", "0o755", "sysu:object_r:app_t:s0")},
    ),
    "rmdir-file": ([step("rmdir", SEARCH, PARENT, errno=ENOTDIR)], {}),
    "rename-whiteout": (
        [step("rename", SEARCH, PARENT, PARENT, REMOVE, "rename file data_t", ADD, to="d/n", rflags=4)],
        {"d/f": ("chr_file", "0o0", "data_dir_t"), "d/n": ("file", "0o666", "data_t")},
    ),
    "rename-flags": (
        [step("rename", to="d/n", rflags=3, errno=EINVAL), step("rename", to="d/n", rflags=6, errno=EINVAL),
         step("rename", to="d/n", rflags=8, errno=EINVAL), step("rename", SEARCH, to="d/n", rflags=2, errno=ENOENT)],
        {},
    ),
    # --- attributes
    "statfs": (
        [step("statfs", "getattr filesystem fs_t", path="d"), step("statfs", SEARCH, "getattr filesystem fs_t"),
         step("statfs", SEARCH, path="d/gone", errno=ENOENT)],
        {},
    ),
    "utime": (
        [step("utime", SEARCH, SET),
         step("utime", SEARCH, "read lnk_file newlnk_t", SEARCH, SET, path="d/l", explicit=1)],
        {},
    ),
    "utime-not-owner": ([step("utime", SEARCH, SET, path="d/r", errno=EPERM)], {}),
    "access": (
        [step("access", SEARCH, mode="f", ret=True), step("access", SEARCH, SEARCH, mode="x", errno=EACCES),
         step("access", *[SEARCH, "-execute file data_t"] * 2, path="d/x", mode="x", errno=EACCES),
         step("access", SEARCH, SEARCH, path="d/gone", mode="f", errno=ENOENT),
         step("access", SEARCH, path="d", mode="x", ret=True)],
        {},
    ),
    "chown-gid": (
        [step("chown", SEARCH, SET, uid=1000, gid=1000), step("chown", SEARCH, SET, uid=1000, gid=5, errno=EPERM),
         step("chown", SEARCH, "read lnk_file newlnk_t", SEARCH, SET, path="d/l", uid=1000)],
        {},
    ),
    "chmod-directory": (
        [step("chmod", "setattr dir data_dir_t", path="d", mode=0o700)], {"d": ("dir", "0o700", "data_dir_t")},
    ),
    "chdir": (
        [step("chdir", "search dir data_dir_t", path="d"), step("chdir", SEARCH, errno=ENOTDIR),
         step("stat", SEARCH, ATTR, ret=11)],
        {},
    ),
    "truncate-size": ([step("truncate", SEARCH, WRITE, WRITE_OPEN, size=5), step("stat", SEARCH, ATTR, ret=5)], {}),
    "truncate-others": (
        [step("truncate", path="d", errno=EISDIR), step("truncate", SEARCH, path="d/p", errno=EINVAL),
         step("truncate", size=-1, errno=EINVAL)],
        {},
    ),
    "acl": (
        [step("getacl", SEARCH, ATTR, errno=ENODATA), step("setacl", SEARCH, SET), step("getacl", SEARCH, ATTR, ret=44),
         step("listxattr", SEARCH, ATTR, ret=["security.selinux", "system.posix_acl_access"])],
        {"d/f": ("file", "0o660", "data_t")},
    ),
    "acl-not-owner": ([step("setacl", SEARCH, SET, path="d/r", errno=EPERM)], {}),
    "acl-denied": ([step("setacl", SEARCH, "-setattr file ro_t", path="d/ro", errno=EACCES)], {}),
    "fsetlabel": (
        [opened(), step("fsetlabel", "relabelfrom file data_t", "relabelto file special_t",
                        "associate filesystem fs_t by sysu:object_r:special_t:s0", fd="a", label="special_t")],
        {"d/f": ("file", "0o666", "special_t")},
    ),
    "fsetlabel-garbage": (
        [opened(), step("fsetlabel", "relabelfrom file data_t", fd="a", label="garbage", errno=EINVAL)], {},
    ),
    "xattr-namespaces": (
        [step("getxattr", SEARCH, name="trusted.x", errno=ENODATA),
         step("setxattr", SEARCH, name="trusted.x", value="1", errno=EPERM),
         step("getxattr", SEARCH, ATTR, name="security.foo", errno=ENODATA),
         step("setxattr", SEARCH, WRITE, SET, name="user.x", value="1", xflags=2, errno=ENODATA),
         step("removexattr", SEARCH, WRITE, SET, name="user.x", errno=ENODATA),
         step("setxattr", SEARCH, path="d/l", name="user.x", value="1", errno=EPERM),
         step("getxattr", SEARCH, path="d/l", name="user.x", errno=ENODATA),
         step("getxattr", SEARCH, "getattr lnk_file newlnk_t", path="d/l", name="security.selinux",
              ret="sysu:object_r:newlnk_t:s0")],
        {},
    ),
    "watch-masks": (
        [step("watch", SEARCH, READ, "watch file data_t", mask=0x4),
         step("watch", SEARCH, READ, "watch watch_reads file data_t", mask=0x10),
         step("watch", "read dir data_dir_t", "watch dir data_dir_t", path="d", mask=0x100),
         step("watch", SEARCH, "read file ro_t", "-watch file ro_t", path="d/ro", mask=2, errno=EACCES)],
        {},
    ),
    # --- the task
    "umask": (
        [step("umask", mask=0o077, ret=0o022), step("umask", mask=0, ret=0o077),
         step("mkdir", *made("data_dir_t", "dir"), path="d/n", mode=0o777)],
        {"d/n": ("dir", "0o777", "data_dir_t")},
    ),
    "getcon": ([step("getcon", ret="sysu:sysr:app_t:s0")], {}),
    "setexec-cleared": ([step("setexec", "setexec process app_t", ctx="sysu:sysr:app2_t:s0"),
                         step("setexec", "setexec process app_t", ctx="")], {}),
    "setcon-garbage": ([step("setcon", ctx="garbage", errno=EINVAL)], {}),
    "setfscreate-level": (
        [step("setfscreate", "setfscreate process app_t", ctx="data_t@s1"),
         step("setfscreate", "setfscreate process app_t", ctx="")],
        {},
    ),
    # --- by the runner
    "setbool": (
        [step("cat", SEARCH, "-read file bool_t", errno=EACCES), runner("setbool", name="app_bool", val=1),
         step("open", SEARCH, "read file bool_t", "read open file bool_t", fd="a"),
         step("read", fd="a", ret="hello world"),
         runner("setbool", name="app_bool", val="0"), step("read", "-read file bool_t", fd="a", errno=EACCES)],
        {},
    ),
    "enforce": (
        [runner("enforce", val=0),
         step("cat", SEARCH, "-read file secret_t", "-open file secret_t", path="d/s3", ret="x"),
         runner("enforce", val=1), step("cat", SEARCH, "-read file secret_t", path="d/s3", errno=EACCES)],
        {},
    ),
    "servers": (
        [runner("drop"), runner("sleep", s=0.1), opened(), runner("rmserver"), step("read", fd="a", ret="hello world"),
         step("stat", SEARCH, errno=ENOENT), runner("mkserver"),
         step("stat", SEARCH, "getattr file data_dir_t", ret=11),
         runner("label", ret=dict.fromkeys(("client", "server"), "sysu:object_r:data_dir_t:s0"))],
        {"d/f": ("file", "0o666", "data_dir_t")},
    ),
    "relabel-at": (
        [runner("relabel", label="ro_t", at="server"), step("stat", SEARCH, "getattr file ro_t", ret=11),
         runner("relabel", label="data_t", at="client"), step("stat", SEARCH, ATTR, ret=11)],
        {},
    ),
    "label-of-nothing": ([runner("label", path="d/gone", ret=dict.fromkeys(("client", "server"), "!ENOENT"))], {}),
    "objects": ([step("readdir", "read dir data_dir_t", "read open dir data_dir_t", path="d", ret=[
        "c", "dd", "f", "g", "h", "l", "p", "prog", "r", "ro", "s", "s3", "script", "sl", "x"])], {}),
    # --- conditions
    "root": (
        [step("chown", *by_trusted(SEARCH, SET, *[f"chown capability {TRUSTED}"] * 2), uid=7, gid=8),
         step("setfscreate", *by_trusted(f"setfscreate process {TRUSTED}"), ctx="secret_t@s2"),
         step("symlink", *by_trusted(SEARCH, PARENT, ADD, "create lnk_file sysu:object_r:secret_t:s2"),
              "associate filesystem fs_t by sysu:object_r:secret_t:s2", path="d/n", target="f")],
        {"d/n": ("lnk_file", "0o777", "sysu:object_r:secret_t:s2")},
    ),
    "other-user": (
        [step("chmod", SEARCH, SET, mode=0o600, errno=EPERM), step("cat", SEARCH, READ, OPEN, ret="hello world"),
         step("utime", SEARCH, WRITE, WRITE, explicit=0)],
        {},
    ),
}  # fmt: skip
SETUP = [
    D, F, LINK, {"p": "d/g", "l": "log_t", "data": "log"}, {"p": "d/s", "l": "special_t"}, {"p": "d/ro", "l": "ro_t"},
    {"p": "d/r", "l": "data_t", "uid": 0}, {"p": "d/x", "l": "data_t", "mode": 0o777},
    {"p": "d/s3", "l": "secret_t", "data": "x"}, {"p": "d/p", "t": "fifo", "l": "newfifo_t"},
    {"p": "d/c", "t": "chr", "l": "data_t"}, {"p": "d/sl", "t": "lnk", "target": "f", "l": "secret_t"},
    {"p": "d/script", "t": "script", "interp": "/bin/busybox", "l": "bin_t"},
    {"p": "d/dd", "t": "dir", "l": "data_dir_t"},
    {"p": "d/prog", "t": "prog", "mode": 0o711, "l": "bin_t"}, {"p": "d/h", "t": "hard", "target": "d/ro"},
]  # fmt: skip
KINDS = {"dir": "dir", "lnk": "lnk_file", "fifo": "fifo_file", "chr": "chr_file"}
MODES = {"dir": "0o777", "lnk": "0o777", "script": "0o755"}


CONDITIONS = {"root": {"uid": 0, "subject": "trusted_t"}, "other-user": {"uid": 1001}}


def setup_of(name: str) -> list[dict]:
    """d and d/f, and what the case's steps speak of."""
    told = json.dumps([asked for asked, _ in CASES[name][0]])
    named = {item["p"] for item in SETUP if f'"{item["p"]}"' in told or name == "objects"} | {"d", "d/f"}
    return [BOOL if item is F and name == "setbool" else item for item in SETUP if item["p"] in named]


def after_of(name: str, changed: dict[str, Any]) -> dict[str, Any]:
    """The objects as they are laid, but for those that are other afterwards."""
    laid = setup_of(name)
    labels = {item["p"]: item["l"] for item in laid if "l" in item}
    found = {}
    for item in laid:
        kind = item.get("t", "file")
        mode = oct(item["mode"]) if "mode" in item else MODES.get(kind, "0o666")
        label = labels[item["target"]] if kind == "hard" else item["l"]
        found[item["p"]] = (KINDS.get(kind, "file"), mode, label)
    found |= changed
    return {path: {"kind": item[0], "mode": item[1], "label": whole(item[2])} for path, item in found.items() if item}


@pytest.fixture
def folder(cases, tmp_path):
    """A folder with these cases instead of its own."""
    there = shutil.copytree(cases, tmp_path / "grammar")
    written, results = [], []
    for name, (steps, changed) in CASES.items():
        case = {"id": name, "subject": "app_t", "setup": setup_of(name), "steps": [asked for asked, _ in steps]}
        written.append(case | CONDITIONS.get(name, {}))
        results.append({"id": name, "steps": [told for _, told in steps], "after": after_of(name, changed)})
    (there / "cases.json").write_text(json.dumps(written))
    (there / "ext4-enforcing.json").write_text(json.dumps({"meta": {"permissive": False}, "results": results}))
    return there


def test_all_of_them_agree(oracle, folder):
    """Errno, values, checks in order, and the objects afterwards."""
    code, out, err = oracle(folder, "--json")
    found = json.loads(out)

    assert err == ""
    assert [item["sentence"] for item in found["different"]] == []
    assert found["skipped"] == []
    assert (code, found["compared"]) == (Exit.PASSED, len(CASES))


def test_nothing_of_the_grammar_is_left_out(cases):
    """Each op, kind of object and step of the runner is in a case here or of the folder."""
    handed = json.loads((cases / "cases.json").read_text())
    steps = [asked for steps, _ in CASES.values() for asked, _ in steps]
    steps += [asked for case in handed for asked in case["steps"]]
    setups = [item for case in handed for item in case["setup"]] + SETUP

    assert {item["op"] for item in steps if item.get("by") != "runner"} >= OPS.keys()
    assert {item["op"] for item in steps if item.get("by") == "runner"} == _RUNNER.keys()
    assert {item.get("t", "file") for item in setups} == _LAID.keys()
    assert not OPS.keys() & ELSEWHERE.keys()
