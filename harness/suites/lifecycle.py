"""lifecycle: what a file goes through, from creation to end, with every server restarted between any two steps.

A herd of files, each past another step of the same life: a server is restarted, every file is checked, each lives on
by a step, the last one making room for a new one, and is checked again; so with each server. One object of every other
kind goes with each file (kin.py). Label, data, names and links are what the model of the life says, which knows of
labels only what the policy's own rules give.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness import profile
from harness.suites import kin
from harness.suites.sites import LABEL, Site, Stored, opened
from harness.tasks import Fd

SERVERS = ("oss0", "oss1", "mds0")


@dataclass(slots=True)
class Life:
    """One file as it has to be: its names, label, data; `fds` are open descriptors that have to work."""

    site: Site
    inherit: str
    transition: str
    names: list[str] = field(default_factory=list)
    label: str = ""
    data: bytes = b""
    fid: str = ""
    fds: list[Fd] = field(default_factory=list)
    # Another file, with which the first one changes places: its name, label and data.
    second: tuple[str, str, bytes] | None = None
    others: list[kin.Kin] = field(default_factory=list)

    def restarted(self, server: str) -> None:
        """Handles are the MDS's memory: it forgets them, and a file that only they have kept is gone."""
        if server == "mds0":
            self.fds = []

    @property
    def fids(self) -> set[str]:
        """Of the file, and of its kin."""
        return {self.fid} | {fid for other in self.others for fid in other.fids}

    def check(self, step: str, stored: Stored) -> None:
        """What both clients and every server show is what the model says."""
        for name in self.names:
            found = self.site.admin.lstat(name)
            shown = (found.fid, found.nlink, found.size, found.labels[LABEL])
            assert shown == (self.fid, len(self.names), len(self.data), self.label), f"after {step}: {name}"
        if self.names:
            _seen(self.site, self.names[0], self.label, self.data, step)
        if self.second:
            _seen(self.site, *self.second, step)
        if self.fid and (self.names or self.fds):
            assert set(stored[self.fid].values()) == {self.label}, f"after {step}: as stored"
        for fd in self.fds:
            assert self.site.admin.pread(fd, len(self.data) + 1, 0) == self.data, f"after {step}: data of fd {fd.n}"
            assert self.site.admin.fstat(fd).labels[LABEL] == self.label, f"after {step}: label of fd {fd.n}"
        if self.fid and not self.names and not self.fds:
            assert self.site.gone(self.fid), f"after {step}: what has no name and is not open is kept"


@dataclass(slots=True)
class Herd:
    """Lives with the number of steps that each has behind it."""

    site: Site
    lives: list[tuple[Life, int]]

    def live(self) -> None:
        """Each takes its next step; one that is over makes room for a new one."""
        self.lives = [(life, number) if number < len(STEPS) else (_born(self.site), 0) for life, number in self.lives]
        for life, number in self.lives:
            _step(life, number)
        self.lives = [(life, number + 1) for life, number in self.lives]


def _create(life: Life) -> None:
    admin, name = life.site.admin, f"{life.inherit}/f"
    fd = admin.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    admin.close(fd)
    life.names, life.fid = [name], fd.fid
    life.label = life.site.expected(life.site.profile.admin, "inherit", "file", "f")


