"""What the suite lifecycle takes along besides files: one object of every other kind, through all that is done to names
and labels. It has no data, so that its label is stored by the MDT alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.model.fs import class_of_mode
from harness.suites.sites import LABEL, Site, Stored, looked_at
from harness.suites.ways import WAYS, Way
from harness.tasks import Labels

EXCHANGE = 2  # include/uapi/linux/fs.h, RENAME_EXCHANGE
KINDS = ("mkdir", "symlink", "mknod-fifo", "mknod-socket", "mknod-character", "mknod-block")
_DONE = ("create", "getattr", "rename", "relabelfrom", "relabelto")


@dataclass(slots=True)
class Kin:
    """One object of a kind: where its names lead, FID and label by path, as the model has it; `gone` are the FIDs of
    what has no name any more."""

    site: Site
    way: str
    inherit: str
    transition: str
    names: list[str] = field(default_factory=list)
    second: str = ""
    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    @property
    def how(self) -> Way:
        return WAYS[self.way]

    @property
    def fids(self) -> set[str]:
        return self.gone | {fid for fid, _ in self.found.values()}

    def create(self) -> None:
        self.names = [f"{self.inherit}/{self.way}"]
        self._make("inherit", self.names[0])

    def link(self) -> None:
        """A directory has one name only."""
        if self.how.tclass != "dir":
            self.names.append(f"{self.inherit}/{self.way}-linked")
            self.site.admin.link(self.names[0], self.names[1])
            self.found[self.names[1]] = self.found[self.names[0]]

    def rename(self) -> None:
        """Into a directory where a new one would get another label."""
        name = f"{self.transition}/{self.way}"
        self.site.admin.rename(self.names[0], name)
        self.found[name] = self.found.pop(self.names[0])
        self.names[0] = name

    def exchange(self) -> None:
        """Changes places with another of its kind."""
        first, second = self.names[0], f"{self.transition}/{self.way}-second"
        self._make("transition", second)
        self.site.admin.rename(first, second, EXCHANGE)
        self.found[first], self.found[second] = self.found[second], self.found[first]
        self.names[0], self.second = second, first

    def relabel(self) -> None:
        self.site.relabel(self.site.other, self.names[0])
        for name in self.names:
            self.found[name] = (self.found[name][0], self.site.relabelled())

    def end(self) -> None:
        for name in (*self.names, self.second):
            self.site.admin.call("rmdir" if self.how.tclass == "dir" else "unlink", path=name)
        self.gone, self.found = self.fids, {}

    def _make(self, place: str, path: str) -> None:
        self.how.make(self.site.admin, path)
        name = path.rpartition("/")[2]
        label = self.site.expected(self.site.profile.admin, place, self.how.tclass, name)
        self.found[path] = (self.site.admin.lstat(path).fid, label)


# The steps of a file's life that its kin goes through too.
STEPS: dict[str, Callable[[Kin], None]] = {
    "_create": Kin.create, "_link": Kin.link, "_rename": Kin.rename, "_exchange": Kin.exchange,
    "_relabel": Kin.relabel, "_unlink": Kin.end,
}  # fmt: skip


def kin(site: Site, inherit: str, transition: str) -> list[Kin]:
    """One of each kind that the policy lets the administrator take through a life."""
    return [Kin(site, way, inherit, transition) for way in KINDS if _may(site, WAYS[way].tclass)]


def check(site: Site, kin: Iterable[Kin], step: str, stored: Stored) -> None:
    """What both clients and every server show of them is what the model says."""
    right = {path: (*found, one.how.tclass) for one in kin for path, found in one.found.items()}
    looks = looked_at(site.admin, right)
    shown = {path: _facts(look["fid"], look["labels"], look["mode"]) for path, look in looks.items()}
    assert shown == right, f"after {step}: as its own client shows them"
    parents = {path.rpartition("/")[0] for path in right}
    listed = {f"{parent}/{entry.name}": entry for parent in parents for entry in site.other.readdir(parent)}
    told = {path: _facts(listed[path].fid, listed[path].labels, listed[path].type) for path in right if path in listed}
    assert told == right, f"after {step}: as the other client lists them"
    for fid, label, _ in right.values():
        assert stored.get(fid) == {"mds0": label}, f"after {step}: as stored"
    kept = {fid for one in kin for fid in one.gone if stored.get(fid)}
    assert kept == set(), f"after {step}: what has no name is kept"


def _facts(fid: str, labels: Labels, mode: int) -> tuple[str, str | None, str]:
    return fid, labels[LABEL], class_of_mode(mode)


def _may(site: Site, tclass: str) -> bool:
    """Whether the policy lets the administrator do all of it to a new object and to a relabelled one."""
    admin, ends = site.profile.admin, ("rmdir",) if tclass == "dir" else ("link", "unlink")
    made = (site.expected(admin, place, tclass, "n") for place in ("inherit", "transition"))
    return all(site.may(admin, label, tclass, *_DONE, *ends) for label in (*made, site.relabelled()))
