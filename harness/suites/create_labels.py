"""create_labels: what is created gets the label that the policy says, and everybody sees that label.

Every kind of object, by every way to create it (ways.py), in directories where it inherits, where a transition applies,
by class, file name, role or range, and with a label asked for by fscreate, granted or not. The expectation is the
model's (harness/model/labels.py), from the policy that the cluster runs. The label is read back by the creating client,
by the other one, and from the raw stores of MDT and OSTs (creating.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from harness import profile
from harness.model import labels
from harness.suites import sites
from harness.suites.creating import Attempt, in_every_way
from harness.suites.sites import LABEL, Site
from harness.suites.ways import WAYS
from harness.tasks import Task
from labelproof import plugin

STRIPES = 3
# What a user does to a file of his own in the course of a day.
_HANDLING = ("open", "read", "write", "getattr", "setattr", "link", "rename", "unlink")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each directory, name, subject and label of the profile."""
    who = plugin.profile(metafunc.config)
    if "directory" in metafunc.fixturenames:
        metafunc.parametrize("directory, name", list(_named(who)))
    for argument, values in {"fscreate": who.fscreate + who.invalid, "subject": who.subjects}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, values)


def _named(who: profile.Profile) -> Iterator[tuple[str, str]]:
    """Every name where a rule for names may apply and where none does; elsewhere the first."""
    for place in who.directories:
        if place != "denied":
            yield from ((place, name) for name in (who.names if place in ("inherit", "transition") else who.names[:1]))