def _write(life: Life) -> None:
    stripes = life.site.cluster.spec.stripe_size * life.site.cluster.spec.oss
    life.data = bytes(range(256)) * (stripes // 256 + 1)
    fd = life.site.admin.open(life.names[0], os.O_RDWR)
    life.site.admin.write(fd, life.data)
    life.site.admin.close(fd)


def _link(life: Life) -> None:
    name = f"{life.inherit}/linked"
    life.site.admin.link(life.names[0], name)
    life.names.append(name)


def _rename(life: Life) -> None:
    """Into a directory where a new file of that name would get another label."""
    name = f"{life.transition}/{life.site.profile.names[-1]}"
    life.site.admin.rename(life.names[0], name)
    life.names[0] = name


def _exchange(life: Life) -> None:
    admin, name, data = life.site.admin, f"{life.transition}/second", b"the second"
    fd = admin.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    admin.write(fd, data)
    admin.close(fd)
    admin.rename(life.names[0], name, kin.EXCHANGE)
    life.second = (life.names[0], life.site.expected(life.site.profile.admin, "transition", "file", "second"), data)
    life.names[0] = name


def _relabel(life: Life) -> None:
    life.site.relabel(life.site.other, life.names[0])
    life.label = life.site.relabelled()


def _truncate(life: Life) -> None:
    life.data = life.data[: len(life.data) // 2]
    life.site.other.truncate(life.names[1], len(life.data))


def _replace(life: Life) -> None:
    """The second file takes the place of one of the names."""
    assert life.second is not None
    name, label, data = life.second
    life.site.admin.rename(name, life.names[0])
    life.second = (life.names.pop(0), label, data)


def _open(life: Life) -> None:
    life.fds.append(life.site.admin.open(life.names[0], os.O_RDWR))


def _unlink(life: Life) -> None:
    """The last name; what is open stays readable."""
    life.site.admin.unlink(life.names.pop())


def _write_unlinked(life: Life) -> None:
    for fd in life.fds:
        life.site.admin.pwrite(fd, b"more", 0)
        life.data = b"more" + life.data[4:]


def _close(life: Life) -> None:
    for fd in life.fds:
        life.site.admin.close(fd)
    life.fds = []


STEPS: tuple[Callable[[Life], None], ...] = (
    _create, _write, _link, _rename, _exchange, _relabel, _truncate, _replace, _open, _unlink, _write_unlinked, _close,
)  # fmt: skip


@pytest.fixture(scope="module")
def site(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[Site]:
    """The cluster; skipped where the policy does not let the administrator live such a life."""
    with opened(labelproof_cluster, labelproof_profile, "lifecycle") as site:
        found = site().settle()
        _require(found)
        yield found


@pytest.fixture(scope="module")
def herd(site: Site) -> Herd:
    """A file past each step."""
    return Herd(site, [(_lived(site, number), number) for number in range(1, len(STEPS) + 1)])


def _require(site: Site) -> None:
    admin = site.profile.admin
    file = ("create", "open", "read", "write", "getattr", "link", "rename", "unlink")
    names = ((site.profile.names[-1], "transition"), ("f", "inherit"), ("second", "transition"))
    made = [site.expected(admin, place, "file", name) for name, place in names]
    for label in (*made, site.relabelled()):
        if not site.may(admin, label, "file", *file):
            pytest.skip(f"the policy does not let {admin} do {', '.join(file)} to a file labelled {label}")
    if not site.may(admin, made[1], "file", "relabelfrom") or not site.may(
        admin, site.relabelled(), "file", "relabelto"
    ):
        pytest.skip(f"the policy does not let {admin} relabel {made[1]} as {site.relabelled()}")


def test_life(site: Site) -> None:
    """Label, data, links and names are right after each step, and nothing is left at the end."""
    life = _born(site)

    for number in range(len(STEPS)):
        _step(life, number)
        _check(site, [(life, number + 1)], "")

    assert (life.names, life.fds) == ([], [])


@pytest.mark.parametrize("server", SERVERS)
def test_restart_between_any_two_steps(herd: Herd, server: str) -> None:
    """With a file past each of the steps, a restart changes none of them, and each can take its next step."""
    assert sorted(number for _, number in herd.lives) == list(range(1, len(STEPS) + 1))

    herd.site.cluster.node(server).restart()

    for life, _ in herd.lives:
        _stale(life, server)
        life.restarted(server)
    _check(herd.site, herd.lives, f" and a restart of {server}")
    herd.live()


def test_each_went_on(herd: Herd) -> None:
    """The steps that they took after the last restart were taken."""
    _check(herd.site, herd.lives, "")


def _born(site: Site, *, alone: bool = False) -> Life:
    inherit, transition = site.directory("inherit"), site.directory("transition")
    return Life(site, inherit, transition, others=[] if alone else kin.kin(site, inherit, transition))


def _lived(site: Site, steps: int) -> Life:
    """The last one with kin is the one whose end comes next when the MDS, which alone stores kin, is restarted."""
    life = _born(site, alone=_replace in STEPS[:steps])
    for number in range(steps):
        _step(life, number)
    return life


def _step(life: Life, number: int) -> None:
    """The file's step, and its kin's where that step is about names and labels."""
    step = STEPS[number]
    step(life)
    for other in life.others if step.__name__ in kin.STEPS else ():
        kin.STEPS[step.__name__](other)


def _check(site: Site, lives: Sequence[tuple[Life, int]], then: str) -> None:
    """Right after a step; kin where the step was theirs too, since nothing else has changed them."""
    stored = site.stores(fid for life, _ in lives for fid in life.fids)
    for life, number in lives:
        name = STEPS[number - 1].__name__
        life.check(name + then, stored)
        if name in kin.STEPS:
            kin.check(site, life.others, name + then, stored)


def _stale(life: Life, server: str) -> None:
    """After a restart of the MDS an old descriptor says so, and does nothing."""
    for fd in life.fds if server == "mds0" else ():
        with pytest.raises(OSError) as refusal:
            life.site.admin.fstat(fd)
        assert refusal.value.errno in (errno.ESTALE, errno.EBADF)


def _seen(site: Site, name: str, label: str, data: bytes, step: str) -> None:
    """What the other client sees of a file."""
    parent, _, entry = name.rpartition("/")
    listed = {found.name: found.labels[LABEL] for found in site.other.readdir(parent)}
    assert listed[entry] == label, f"after {step}: {name} as listed"
    assert _content(site.other, name) == data, f"after {step}: data of {name}"


def _content(task: Any, path: str) -> bytes:
    fd = task.open(path, os.O_RDONLY)
    try:
        return bytes(task.pread(fd, 1 << 20, 0))
    finally:
        task.close(fd)
