"""FS_IMMUTABLE_FL and FS_APPEND_FL, a table: every operation that they may refuse, on a cluster and on ext4.

They are not in the random sequences: a file that was opened before it became immutable can be written to here, as the
OSTs know nothing of flags (Lustre's neither), and cannot on ext4.
"""

import fcntl
import os

import pytest
from posixdiff.generate import ALWAYS
from posixdiff.steps import Step
from posixdiff.syscalls import FS_IOC_GETFLAGS, FS_IOC_SETFLAGS

IMMUTABLE, APPEND = 0x10, 0x20
RW = os.O_RDWR | ALWAYS
ON_FILE = [
    ("open", {"path": "d/f", "flags": RW, "into": 1}), ("open", {"path": "d/f", "flags": ALWAYS, "into": 1}),
    ("open", {"path": "d/f", "flags": RW | os.O_APPEND, "into": 1}),
    ("open", {"path": "d/f", "flags": RW | os.O_APPEND | os.O_TRUNC, "into": 1}),
    ("open", {"path": "d/f", "flags": ALWAYS | os.O_TRUNC, "into": 1}), ("truncate", {"path": "d/f", "length": 1}),
    ("unlink", {"path": "d/f"}), ("rename", {"path": "d/f", "to": "d/g"}), ("rename", {"path": "x", "to": "d/f"}),
    ("rename", {"path": "x", "to": "d/f", "flags": 2}), ("link", {"path": "d/f", "to": "d/g"}),
    ("chmod", {"path": "d/f", "mode": 0o600}), ("chown", {"path": "d/f", "uid": 3001, "gid": -1}),
    ("chown", {"path": "d/f", "uid": -1, "gid": -1}), ("utimes", {"path": "d/f", "atime_ns": None, "mtime_ns": None}),
    ("utimes", {"path": "d/f", "atime_ns": 0, "mtime_ns": None}), ("access", {"path": "d/f", "mode": 2}),
    ("setxattr", {"path": "d/f", "name": "user.a", "value": b"v"}), ("removexattr", {"path": "d/f", "name": "user.a"}),
    ("setxattr", {"path": "d/f", "name": "security.a", "value": b"v"}),
    ("ioctl", {"fd": 0, "cmd": FS_IOC_SETFLAGS}), ("ioctl", {"fd": 0, "cmd": FS_IOC_SETFLAGS, "arg": 0x70}),
    ("ioctl", {"fd": 0, "cmd": FS_IOC_GETFLAGS}), ("stat", {"path": "d/f"}),
]  # fmt: skip
IN_DIRECTORY = [
    ("open", {"path": "d/g", "flags": RW | os.O_CREAT, "mode": 0o644, "into": 1}), ("unlink", {"path": "d/f"}),
    ("open", {"path": "d/f", "flags": RW, "into": 1}), ("open", {"path": "d", "flags": RW | os.O_TMPFILE, "into": 1}),
    ("mkdir", {"path": "d/g", "mode": 0o755}), ("rmdir", {"path": "d/s"}), ("symlink", {"path": "d/g", "target": "x"}),
    ("mknod", {"path": "d/g", "mode": 0o10644}), ("rename", {"path": "d/f", "to": "d/g"}),
    ("rename", {"path": "x", "to": "d/g"}), ("rename", {"path": "x", "to": "d/f"}), ("rmdir", {"path": "d"}),
    ("rename", {"path": "d/f", "to": "x", "flags": 2}), ("link", {"path": "x", "to": "d/g"}),
    ("rename", {"path": "d", "to": "e"}), ("chmod", {"path": "d", "mode": 0o700}),
    ("chmod", {"path": "d/f", "mode": 0}),
    ("setxattr", {"path": "d", "name": "user.a", "value": b"v"}), ("readdir", {"path": "d"}),
]  # fmt: skip


@pytest.mark.parametrize("flag", [IMMUTABLE, APPEND])
@pytest.mark.parametrize(("path", "operations"), [("d/f", ON_FILE), ("d", IN_DIRECTORY)])
def test_what_the_flags_refuse(pair, path, operations, flag):
    """Each operation by root, the owner and another, on what has the flag, ends as on ext4."""
    found = [
        str(divergence)
        for name, args in operations
        for task in ("root", "owner", "other")
        if (divergence := pair.run(_sequence(path, flag, Step(task, name, args)))) is not None
    ]

    assert found == []


def test_only_the_capability_sets_them(pair):
    """The owner without CAP_LINUX_IMMUTABLE may set other flags, and these only as they are."""
    opened = Step("owner", "open", {"path": "f", "flags": RW | os.O_CREAT, "mode": 0o644, "into": 0})
    wanted = (IMMUTABLE, APPEND, 0x40, 0x40 | IMMUTABLE)
    tries = [Step("owner", "ioctl", {"fd": 0, "cmd": FS_IOC_SETFLAGS, "arg": arg}) for arg in wanted]

    assert pair.run([opened, *tries, Step("owner", "ioctl", {"fd": 0, "cmd": FS_IOC_GETFLAGS})]) is None


def _sequence(path, flag, step):
    """A directory of the owner's with a file and a directory, the flag on one of them, then the step."""
    return [
        Step("owner", "mkdir", {"path": "d", "mode": 0o777}),
        Step("owner", "mkdir", {"path": "d/s", "mode": 0o777}),
        Step("owner", "open", {"path": "x", "flags": RW | os.O_CREAT, "mode": 0o666, "into": 0}),
        Step("owner", "open", {"path": "d/f", "flags": RW | os.O_CREAT, "mode": 0o666, "into": 0}),
        Step("owner", "setxattr", {"path": "d/f", "name": "user.a", "value": b"v"}),
        *[Step(task, "open", {"path": path, "flags": ALWAYS, "into": 0}) for task in ("root", "owner", "other")],
        Step("root", "ioctl", {"fd": 0, "cmd": FS_IOC_SETFLAGS, "arg": flag}),
        step,
    ]


@pytest.mark.parametrize("mode", [0, 1, 3, 16, 17])
def test_what_is_appended_to_gets_no_holes(pair, mode):
    """fallocate of a file that was opened as one which may only be appended to; F_SETFL may not make it another."""
    opened = Step("owner", "open", {"path": "d/f", "flags": os.O_WRONLY | os.O_APPEND | ALWAYS, "into": 1})
    room = Step("owner", "fallocate", {"fd": 1, "mode": mode, "offset": 0, "length": 5000})
    flags = [
        Step("owner", "fcntl", {"fd": fd, "cmd": fcntl.F_SETFL, "arg": arg | ALWAYS})
        for fd in (0, 1) for arg in (os.O_APPEND, 0)
    ]  # fmt: skip
    cleared = Step("root", "ioctl", {"fd": 0, "cmd": FS_IOC_SETFLAGS, "arg": 0})

    assert pair.run([*_sequence("d/f", APPEND, opened), room, *flags, cleared]) is None