@pytest.fixture(scope="module")
def site(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[Site]:
    """The cluster, and an administrator on both clients."""
    with sites.opened(labelproof_cluster, labelproof_profile, "create_labels") as site:
        yield site().settle()


def test_new_object(site: Site, directory: str, name: str) -> None:
    """A new object's label is the transition's, the file name's, the range's, or its directory's, as the policy has it,
    for every class and way."""
    in_every_way(site, _login(site, site.profile.user), directory, name)


def test_fscreate(site: Site, fscreate: str) -> None:
    """fscreate beats every rule, for every class, in canonical form; where the policy refuses, nothing is created."""
    task = _login(site, site.profile.user)
    if site.model.canonical(fscreate) is None:
        with pytest.raises(OSError, match="not a context"):
            task.setfscreate(fscreate)
        return
    if not _may_choose(site, site.profile.user):
        with pytest.raises(PermissionError):
            task.setfscreate(fscreate)
        return
    task.setfscreate(fscreate)

    in_every_way(site, task, "transition", "n", fscreate)


def test_by_subject(site: Site, subject: str) -> None:
    """Who creates decides about user and level; who may not create leaves nothing behind. Who may not choose labels is
    refused, and what it creates has the label of the rules."""
    task = _login(site, subject)
    if not _may_choose(site, subject):
        with pytest.raises(PermissionError):
            task.setfscreate(site.profile.directories["inherit"])

    in_every_way(site, task, "transition", "n")


@pytest.mark.parametrize("place", ["denied", "transition"])
def test_client_lsm(site: Site, place: str) -> None:
    """With the client's own LSM on the label is the same, and so is the refusal."""
    mount = site.cluster.client().mount(lsm=True)

    in_every_way(site, _login(site, site.profile.user).on(mount), place, site.profile.names[-1])


@pytest.mark.parametrize("place", ["inherit", "transition"])
def test_through_a_link(site: Site, place: str) -> None:
    """O_CREAT on a link that leads to nothing yet: the label is by where the link leads, and by the name there."""
    _require(site, place, "open", "write")
    user, links, there = site.profile.user, site.directory("inherit"), site.directory(place)
    site.admin.symlink(there, links + "/away")
    if not site.may(user, site.admin.lstat(links + "/away").labels[LABEL] or "", "lnk_file", "read"):
        pytest.skip(f"the policy does not let {user} read a link in {site.profile.directories['inherit']}")
    task = _login(site, user)
    for number, name in enumerate(site.profile.names):
        site.admin.symlink(f"{there}/{name}", f"{links}/{number}")

        task.close(task.open(f"{links}/{number}", os.O_CREAT | os.O_WRONLY, 0o644))

        assert site.seen(f"{there}/{name}") == {site.expected(user, place, "file", name)}


def test_existing_file_keeps_its_label(site: Site) -> None:
    """O_CREAT on a file that is there opens it: the server's label wins over what a create would have given."""
    user = site.profile.user
    _require(site, "inherit", "open", "write")
    path = f"{site.directory('inherit')}/f"
    task = _login(site, user)
    task.close(task.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    site.relabel(site.admin, path)
    claiming = _login(site, user, fscreate=site.expected(user, "inherit", "file", "f"))

    fd = claiming.open(path, os.O_CREAT | os.O_RDWR)

    assert not fd.created
    assert fd.labels[LABEL] == site.relabelled()


def test_data_carries_the_label(site: Site) -> None:
    """Each OST object has its file's label from the first byte, and the other client reads what was written."""
    _require(site, "transition", "open", "read", "write", "getattr")
    path = f"{site.directory('transition')}/f"
    task = _login(site, site.profile.user)
    fd = task.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    data = bytes(range(256)) * (STRIPES * site.cluster.spec.stripe_size * site.cluster.spec.oss // 256)

    task.write(fd, data)

    expected = site.expected(site.profile.user, "transition", "file", "f")
    assert _objects(site, fd.fid) == [expected] * site.cluster.spec.oss
    reader = site.cluster.client("client1").login(site.profile.user)
    assert reader.pread(reader.open(path), len(data), 0) == data


def test_relabel_reaches_everybody(site: Site) -> None:
    """A relabel is canonical, and is seen by the other client and on every OST object once it is answered."""
    _require(site, "inherit", "open", "read", "write", "getattr")
    path = f"{site.directory('inherit')}/f"
    task = _login(site, site.profile.user)
    fd = task.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    task.write(fd, b"x" * site.cluster.spec.stripe_size * site.cluster.spec.oss)
    low = site.profile.relabel
    raised = f"{low}:c3,c1,c2"  # another level, in a spelling that is not the canonical one
    wanted = raised if _relabels(site, site.expected(site.profile.user, "inherit", "file", "f"), raised) else low

    site.admin.setxattr(path, LABEL, wanted.encode() + b"\0")

    expected = labels.relabelled(site.model, wanted)
    assert site.seen(path) == {expected}
    assert _objects(site, fd.fid) == [expected] * site.cluster.spec.oss


def test_label_survives_what_is_not_a_relabel(site: Site) -> None:
    """Write, chmod, link, rename into a directory with transitions, truncate: none of them changes a label."""
    _require(site, "inherit", *_HANDLING)
    for place in ("inherit", "transition"):
        _require_names(site, place)
    source, target = site.directory("inherit"), site.directory("transition")
    task = _login(site, site.profile.user)
    fd = task.open(f"{source}/f", os.O_CREAT | os.O_RDWR, 0o644)

    task.write(fd, b"some data")
    # The object servers are told of a set-id bit that comes while the file is open for writing, and a write takes it.
    task.chmod(f"{source}/f", 0o4600)
    task.write(fd, b" and more")
    task.link(f"{source}/f", f"{source}/second")
    task.rename(f"{source}/f", f"{target}/g")
    task.truncate(f"{target}/g", 3)

    expected = site.expected(site.profile.user, "inherit", "file", "f")
    assert site.seen(f"{target}/g") == site.seen(f"{source}/second") == {expected}
    assert task.lstat(f"{target}/g").labels[LABEL] == expected


def test_who_may_look_is_told_the_label(site: Site) -> None:
    """Of a directory of every label; who may not is told nothing: on record, or where the policy says so in silence."""
    user, told = site.profile.user, dict[str, str | None]()
    task, paths = _login(site, user), {place: site.directory(place) for place in site.profile.directories}

    for place, path in paths.items():
        with suppress(PermissionError):
            told[place] = task.lstat(path).labels[LABEL]

    there = site.profile.directories.items() if site.may(user, site.profile.root, "dir", "search") else ()
    assert told == {
        place: site.model.canonical(label) for place, label in there if site.may(user, label, "dir", "getattr")
    }


def test_labels_in_a_listing(site: Site) -> None:
    """Reading a directory tells each entry's label, the same as asking for it by name: the model's."""
    directory = site.directory("transition")
    made = [way for way, how in WAYS.items() if not how.moves]
    for way in made:
        WAYS[way].make(site.admin, f"{directory}/{way}")

    listed = {entry.name: entry.labels[LABEL] for entry in site.admin.readdir(directory)}

    asked = {name: site.admin.getxattr(f"{directory}/{name}", LABEL, False).decode() for name in listed}
    assert listed == asked == {way: Attempt(site, site.admin, way, "transition", way).label for way in made}


def _login(site: Site, context: str, **more: Any) -> Task:
    """Of two groups, so that a server which heard of one only would have another subject than the client."""
    task: Task = site.cluster.client().login(context, caps="mknod", groups=[2000], **more)
    return task


def _may_choose(site: Site, subject: str) -> bool:
    return site.may(subject, subject, "process", "setfscreate")


def _objects(site: Site, fid: str) -> list[str | None]:
    """The labels of a file's objects as the OSTs store them."""
    return [label for target, label in site.stores([fid])[fid].items() if target.startswith("oss")]


def _relabels(site: Site, before: str, after: str) -> bool:
    """Whether the policy has the label and lets the administrator give it to a file that has the other one."""
    admin, label = site.profile.admin, site.model.canonical(after)
    if label is None or not site.model.validatetrans(before, label, admin, "file"):
        return False
    return site.may(admin, before, "file", "relabelfrom") and site.may(admin, label, "file", "relabelto")


def _require(site: Site, place: str, *perms: str) -> None:
    """Skips the test where the policy does not let the user create a file there, and do all of these to it."""
    user, label = site.profile.user, site.expected(site.profile.user, place, "file", "f")
    if not Attempt(site, _login(site, user), "mknod-file", place, "f").begins():
        pytest.skip(f"the policy does not let {user} create a file in {site.profile.directories[place]}")
    if not site.may(user, label, "file", *perms):
        pytest.skip(f"the policy does not let {user} {', '.join(perms)} a file labelled {label}")


def _require_names(site: Site, place: str) -> None:
    """Skips the test where the policy does not let the user keep a directory of the profile."""
    label = site.profile.directories[place]
    if not site.may(site.profile.user, label, "dir", "search", "write", "add_name", "remove_name"):
        pytest.skip(f"the policy does not let {site.profile.user} add and remove names in {label}")
