"""What random sequences seldom meet, a table: limits, kinds of nodes, flags of rename, sizes of attributes, leases."""

import fcntl
import os
import stat
import struct

import pytest
from posixdiff.generate import ALWAYS
from posixdiff.steps import Step
from posixdiff.syscalls import (
    FIBMAP,
    FICLONE,
    FICLONERANGE,
    FIDEDUPERANGE,
    FIFREEZE,
    FIOASYNC,
    FIONREAD,
    FIOQSIZE,
    FITHAW,
    FITRIM,
    FS_IOC_FSGETXATTR,
    FS_IOC_FSSETXATTR,
    FS_IOC_GETVERSION,
    FS_IOC_SETVERSION,
)

RW, RO = os.O_RDWR | ALWAYS, os.O_RDONLY | ALWAYS
PATH = os.O_PATH | os.O_NOFOLLOW
# What root is not to do to the local filesystem, what has blocks there, and what depends on its having checksums.
LEFT_OUT = {
    (FIBMAP, "root"), (FITRIM, "root"), (FIFREEZE, "root"), (FS_IOC_SETVERSION, "root"), (FS_IOC_SETVERSION, "owner"),
}  # fmt: skip
LIST = "system.posix_acl_access"
# A signal that is ignored unless somebody asks for it: who holds a lease is told by it that it has to go.
QUIET = 17
LONG = "n" * 255


def step(operation: str, task: str = "owner", /, **args) -> Step:
    return Step(task, operation, args)


def opened(path: str = "f", flags: int = RW, into: int = 0, task: str = "owner") -> Step:
    return step("open", task, path=path, flags=flags, mode=0o644, into=into)


MADE = opened(flags=RW | os.O_CREAT)
LINK = step("symlink", target="f", path="l")
DIRS = [step("mkdir", path="d", mode=0o755), step("mkdir", path="d/e", mode=0o755)]


def lease(kind: int, fd: int = 0, task: str = "owner") -> Step:
    return step("fcntl", task, fd=fd, cmd=fcntl.F_SETLEASE, arg=kind)


def left(fd: int = 0, task: str = "owner") -> Step:
    return step("fcntl", task, fd=fd, cmd=fcntl.F_GETLEASE)


QUIETLY = step("fcntl", fd=1, cmd=fcntl.F_SETSIG, arg=QUIET)


def control(cmd: int, fd: int = 0, task: str = "owner", **more) -> Step:
    return step("ioctl", task, fd=fd, cmd=cmd, **more)


KINDS = {
    "file": [MADE, opened(task="other", flags=RO), opened(task="root")],
    "dir": [step("mkdir", path="d", mode=0o755), *[opened("d", RO, task=task) for task in ("owner", "other", "root")]],
    "fifo": [
        step("mknod", path="p", mode=stat.S_IFIFO | 0o666),
        *[opened("p", RO, task=task) for task in ("owner", "other", "root")],
    ],
}
FSXATTR = struct.Struct("=5I8x")

