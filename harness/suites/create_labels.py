"""create_labels: what is created gets the label that the policy says, and everybody sees that label.

Every kind of object, by every way to create it, in directories where it inherits, where a transition applies, and with
a label asked for by fscreate. The expectation is the model's (harness/model/labels.py), from the policy that the
cluster runs. The label is read back by the creating client, by the other one, and from the raw stores of MDT and OSTs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness import profile
from harness.model import labels
from harness.model.policy import Mode, Policy
from harness.tasks import Task
from labelproof import plugin

LABEL = "security.selinux"
STRIPES = 3


def _mknod(kind: int) -> Callable[[Task, str], object]:
    return lambda task, path: task.mknod(path, kind | 0o644, os.makedev(1, 3) if kind & stat.S_IFCHR else 0)


def _open(task: Task, path: str) -> None:
    task.close(task.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


# way to create -> (class of what comes of it, how to do it)
WAYS: dict[str, tuple[str, Callable[[Task, str], object]]] = {
    "open": ("file", _open),
    "mknod-file": ("file", _mknod(stat.S_IFREG)),
    "mkdir": ("dir", lambda task, path: task.mkdir(path, 0o755)),
    "symlink": ("lnk_file", lambda task, path: task.symlink("elsewhere", path)),
    "mknod-fifo": ("fifo_file", _mknod(stat.S_IFIFO)),
    "mknod-socket": ("sock_file", _mknod(stat.S_IFSOCK)),
    "mknod-character": ("chr_file", _mknod(stat.S_IFCHR)),
    "mknod-block": ("blk_file", _mknod(stat.S_IFBLK)),
}


@dataclass(slots=True)
class World:
    """The cluster, its policy as the judges read it, and the administrator: on both clients, and once for each label
    of the directories that he lays out."""

    cluster: Any
    profile: profile.Profile
    model: Policy
    admin: Task
    other: Task
    layers: dict[str, Task] = field(default_factory=dict)
    places: int = 0

    def directory(self, label: str) -> str:
        """A fresh directory with that label, which everybody may use as far as DAC goes."""
        self.places += 1
        path = f"/create_labels{self.places}"
        if label not in self.layers:
            login = self.cluster.client().login
            self.layers[label] = login(self.profile.admin, uid=0, gid=0, caps="all", fscreate=label, umask=0)
        self.layers[label].mkdir(path, 0o777)
        return path

    def login(self, context: str, client: str = "client0", **more: Any) -> Task:
        task: Task = self.cluster.client(client).login(context, caps="mknod", **more)
        return task

    def expected(self, subject: str, parent: str, tclass: str, name: str, fscreate: str | None = None) -> str | None:
        """The label by the model, or None for one that cannot be."""
        made = labels.of_new_object(self.model, subject, parent, tclass, name, fscreate=fscreate)
        return made.label if made and self.model.canonical(made.label) else None

    def may(self, subject: str, target: str, tclass: str, *perms: str) -> bool:
        """Whether libsepol grants all of these."""
        return self.model.access(subject, target, tclass, perms, self.mode).allowed

    def needs(self, parent: str, tclass: str, *perms: str) -> None:
        """Skips the test where the policy does not let the profile's user do all of these to what it creates there."""
        label = self.expected(self.profile.user, parent, tclass, "f") or ""
        if not self.creates(self.profile.user, parent, tclass, label):
            pytest.skip(f"the policy does not let {self.profile.user} create a {tclass} in {parent}")
        if not self.may(self.profile.user, label, tclass, *perms):
            pytest.skip(f"the policy does not let {self.profile.user} {', '.join(perms)} a {tclass} labelled {label}")

    def needs_directory(self, place: str) -> None:
        """Skips the test where the policy does not let the user keep a directory of the profile."""
        label = self.profile.directories[place]
        if not self.may(self.profile.user, label, "dir", "search", "write", "add_name", "remove_name"):
            pytest.skip(f"the policy does not let {self.profile.user} add and remove names in {label}")

    def relabels(self, before: str, after: str) -> bool:
        """Whether the policy has the label and lets the administrator give it to a file that has the other one."""
        admin, label = self.profile.admin, self.model.canonical(after)
        if label is None or not self.model.validatetrans(before, label, admin, "file"):
            return False
        return self.may(admin, before, "file", "relabelfrom") and self.may(admin, label, "file", "relabelto")

    def associates(self, label: str | None) -> bool:
        """Whether an object so labelled may be on the filesystem at all."""
        return self.may(label or "", self.model.fs_label("lustre") or "", "filesystem", "associate")

    @property
    def mode(self) -> Mode:
        """Enforcing, with the booleans as the policy sets them."""
        return Mode(self.cluster.policy.digest, booleans=self.model.booleans())

    def creates(self, subject: str, parent: str, tclass: str, label: str) -> bool:
        """Whether the policy lets the subject create an object so labelled there."""
        fs = self.model.fs_label("lustre") or ""
        return (
            self.may(subject, fs, "filesystem", "mount")
            and self.may(subject, self.profile.root, "dir", "search")
            and self.may(subject, parent, "dir", "search", "write", "add_name")
            and self.may(subject, label, tclass, "create")
            and self.associates(label)
            and (tclass not in ("chr_file", "blk_file") or self.may(subject, subject, "capability", "mknod"))
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each name, directory, subject and label of the profile."""
    who = plugin.profile(metafunc.config)
    each = {
        "name": who.names,
        "directory": [place for place in who.directories if place != "denied"],
        "fscreate": who.fscreate + who.invalid,
        "subject": who.subjects,
    }
    for argument in reversed(each):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, each[argument])


@pytest.fixture(scope="module")
def world(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[World]:
    """The cluster, and an administrator on it."""
    cluster, who = labelproof_cluster, labelproof_profile
    model = Policy(cluster.policy.binary, cluster.policy.cil, name=cluster.policy.name)
    admin, other = (
        cluster.client(name).login(who.admin, uid=0, gid=0, caps="all", umask=0) for name in ("client0", "client1")
    )
    yield World(cluster, who, model, admin, other)
    model.close()


@pytest.mark.parametrize("way", WAYS)
def test_new_object(world: World, way: str, directory: str, name: str) -> None:
    """A new object's label is the transition's, the file name's, or its directory's, as the policy has it."""
    parent = world.profile.directories[directory]
    task = world.login(world.profile.user)

    _creates_as_the_policy_says(world, task, way, parent, name)


@pytest.mark.parametrize("way", WAYS)
def test_fscreate(world: World, way: str, fscreate: str) -> None:
    """fscreate beats every rule, for every class, in canonical form; where the policy refuses, nothing is created."""
    task = world.login(world.profile.user)
    if world.model.canonical(fscreate) is None:
        with pytest.raises(OSError, match="not a context"):
            task.setfscreate(fscreate)
        return
    if not world.may(world.profile.user, world.profile.user, "process", "setfscreate"):
        with pytest.raises(PermissionError):
            task.setfscreate(fscreate)
        return
    task.setfscreate(fscreate)

    _creates_as_the_policy_says(world, task, way, world.profile.directories["transition"], "n", fscreate)


@pytest.mark.parametrize("way", WAYS)
def test_by_subject(world: World, way: str, subject: str) -> None:
    """Who creates decides about user and level; who may not create leaves nothing behind."""
    _creates_as_the_policy_says(world, world.login(subject), way, world.profile.directories["transition"], "n")


@pytest.mark.parametrize("way", WAYS)
def test_client_lsm(world: World, way: str) -> None:
    """With the client's own LSM on the label is the same, and so is the refusal."""
    mount = world.cluster.client().mount(lsm=True)
    task = world.login(world.profile.user).on(mount)

    _creates_as_the_policy_says(world, task, way, world.profile.directories["denied"], "n")
    _creates_as_the_policy_says(world, task, way, world.profile.directories["transition"], world.profile.names[-1])


def test_existing_file_keeps_its_label(world: World) -> None:
    """O_CREAT on a file that is there opens it: the server's label wins over what a create would have given."""
    parent, wanted = world.profile.directories["inherit"], world.profile.relabel
    world.needs(parent, "file", "open", "write")
    path = f"{world.directory(parent)}/f"
    _open(world.login(world.profile.user), path)
    world.admin.setxattr(path, LABEL, wanted.encode())
    task = world.login(world.profile.user, fscreate=world.expected(world.profile.user, parent, "file", "f"))

    fd = task.open(path, os.O_CREAT | os.O_RDWR)

    assert not fd.created
    assert fd.labels[LABEL] == world.model.canonical(wanted)


def test_data_carries_the_label(world: World) -> None:
    """Each OST object has its file's label from the first byte, and the new one as soon as a relabel is answered."""
    parent = world.profile.directories["transition"]
    world.needs(parent, "file", "open", "read", "write", "getattr")
    path = f"{world.directory(parent)}/f"
    task = world.login(world.profile.user)
    fd = task.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    size = STRIPES * world.cluster.spec.stripe_size * world.cluster.spec.oss
    data = bytes(range(256)) * (size // 256)

    task.write(fd, data)

    expected = world.expected(world.profile.user, parent, "file", "f")
    assert _raw(world, fd.fid, "oss") == [expected] * world.cluster.spec.oss
    reader = world.login(world.profile.user, "client1")
    assert reader.pread(reader.open(path), len(data), 0) == data


def test_relabel_reaches_everybody(world: World) -> None:
    """A relabel is canonical, and is seen by the other client and on every OST object once it is answered."""
    parent = world.profile.directories["inherit"]
    world.needs(parent, "file", "open", "read", "write", "getattr")
    path = f"{world.directory(parent)}/f"
    task = world.login(world.profile.user)
    fd = task.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    task.write(fd, b"x" * world.cluster.spec.stripe_size * world.cluster.spec.oss)
    low = world.profile.relabel
    raised = f"{low}:c3,c1,c2"  # another level, in a spelling that is not the canonical one
    before = world.expected(world.profile.user, parent, "file", "f") or ""
    wanted = raised if world.relabels(before, raised) else low

    world.admin.setxattr(path, LABEL, wanted.encode() + b"\0")

    expected = labels.relabelled(world.model, wanted)
    assert _seen_everywhere(world, world.admin, path) == {expected}
    assert _raw(world, fd.fid, "oss") == [expected] * world.cluster.spec.oss


def test_label_survives_what_is_not_a_relabel(world: World) -> None:
    """Write, chmod, link, rename into a directory with transitions, truncate: none of them changes a label."""
    world.needs(world.profile.directories["inherit"], "file", *_HANDLING)
    for place in ("inherit", "transition"):
        world.needs_directory(place)
    source = world.directory(world.profile.directories["inherit"])
    target = world.directory(world.profile.directories["transition"])
    task = world.login(world.profile.user)
    fd = task.open(f"{source}/f", os.O_CREAT | os.O_RDWR, 0o644)
    expected = world.expected(world.profile.user, world.profile.directories["inherit"], "file", "f")

    task.write(fd, b"some data")
    task.chmod(f"{source}/f", 0o600)
    task.link(f"{source}/f", f"{source}/second")
    task.rename(f"{source}/f", f"{target}/g")
    task.truncate(f"{target}/g", 3)

    assert _seen_everywhere(world, task, f"{target}/g") == {expected}
    assert _seen_everywhere(world, task, f"{source}/second") == {expected}


def test_labels_in_a_listing(world: World) -> None:
    """Reading a directory tells each entry's label, the same as asking for it by name."""
    directory = world.directory(world.profile.directories["transition"])
    for way, (_, create) in WAYS.items():
        create(world.admin, f"{directory}/{way}")

    listed = {entry.name: entry.labels[LABEL] for entry in world.admin.readdir(directory)}

    asked = {way: world.admin.getxattr(f"{directory}/{way}", LABEL, False).decode() for way in WAYS}
    assert listed == asked


@pytest.mark.parametrize("node", ["mds0", "oss0", "oss1"])
def test_restart(world: World, node: str) -> None:
    """What was acknowledged is there after a server's restart, with its labels."""
    parent = world.profile.directories["transition"]
    world.needs(parent, "file", "open", "read", "write", "getattr")
    path = f"{world.directory(parent)}/f"
    task = world.login(world.profile.user)
    fd = task.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    data = b"kept" * world.cluster.spec.stripe_size
    task.write(fd, data)
    task.close(fd)

    world.cluster.node(node).restart()

    expected = world.expected(world.profile.user, parent, "file", "f")
    assert _seen_everywhere(world, task, path) == {expected}
    assert _raw(world, fd.fid, "oss") == [expected] * world.cluster.spec.oss
    assert task.pread(task.open(path), len(data), 0) == data


# What a user does to a file of his own in the course of a day.
_HANDLING = ("open", "read", "write", "getattr", "setattr", "link", "rename", "unlink")


def _creates_as_the_policy_says(
    world: World, task: Task, way: str, parent: str, name: str, fscreate: str | None = None
) -> None:
    """The new object has the label that the model expects, or the policy refuses and nothing is left behind."""
    tclass, create = WAYS[way]
    directory, who = world.directory(parent), task.context or ""
    expected = world.expected(who, parent, tclass, name, fscreate)
    permissive = world.model.is_permissive(who)
    allowed = expected is not None and world.creates(who, parent, tclass, expected)

    try:
        create(task, f"{directory}/{name}")
    except PermissionError:
        opened = way == "open" and not world.may(who, expected or "", tclass, "open", "write")
        assert not allowed or opened, f"{who} was refused what the policy grants"
        assert allowed or world.admin.readdir(directory) == []
        assert not permissive or not world.associates(expected)
        return

    assert allowed or (permissive and world.associates(expected)), f"{who} did what the policy refuses"
    assert _seen_everywhere(world, task, f"{directory}/{name}") == {expected}


def _seen_everywhere(world: World, creator: Task, path: str) -> set[str | None]:
    """The label as the creating client sees it by stat and getxattr, as the other one does, as the MDT stores it.

    Where the policy lets the creator not look, the administrator does.
    """
    try:
        found, mine = creator.lstat(path), creator
    except PermissionError:
        found, mine = world.admin.lstat(path), world.admin
    seen = {found.labels[LABEL], mine.getxattr(path, LABEL, False).decode(), world.other.lstat(path).labels[LABEL]}
    return {*seen, *_raw(world, found.fid, "mds")}


def _raw(world: World, fid: str, role: str) -> list[str | None]:
    """The labels of the object as stored by the servers of that role."""
    found = (raw for raw in world.cluster.collect(fid) if raw["target"].startswith(role))
    return [raw["labels"].get(LABEL) for raw in found]
