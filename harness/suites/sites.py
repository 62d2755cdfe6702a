"""What the suites share: directories to work in, and what everybody sees of a label."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from harness import profile
from harness.model import labels
from harness.model.policy import Mode, Policy
from harness.tasks import Task

LABEL = "security.selinux"
# How often one looks whether something has come about.
LOOKS_MAX = 500
# FID -> server -> label
Stored = Mapping[str, Mapping[str, str | None]]


@dataclass(slots=True)
class Site:
    """The cluster, its policy as the judges read it, and the administrator on both clients."""

    cluster: Any
    profile: profile.Profile
    model: Policy
    admin: Task
    other: Task
    prefix: str
    places: Iterator[int]
    _layers: dict[str, Task] = field(default_factory=dict)

    def settle(self) -> Site:
        """Logs everybody in, so that who uses the site in several tests finds them there; itself."""
        for place in self.profile.directories:
            self._layer(place)
        return self

    def directory(self, place: str) -> str:
        """A fresh directory with the label that the profile has for `place`, open to all as far as DAC goes."""
        path = f"/{self.prefix}{next(self.places)}"
        self._layer(place).mkdir(path, 0o777)
        return path

    def file(self, place: str, path: str) -> None:
        """An empty file there, with the label that a directory of that `place` has."""
        self._layer(place).mknod(path, stat.S_IFREG | 0o666)

    def expected(self, subject: str, place: str, tclass: str, name: str, fscreate: str | None = None) -> str:
        """The label of what the subject creates there, by the model. Raises ValueError where it can have none."""
        made = labels.of_new_object(
            self.model, subject, self.profile.directories[place], tclass, name, fscreate=fscreate
        )
        if made is None:
            raise ValueError(f"{subject} can create no {tclass} in {place}")
        return made.label

    def may(self, subject: str, target: str, tclass: str, *perms: str) -> bool:
        """Whether all of these are done: libsepol grants them with the policy's booleans, or nothing is enforced."""
        enforcing = self.cluster.spec.mode == "enforcing"
        mode = Mode(self.cluster.policy.digest, enforcing, self.model.booleans())
        return self.model.access(subject, target, tclass, perms, mode).allowed

    def associates(self, label: str | None) -> bool:
        """Whether an object so labelled may be on the filesystem at all."""
        return self.may(label or "", self.model.fs_label("lustre") or "", "filesystem", "associate")

    def relabelled(self) -> str:
        """What the administrator's relabel makes of a label: the profile's, in canonical form."""
        found = labels.relabelled(self.model, self.profile.relabel)
        if found is None:
            raise ValueError(f"{self.profile.relabel} is no context of the policy")
        return found

    def relabel(self, task: Task, path: str) -> None:
        task.setxattr(path, LABEL, self.profile.relabel.encode(), 0, False)

    def seen(self, path: str) -> set[str | None]:
        """The label as both clients see it, by stat, getxattr and listing, as the MDT and every OST object store it."""
        name, found = path.rpartition("/")[2], self.admin.lstat(path)
        listed = {entry.name: entry.labels[LABEL] for entry in self.other.readdir(path.rpartition("/")[0])}
        told = {found.labels[LABEL], self.other.lstat(path).labels[LABEL], listed[name]}
        told |= {_text(task.getxattr(path, LABEL, False)) for task in (self.admin, self.other)}
        return told | self.stored(found.fid)

    def stored(self, fid: str) -> set[str | None]:
        """The label as stored on every server; {} where no server has the object."""
        return set(self.stores([fid]).get(fid, {}).values())

    def gone(self, fid: str) -> bool:
        """Whether no server keeps the object any more; the MDS has the OSTs destroy theirs after it has answered."""
        return any(not self.stored(fid) for _ in range(LOOKS_MAX))

    def stores(self, fids: Iterable[str]) -> Stored:
        """The labels of objects as stored; servers that have none of one are not named."""
        found: dict[str, dict[str, str | None]] = {}
        wanted = list(dict.fromkeys(fids))
        for raw in self.cluster.collect(*wanted) if wanted else ():
            found.setdefault(raw["object"], {})[raw["target"]] = raw["labels"].get(LABEL)
        return found

    def _layer(self, place: str) -> Task:
        """The administrator, whose new objects take the label that the profile has for a place."""
        label = self.profile.directories[place]
        if label not in self._layers:
            login = self.cluster.client().login
            self._layers[label] = login(self.profile.admin, uid=0, gid=0, caps="all", fscreate=label, umask=0)
        return self._layers[label]


@contextmanager
def opened(cluster: Any, who: profile.Profile, prefix: str) -> Iterator[Callable[[], Site]]:
    """Gives sites on the cluster, each with tasks of its own; their directories begin with the prefix."""
    model, places = Policy(cluster.policy.binary, cluster.policy.cil, name=cluster.policy.name), count(1)

    def site() -> Site:
        admin, other = (
            cluster.client(name).login(who.admin, uid=0, gid=0, caps="all", umask=0) for name in ("client0", "client1")
        )
        return Site(cluster, who, model, admin, other, prefix, places)

    try:
        yield site
    finally:
        model.close()


def looked_at(task: Task, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """lstat of each, all at once."""
    names = list(paths)

    async def look() -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(task.acall("lstat", path=path) for path in names)))

    return dict(zip(names, task.cluster.run(look()), strict=True))


def _text(value: bytes) -> str:
    return value.removesuffix(b"\0").decode()