CASES: dict[str, list[Step]] = {
    "a link's own place": [
        MADE, LINK, opened("l", PATH, 1), step("fstat", fd=1), step("chmod", fd=1, mode=0o600),
        step("getxattr", fd=1, name="user.a"), step("fcntl", fd=1, cmd=fcntl.F_GETFL), step("read", fd=1, length=1),
        step("linkfd", fd=1, to="m"), step("lstat", path="m"), step("reopen", fd=1, flags=RO, into=2),
        step("fcntl", fd=1, cmd=fcntl.F_SETFL, arg=os.O_APPEND), step("flock", fd=1, operation=2),
        step("fcntl", fd=1, cmd=fcntl.F_SETLEASE, arg=0), step("fcntl", fd=1, cmd=fcntl.F_GETOWN),
    ],
    **{
        f"commands of a {kind} {cmd:#x}": [
            *made, *[control(cmd, task=task) for task in ("owner", "other", "root") if (cmd, task) not in LEFT_OUT]
        ]
        for kind, made in KINDS.items()
        for cmd in (
            FIBMAP, FITRIM, FIFREEZE, FITHAW, FIONREAD, FIOASYNC, FIOQSIZE, FS_IOC_GETVERSION, FS_IOC_SETVERSION,
        )
    },
    **{
        f"attributes of a {kind}": [
            *made,
            *[
                control(FS_IOC_FSSETXATTR, task=task, data=FSXATTR.pack(flags, 0, 0, 0, 0))
                for flags in (0x80, 0xC0, 0x8, 0x10, 0x1000, 0x800, 0) for task in ("owner", "other", "root")
            ],
            *[control(FS_IOC_FSGETXATTR, task=task, data=bytes(28)) for task in ("owner", "other")],
        ]
        for kind, made in KINDS.items()
    },
    **{
        f"sharing blocks with a {kind}": [
            *made, opened("g", RW | os.O_CREAT, 1), opened("g", RO, 2), opened("h", RW | os.O_CREAT | os.O_APPEND, 3),
            *[
                control(cmd, fd, src=src) for cmd in (FICLONE, FICLONERANGE)
                for fd, src in ((0, 1), (1, 0), (2, 1), (3, 1), (1, 2), (1, 9), (1, 1))
            ],
            *[
                control(FIDEDUPERANGE, fd, data=struct.pack("=QQHHI", 0, 1, count, spare, 0) + bytes(32 * count))
                for fd in (0, 1, 2) for count, spare in ((0, 0), (1, 0), (0, 1))
            ],
        ]
        for kind, made in KINDS.items()
    },
    "past the page cache": [
        MADE, step("write", fd=0, data=b"x" * 10000), opened(flags=RW | os.O_DIRECT, into=1),
        step("fcntl", fd=1, cmd=fcntl.F_GETFL),
        *[
            step("pread", fd=1, length=length, offset=offset)
            for length, offset in (
                (4096, 0), (100, 0), (512, 0), (4096, 1), (4096, 8192), (100, 10000), (4096, 12288), (100, 20000),
                (0, 1),
            )
        ],
        *[
            step("pwrite", fd=1, data=b"y" * length, offset=offset)
            for length, offset in ((100, 0), (4096, 1), (0, 1), (4096, 0), (4096, 12288), (100, 40960))
        ],
        step("read", fd=1, length=4096), step("read", fd=1, length=4000), step("write", fd=1, data=b"z" * 4096),
        step("ftruncate", fd=0, length=100), opened(flags=os.O_WRONLY | ALWAYS | os.O_APPEND | os.O_DIRECT, into=2),
        step("write", fd=2, data=b"z" * 4096), step("fcntl", fd=0, cmd=fcntl.F_SETFL, arg=os.O_DIRECT),
        step("pread", fd=0, length=5, offset=0), step("fcntl", fd=0, cmd=fcntl.F_GETFL),
    ],
    **{
        f"past the page cache of a {kind}": [
            *made[:1], opened(path, RO | os.O_DIRECT, 1), opened(path, RO, 1),
            step("fcntl", fd=1, cmd=fcntl.F_SETFL, arg=os.O_DIRECT | ALWAYS), step("fcntl", fd=1, cmd=fcntl.F_GETFL),
        ]
        for (kind, made), path in zip(KINDS.items(), "fdp", strict=True)
    },
    "a fifo": [
        step("mknod", path="p", mode=stat.S_IFIFO | 0o666), opened("p", os.O_WRONLY | ALWAYS, 1), opened("p", RO),
        step("read", fd=0, length=5), opened("p", os.O_WRONLY | ALWAYS, 1),
        *[step("write", fd=1, data=b"x" * length) for length in (0, 100, 5000, 4096, 1, 9000, 3000, 20000, 100000, 1)],
        control(FIONREAD), *[step("read", fd=0, length=length) for length in (0, 10, 5000, 4096)], control(FIONREAD, 1),
        *[step("write", fd=1, data=b"y" * length) for length in (5000, 100, 9000)],
        step("lseek", fd=0, offset=0, whence=1), step("lseek", fd=0, offset=0, whence=9),
        step("write", fd=0, data=b"x"),
        step("pread", fd=0, length=1, offset=0), step("pwrite", fd=1, data=b"x", offset=0), step("fsync", fd=1),
        step("fallocate", fd=1, mode=0, offset=0, length=1), step("mmap", fd=0, prot=1, flags=2),
        step("ftruncate", fd=1, length=0), step("dup", fd=0, into=2), step("close", fd=0),
        step("write", fd=1, data=b"z"),
        step("close", fd=2), step("write", fd=1, data=b"z"), opened("p", RO), step("close", fd=1),
        step("read", fd=0, length=70000), step("read", fd=0, length=1), opened("p", RW, 1),
        step("read", fd=1, length=1), step("write", fd=1, data=b"ab"), step("read", fd=0, length=9),
        step("fcntl", fd=0, cmd=fcntl.F_SETFL, arg=ALWAYS | os.O_DIRECT), step("fcntl", fd=0, cmd=fcntl.F_GETFL),
    ],
    "a fifo that is sent to": [
        MADE, step("write", fd=0, data=bytes(range(250)) * 400), step("mknod", path="p", mode=stat.S_IFIFO | 0o666),
        opened("p", RO, 1), opened("p", os.O_WRONLY | os.O_APPEND | ALWAYS, 2),
        *[
            step("sendfile", fd=0, to=2, length=length, offset=offset)
            for length, offset in ((10, 0), (5000, 4000), (0, 0), (9, 1 << 20), (90000, 100), (1, 0), (0, 0))
        ],
        control(FIONREAD, 1), step("write", fd=2, data=b"x"), step("read", fd=1, length=10),
        step("write", fd=2, data=b"x"), step("read", fd=1, length=70000), step("read", fd=1, length=1),
        step("lseek", fd=0, offset=7, whence=0),
        step("sendfile", fd=0, to=2, length=5, offset=None), step("lseek", fd=0, offset=0, whence=1),
        step("write", fd=2, data=b"more"), step("read", fd=1, length=70000), step("lseek", fd=2, offset=0, whence=1),
        step("sendfile", fd=1, to=2, length=5, offset=None), step("sendfile", fd=1, to=2, length=5, offset=0),
        step("sendfile", fd=1, to=0, length=5, offset=None), step("sendfile", fd=0, to=1, length=5, offset=None),
        *[step("copy_file_range", fd=a, to=b, length=5, offset=None, to_offset=None) for a, b in ((0, 2), (1, 0))],
        step("close", fd=1), step("sendfile", fd=0, to=2, length=5, offset=None),
        step("sendfile", fd=0, to=2, length=0, offset=None), *DIRS, opened("d", RO, 1),
        step("sendfile", fd=1, to=2, length=5, offset=None), opened("p", RO),
        step("sendfile", fd=1, to=2, length=0, offset=None),
    ],
    "a fifo with both ends": [
        step("mknod", path="p", mode=stat.S_IFIFO | 0o666), opened("p", os.O_RDWR), opened("p", os.O_RDONLY, 1),
        opened("p", os.O_WRONLY, 2), step("close", fd=0), step("reopen", fd=1, flags=os.O_WRONLY, into=0),
        step("write", fd=0, data=b"abc"), step("close", fd=0), step("reopen", fd=2, flags=os.O_RDONLY, into=0),
        step("read", fd=0, length=9), step("close", fd=2), step("read", fd=0, length=9), opened("p", os.O_RDWR, 2),
        step("open", path="p", flags=os.O_RDWR | os.O_DIRECT), step("open", path="p", flags=os.O_ACCMODE),
    ],
    "devices": [
        *[
            step("mknod", "root", path=path, mode=kind | 0o666, rdev=os.makedev(major, minor))
            for path, kind, major, minor in (
                ("null", stat.S_IFCHR, 1, 3), ("zero", stat.S_IFCHR, 1, 5), ("full", stat.S_IFCHR, 1, 7),
                ("none", stat.S_IFCHR, 240, 9), ("disk", stat.S_IFBLK, 240, 9),
            )
        ],
        opened("none", RW), opened("disk", RO), opened("none", PATH), step("open", path="null", flags=RW | os.O_DIRECT),
        MADE, step("write", fd=0, data=b"x" * 50),
        *[
            each for path in ("null", "zero", "full") for each in (
                opened(path, RW, 1), step("read", fd=1, length=5), step("pread", fd=1, length=5, offset=7),
                step("write", fd=1, data=b"abc"), step("pwrite", fd=1, data=b"abc", offset=7),
                *[step("lseek", fd=1, offset=-5, whence=whence) for whence in (0, 1, 2, 3, 4, 9)],
                step("ftruncate", fd=1, length=0), step("fsync", fd=1), control(FIONREAD, 1),
                control(FIOASYNC, 1, arg=1),
                step("fallocate", fd=1, mode=0, offset=0, length=1), step("flock", fd=1, operation=2),
                step("copy_file_range", fd=1, to=0, length=5, offset=0, to_offset=0),
                step("fcntl", fd=1, cmd=fcntl.F_SETFL, arg=os.O_DIRECT), step("fstat", fd=1),
            )
        ],
        opened("null", RW, 1), step("mmap", fd=1, prot=1, flags=2), step("sendfile", fd=0, to=1, length=99, offset=0),
        step("sendfile", fd=1, to=0, length=9, offset=0), step("lseek", fd=1, offset=0, whence=1),
    ],
    "a link without its place": [MADE, LINK, opened("l", RW | os.O_NOFOLLOW, 1), opened("l", RO | os.O_DIRECTORY, 1)],
    **{
        f"mknod {kind:o}": [
            step("mknod", task, path="n", mode=kind | 0o644, rdev=0x103) for task in ("owner", "root", "root")
        ]
        for kind in (
            0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK,
            0o30000
        )
    },
    **{
        f"rename flags {flags}": [
            MADE, *DIRS, opened("g", RW | os.O_CREAT, 1), step("rename", path="f", to="f", flags=flags),
            step("rename", path="d", to="d/e", flags=flags), step("rename", path="d/e", to="d", flags=flags),
            step("rename", path="f", to="g", flags=flags), step("rename", path="f", to="h", flags=flags),
            step("rename", path="d", to="h", flags=flags), step("rename", "root", path="d/e", to="g", flags=flags),
            step("rename", path="gone", to="g", flags=flags), step("rename", path="d/..", to="x", flags=flags),
            step("rename", path="d/.", to="x", flags=flags),
        ]
        for flags in range(9)
    },
    "names that are too long": [
        step("mkdir", path=LONG, mode=0o755), step("mkdir", path=LONG + "n", mode=0o755),
        step("lstat", path=LONG + "n"),
        step("symlink", target="t" * 4095, path="long"), step("symlink", target="t" * 4096, path="longer"),
        step("symlink", target="", path="none"), step("stat", path="long"), step("readlink", path="long"),
        step("lstat", path="/".join(["."] * 2047)), step("lstat", path="/".join(["."] * 2049)),
        step("rename", path=LONG, to=LONG + "n"), opened(LONG + "n", RW | os.O_CREAT), opened("", RO),
    ],
    "links behind links": [
        MADE, *[step("symlink", target=f"l{n - 1}" if n else "f", path=f"l{n}") for n in range(42)],
        step("stat", path="l39"), step("stat", path="l40"), opened("l39", RO, 1), opened("l40", RO, 1),
        step("symlink", target="round", path="round"), step("stat", path="round"), step("lstat", path="round"),
        opened("round", RW | os.O_CREAT, 1), step("access", path="round", mode=0),
        step("mkdir", path="round", mode=0o755),
    ],
    "attributes by their size": [
        MADE, step("setxattr", fd=0, name="user.a", value=b"12345"),
        *[step("getxattr", fd=0, name="user.a", size=size) for size in (0, 1, 4, 5, 6)],
        *[step("listxattr", fd=0, size=size) for size in (0, 1, 6, 7, 8)],
        step("getxattr", fd=0, name="user.b", size=1), step("getxattr", fd=0, name="user."),
        step("getxattr", fd=0, name="user." + "n" * 250), step("getxattr", fd=0, name="user." + "n" * 251),
        step("getxattr", fd=0, name=""), step("setxattr", fd=0, name="user.a", value=b"6", flags=3),
        step("setxattr", fd=0, name="user.b", value=b"6", flags=3),
        step("setxattr", fd=0, name="user.a", value=b"", flags=1),
        step("setxattr", fd=0, name="user.b", value=b"", flags=2),
        step("setxattr", fd=0, name="user.a", value=b"", flags=4),
        step("setxattr", fd=0, name="user.c", value=b"x" * 65537), step("setxattr", fd=0, name="none", value=b""),
    ],
    # Not an empty one: since 6.2 that is none at all (see generate.py).
    "lists that are none": [
        MADE, LINK, step("setxattr", path="l", name=LIST, value=b"\2\0\0\0", follow=False),
        step("setxattr", path="l", name=LIST, value=b"\2\0\0", follow=False),
        step("setxattr", path="l", name=LIST, value=b"\1\0\0\0", follow=False),
        step("setxattr", "other", path="f", name=LIST, value=b"\2\0\0"),
        step("removexattr", path="l", name=LIST, follow=False), step("getxattr", path="l", name=LIST, follow=False),
        step("removexattr", "other", path="f", name=LIST), step("removexattr", path="f", name=LIST),
        step("getxattr", path="f", name=LIST),
    ],
    "sizes": [
        MADE, step("truncate", path="f", length=1 << 62), step("ftruncate", fd=0, length=-1),
        step("truncate", path="gone", length=0), step("lseek", fd=0, offset=-1, whence=0),
        step("lseek", fd=0, offset=5, whence=9), step("pwrite", fd=0, data=b"x", offset=(1 << 63) - 1),
        step("fallocate", fd=0, mode=0, offset=(1 << 63) - 1, length=1),
        step("fallocate", fd=0, mode=0, offset=0, length=0),
        step("fallocate", fd=0, mode=2, offset=0, length=1), step("pread", fd=0, length=1, offset=(1 << 63) - 1),
        step("pread", fd=0, length=0, offset=(1 << 63) - 1), step("pwrite", fd=0, data=b"", offset=(1 << 63) - 1),
        step("pread", fd=9, length=1, offset=(1 << 63) - 1),
        step("lseek", fd=0, offset=(1 << 63) - 1, whence=0), step("lseek", fd=0, offset=1 << 40, whence=0),
        step("copy_file_range", fd=0, to=0, length=1, offset=(1 << 63) - 1, to_offset=0),
        step("copy_file_range", fd=0, to=0, length=1, offset=0, to_offset=(1 << 63) - 1),
        step("copy_file_range", fd=0, to=0, length=0, offset=0, to_offset=0),
        step("copy_file_range", fd=0, to=0, length=0, offset=0, to_offset=(1 << 63) - 1),
        step("sendfile", fd=0, to=0, length=1, offset=(1 << 63) - 1),
    ],
    "a read lease": [
        MADE, opened(flags=RO, into=1), QUIETLY, lease(fcntl.F_RDLCK, 1), step("close", fd=0),
        lease(fcntl.F_RDLCK, 1), left(1),
        opened(flags=RO, into=2, task="member"), lease(fcntl.F_RDLCK, 2, "member"), lease(fcntl.F_RDLCK, 2, "root"),
        opened(flags=os.O_WRONLY | ALWAYS, into=2, task="root"), left(1), lease(fcntl.F_RDLCK, 1), left(1),
        lease(fcntl.F_UNLCK, 1), lease(fcntl.F_UNLCK, 1), left(1),
        opened(flags=os.O_WRONLY | ALWAYS, into=2, task="root"),
    ],
    "a lease and what is no file": [
        *DIRS, opened("d", RO, 0), lease(fcntl.F_RDLCK), lease(3), opened("d", RO, 0, "other"), lease(0, task="other"),
        step("fcntl", fd=0, cmd=fcntl.F_GETLEASE),
    ],
    "who gets signals": [
        MADE, step("fcntl", fd=0, cmd=fcntl.F_GETOWN), step("fcntl", fd=0, cmd=fcntl.F_GETSIG),
        step("fcntl", fd=0, cmd=fcntl.F_SETSIG, arg=65), step("fcntl", fd=0, cmd=fcntl.F_SETSIG, arg=10),
        step("fcntl", fd=0, cmd=fcntl.F_GETSIG), step("fcntl", fd=0, cmd=fcntl.F_SETOWN, arg=(1 << 31) - 1),
        step("fcntl", fd=0, cmd=fcntl.F_SETOWN, arg=0), step("fcntl", fd=0, cmd=fcntl.F_GETOWN),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_cluster_does_what_linux_does_at_the_edges(pair, case):
    """Each step of the case ends as on ext4 and leaves the same."""
    assert (found := pair.run(CASES[case])) is None, str(found)
