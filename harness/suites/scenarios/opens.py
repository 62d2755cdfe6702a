"""open(2) with its flags on every class that can be opened, directories read, access(2) and chdir(2)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from harness.suites.scenarios.scenario import FORMAT, Act, Row, Scenario, opening, rights, unwaiting

# fs/open.c, build_open_flags: the access mode 3 is asked for reading and writing, and grants neither.
_NEITHER = 3
_MODES = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "ioctl": _NEITHER}
_NOFOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW


def rows() -> Iterator[Scenario]:
    yield from _regular()
    for tclass in ("fifo_file", "chr_file", "blk_file", "sock_file"):
        yield from _special(tclass)
    yield from _directories()
    yield from _access()


def _regular() -> Iterator[Scenario]:
    for name, mode in _MODES.items():
        for append in (0, os.O_APPEND):
            suffix, flags = f"{name}{'a' if append else ''}", mode | append
            yield Scenario(f"open-{suffix}", "open", "existing", "file", opening(flags), params=rights(flags))
            if mode == _NEITHER:
                continue
            creating = opening(flags | os.O_CREAT | os.O_EXCL, "name")
            yield Scenario(f"create-{suffix}", "open", "new", "file", creating, lays=(), params=rights(flags))
    for name in ("r", "w"):
        flags = _MODES[name] | os.O_TRUNC
        yield Scenario(
            f"open-trunc-{name}", "open", "truncate", "file", opening(flags),
            params={"access": name, "truncate": True},
        )  # fmt: skip
    appending = {"access": "w", "append": True, "truncate": True}
    yield Scenario(
        "open-trunc-wa", "open", "truncate", "file", opening(os.O_WRONLY | os.O_APPEND | os.O_TRUNC), params=appending
    )
    yield Scenario("open-path", "open", "path", "file", opening(os.O_PATH))
    unnamed = os.O_TMPFILE | os.O_RDWR
    for name, flags in (("", unnamed), ("-wa", os.O_TMPFILE | os.O_WRONLY | os.O_APPEND)):
        yield Scenario(
            f"tmpfile{name}", "open", "tmpfile", "file", opening(flags, "parent"), lays=(), params=rights(flags),
            walk=False,
        )  # fmt: skip
    for name in ("r", "w"):
        yield _again(name, _MODES[name])
    yield Scenario(
        "tmpfile-named", "link", "link", "file", lambda t, p: t.linkfd(t.open(p.parent, unnamed, 0o755), p.name),
        lays=(), walk=False, then=(("open", "tmpfile", {"access": "rw"}),),
    )  # fmt: skip


def _again(name: str, flags: int) -> Scenario:
    """Through /proc/self/fd, what O_PATH asked nothing for; by the label that the file has by then."""
    return Scenario(
        f"reopen-{name}", "open", "existing", "file", lambda t, p: t.close(t.reopen(p.fd, flags)), opens=os.O_PATH,
        params=rights(flags),
    )  # fmt: skip


def _special(tclass: str) -> Iterator[Scenario]:
    """What a device does then is the client's own business; a socket cannot be opened, once all is asked.

    Nor can a fifo, neither to be read nor to be written, nor to be written where nobody reads and nobody waits
    (fs/pipe.c, fifo_open); mediation's own test has somebody wait.
    """
    for name, flags in (*_MODES.items(), ("wa", os.O_WRONLY | os.O_APPEND)):
        yield Scenario(
            f"open-{name}-{tclass}", "open", "existing", tclass, opening(flags | unwaiting(tclass)),
            params=rights(flags), whole=False, answers=_REFUSED.get(tclass, {}).get(flags & os.O_ACCMODE, 0),
        )  # fmt: skip


# class -> access mode -> errno.
_REFUSED = {
    "sock_file": dict.fromkeys(_MODES.values(), errno.ENXIO),
    "fifo_file": {os.O_WRONLY: errno.ENXIO, _NEITHER: errno.EINVAL},
}


def _directories() -> Iterator[Scenario]:
    listing = os.O_RDONLY | os.O_DIRECTORY
    yield Scenario("open-dir", "open", "existing", "dir", opening(listing))
    opened: Row = ("open", "existing", {})
    yield Scenario(
        "readdir", "readdir", "plus", "dir", lambda t, p: t.readdir(p.object), then=(opened,), walk=False
    )  # fmt: skip
    for case in ("names", "plus"):
        yield Scenario(
            f"readdir-{case}-moved", "readdir", case, "dir", _listing(case), opens=listing, rejudged="read"
        )  # fmt: skip
    yield Scenario(
        "getdents", "readdir", "names", "dir", lambda t, p: t.getdents(p.fd), opens=listing, rejudged="read"
    )  # fmt: skip
    yield Scenario("chdir", "access", "chdir", "dir", lambda t, p: t.chdir(p.object))


def _listing(case: str) -> Act:
    return lambda task, place: task.readdir(place.fd, plus=case == "plus")


def _access() -> Iterator[Scenario]:
    for tclass in FORMAT:
        letters = ("r", "w") if tclass == "dir" else ("r", "w", "x")
        for letter in (*letters, "".join(letters)):
            yield Scenario(
                f"access-{letter}-{tclass}", "access", "access", tclass, _asking(letter), params={"access": letter},
                whole=tclass == "file",
            )  # fmt: skip


def _asking(letters: str) -> Act:
    mode = sum({"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[letter] for letter in letters)
    return lambda task, place: task.access(place.object, mode, _NOFOLLOW)
