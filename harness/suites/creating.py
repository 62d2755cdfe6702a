"""Making objects in every way, and looking at each from everywhere: what the suite create_labels does in most tests.

Who may make what, and the label that it gets, is the model's to say (harness/model), from the policy that the cluster
runs. A label is read back by the creating client, by the other one, from the store of the MDT, and from each OST once
there is data: only a regular file has objects there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.model import labels
from harness.suites.sites import LABEL, Site
from harness.suites.ways import WAYS, Way
from harness.tasks import Fd, Task

# source, target, class, permissions
Query = tuple[str, str, str, tuple[str, ...]]
_APPENDING = os.O_WRONLY | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Made:
    """An object that is there. `case` names it in a failure; `striped`: it has data on every OST."""

    case: str
    path: str
    label: str | None
    striped: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """A task that makes an object of that name in that place, one way, with the fscreate that it has set."""

    site: Site
    task: Task
    way: str
    place: str
    name: str
    fscreate: str | None = None

    @property
    def case(self) -> str:
        asked = f" as {self.fscreate}" if self.fscreate else ""
        return f"{self.way} of {self.name!r} in {self.place!r} by {self.who}{asked}"

    @property
    def how(self) -> Way:
        return WAYS[self.way]

    @property
    def who(self) -> str:
        return self.task.context or ""

    @property
    def label(self) -> str | None:
        """By the model; None for one that cannot be."""
        parent, name = self.site.profile.directories[self.place], self.name if self.how.named else None
        made = labels.of_new_object(
            self.site.model, self.who, parent, self.how.tclass, name, fscreate=self.fscreate
        )  # fmt: skip
        return made.label if made and self.site.model.canonical(made.label) else None

    def begins(self) -> bool:
        """Whether the object comes to be."""
        label, how = self.label, self.how
        if label is None or (how.created and not self.site.associates(label)):
            return False
        return self._granted(self._queries(label))

    def ends(self) -> bool:
        """Whether all of it is done: the new object may be opened too."""
        label = self.label
        return self.begins() and self._granted([(self.who, label or "", self.how.tclass, self.how.then)])

    def _granted(self, queries: Iterable[Query]) -> bool:
        if self.site.model.is_permissive(self.who):
            return True
        return all(self.site.may(source, target, tclass, *perms) for source, target, tclass, perms in queries if perms)

    def _queries(self, label: str) -> Iterator[Query]:
        """What is asked before the object is there."""
        site, how, parent = self.site, self.how, self.site.profile.directories[self.place]
        yield self.who, site.model.fs_label("lustre") or "", "filesystem", ("mount",)
        yield self.who, site.profile.root, "dir", ("search",)
        yield self.who, parent, "dir", how.directory
        if how.moves:
            yield self.who, parent, "file", ("rename",)
        if how.created:
            yield self.who, label, how.tclass, ("create",)
        if how.created and how.tclass in ("chr_file", "blk_file"):
            yield self.who, self.who, "capability", ("mknod",)


def in_every_way(site: Site, task: Task, place: str, name: str, fscreate: str | None = None) -> None:
    """Each way in a directory of its own: it has the label that the model says, everywhere, or it is refused as the
    policy says and leaves nothing behind."""
    made = [_made(Attempt(site, task, way, place, name, fscreate)) for way in WAYS]
    _everywhere(site, task, [one for one in made if one])


def _made(attempt: Attempt) -> Made | None:
    """What has come of it; None if nothing is to come of it."""
    site, how = attempt.site, attempt.how
    directory = site.directory(attempt.place)
    path = f"{directory}/{attempt.name}"
    if how.moves:
        site.file(attempt.place, path)
    begins, ends = attempt.begins(), attempt.ends()
    try:
        fd = how.make(attempt.task, path)
    except PermissionError:
        fd = _REFUSED

    refused = fd is _REFUSED
    assert refused is not ends, f"{attempt.case}: {'refused what the policy grants' if refused else 'done against it'}"
    if not refused:
        return Made(attempt.case, path, attempt.label, striped=how.tclass == "file" and _striped(attempt, fd, path))
    if begins and how.named:
        return Made(attempt.case, path, attempt.label, striped=False)
    left = [attempt.name] if how.moves else []
    assert [entry.name for entry in site.admin.readdir(directory)] == left, f"{attempt.case}: left something"
    return None


_REFUSED = Fd(-1, "", {}, created=False)


def _striped(attempt: Attempt, fd: Fd | None, path: str) -> bool:
    """Writes to every OST, by the open file or as the administrator; whether anybody could."""
    site, task = attempt.site, attempt.task
    if fd is None:
        if not site.may(site.admin.context or "", attempt.label or "", "file", "open", "append"):
            return False
        fd, task = site.admin.open(path, _APPENDING), site.admin
    task.write(fd, bytes(site.cluster.spec.stripe_size * (site.cluster.spec.oss - 1) + 1))
    task.close(fd)
    return True


def _everywhere(site: Site, creator: Task, made: list[Made]) -> None:
    """What each client sees, and what every server stores."""
    shown = [_shown(site, creator, one.path) for one in made]
    stored = site.stores(fid for fid, _ in shown)
    for one, (fid, seen) in zip(made, shown, strict=True):
        targets = ("mds0", *(f"oss{number}" for number in range(site.cluster.spec.oss if one.striped else 0)))
        assert seen == {one.label}, f"{one.case}: as the clients see it"
        assert stored[fid] == dict.fromkeys(targets, one.label), f"{one.case}: as the servers store it"


def _shown(site: Site, creator: Task, path: str) -> tuple[str, set[str | None]]:
    """The FID, and the label by stat and by getxattr, on either client; where the policy lets the creator not look,
    the administrator does on its client."""
    try:
        found = creator.lstat(path)
    except PermissionError:
        found = site.admin.lstat(path)
    return found.fid, {found.labels[LABEL], site.other.getxattr(path, LABEL, False).decode()}
