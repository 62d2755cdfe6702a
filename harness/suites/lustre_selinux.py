"""lustre_selinux: what Lustre's own sanity-selinux.sh is after, test by test, without its blind spots.

The numbers in the names are that script's. What it leaves open is closed here:

* 1, 2a, 2b accept any label that is not empty: here it is the one that the model gives, for every kind of object;
  there only regular files are asked (get_sel_ctx).
* 4 is denied by the client's own LSM: here by the server, for the permission expected, with the client's LSM off, and
  the same is done where it is granted.
* 10 hides a stale label (LU-6784) as PASS: nothing is excused here.
* 20a to 20c pass if the other client sees nothing: here each object has been seen. They stop the creator by a fault
  whose number is used twice: no fault is needed here, both clients work at once.
* 20d looks for a text in a debug log: here rpcs are counted where they are sent, and the count is shown to count.
* 20e compares with a variable that is never set: here evictions are those since the test began.
* 21b leaves out just those operations that are not checked there: here they are those of the rpc table.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from harness import profile
from harness.suites import rpcs
from harness.suites.sites import LABEL, Site, opened
from harness.tasks import Task
from labelproof.v1 import admin_pb2
from rpc import Caller

# kind -> (class, call that makes one, its further arguments)
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "file": ("file", "open", {"flags": os.O_CREAT | os.O_EXCL | os.O_WRONLY, "mode": 0o644}),
    "dir": ("dir", "mkdir", {"mode": 0o755}),
    "symlink": ("lnk_file", "symlink", {"target": "elsewhere"}),
    "fifo": ("fifo_file", "mknod", {"mode": stat.S_IFIFO | 0o644, "rdev": 0}),
    "socket": ("sock_file", "mknod", {"mode": stat.S_IFSOCK | 0o644, "rdev": 0}),
    "character": ("chr_file", "mknod", {"mode": stat.S_IFCHR | 0o644, "rdev": os.makedev(1, 3)}),
    "block": ("blk_file", "mknod", {"mode": stat.S_IFBLK | 0o644, "rdev": os.makedev(7, 0)}),
}


@pytest.fixture(scope="module")
def on_site(labelproof_cluster: Any, labelproof_profile: profile.Profile) -> Iterator[Callable[[], Site]]:
    """Gives the cluster, with the administrator on both clients."""
    with opened(labelproof_cluster, labelproof_profile, "lustre") as site:
        yield site


@pytest.fixture
def site(on_site: Callable[[], Site]) -> Site:
    """Each test's own tasks: some restart the client that they are on."""
    return on_site()


@pytest.mark.parametrize("kind", KINDS)
def test_1_2a_2b_label_on_the_server(site: Site, kind: str) -> None:
    """The label stored on the MDT is the one that the policy gives, for files, directories and the rest."""
    tclass, _, _ = KINDS[kind]
    path = f"{site.directory('transition')}/n"

    _make(site.admin, kind, path)

    expected = site.expected(site.profile.admin, "transition", tclass, "n")
    assert site.stored(site.admin.lstat(path).fid) == {expected}


def test_3_user_may(site: Site) -> None:
    """An ordinary user creates and removes, and it was the server that let them, by the user's own context."""
    _require(site, "inherit")
    directory, user = site.directory("inherit"), _user(site)
    mark = site.cluster.mark()

    _make(user, "file", f"{directory}/n")
    user.unlink(f"{directory}/n")

    granted = [e for e in site.cluster.events(mark) if e["e"] == "avc" and e["n"] == "mds0" and e["allowed"]]
    who = {e["scontext"] for e in granted if {"create", "unlink"} & set(e["requested"]) and e["tclass"] == "file"}
    assert who == {site.profile.user}
    assert site.admin.readdir(directory) == []


def test_4_user_may_not(site: Site) -> None:
    """With the client's LSM off the server denies, and says what was missing; who may, does the same there."""
    _require(site, "inherit")
    if site.cluster.spec.mode != "enforcing":
        pytest.skip(f"nobody is denied anything in mode {site.cluster.spec.mode}")
    place = site.profile.directories["denied"]
    missing = [p for p in ("search", "write", "add_name") if not site.may(site.profile.user, place, "dir", p)]
    if not missing:
        pytest.skip(f"the policy lets {site.profile.user} add names to {place}")
    path, user = f"{site.directory('denied')}/n", _user(site)
    mark = site.cluster.mark()

    with pytest.raises(PermissionError) as refusal:
        _make(user, "file", path)

    denied = [e for e in site.cluster.events(mark) if e["e"] == "avc" and not e["allowed"]]
    assert refusal.value.errno == errno.EACCES
    assert [(e["n"], e["vantage"], e["tclass"], e["tcontext"]) for e in denied] == [("mds0", "server", "dir", place)]
    assert set(denied[0]["denied"]) <= set(missing)
    _make(user, "file", f"{site.directory('inherit')}/n")
    _make(site.admin, "file", path)
    assert [entry.name for entry in site.other.readdir(path.removesuffix("/n"))] == ["n"]


def test_5_label_from_the_server(site: Site) -> None:
    """A client that starts anew has cached nothing: it sees the label as it was set last."""
    path = f"{site.directory('inherit')}/n"
    _make(site.admin, "file", path)
    site.relabel(site.admin, path)

    site.cluster.node("client1").restart()
    site.other = site.cluster.client("client1").login(site.profile.admin, uid=0, gid=0, caps="all", umask=0)

    assert site.seen(path) == {site.relabelled()}


def test_10_relabel_on_the_other_client(site: Site) -> None:
    """A client that holds the file open and knows its label sees the new one as soon as the other's relabel is done."""
    path = f"{site.directory('inherit')}/n"
    fd = site.admin.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    before = {site.admin.lstat(path).labels[LABEL], site.admin.fstat(fd).labels[LABEL]}

    site.relabel(site.other, path)

    assert before == {site.expected(site.profile.admin, "inherit", "file", "n")}
    assert site.admin.fstat(fd).labels[LABEL] == site.relabelled()
    assert site.admin.getxattr(path, LABEL).decode() == site.relabelled()
    assert site.seen(path) == {site.relabelled()}
    assert site.relabelled() not in before


@pytest.mark.parametrize("kind", KINDS)
def test_20a_20b_20c_created_with_its_label(site: Site, kind: str) -> None:
    """While a client creates, the other one finds nothing, or the object with its label: never one without."""
    tclass, call, more = KINDS[kind]
    paths = [f"{site.directory('transition')}/n{number}" for number in range(4)]
    seen: list[str | None] = []

    async def watch(path: str) -> None:
        while True:
            try:
                found = await site.other.acall("lstat", path=path)
            except FileNotFoundError:
                await asyncio.sleep(0)
                continue
            seen.append(found["labels"][LABEL])
            return

    async def race() -> None:
        await asyncio.gather(*map(watch, paths), *(site.admin.acall(call, path=path, **more) for path in paths))

    site.cluster.run(race())

    expected = [site.expected(site.profile.admin, "transition", tclass, path.rpartition("/")[2]) for path in paths]
    assert sorted(map(str, seen)) == sorted(expected)


@pytest.mark.parametrize("call", rpcs.CALLS)
def test_20d_no_rpc_for_the_label(site: Site, call: str) -> None:
    """An operation costs no more than Lustre's besides its walk; none of it is for the label, which counting would have
    noticed."""
    top, costs = site.directory("inherit"), rpcs.CALLS[call]
    path = f"{top}/n"
    _make(site.admin, "file", path)

    sent = _told(site, "client1", lambda: costs.act(site.other, path))

    walk = {("Mds/GetRoot", ""), ("Mds/Lookup", top.removeprefix("/")), ("Mds/Close", "")}
    assert 0 < len([each for each in sent if each not in walk]) <= costs.rpcs, sent
    assert "Mds/Getxattr" not in dict(sent)
    control = _sent(site, "client1", lambda: site.other.getxattr(top, LABEL))
    assert control.count("Mds/Getxattr") == 1


def test_20d_no_rpc_for_the_labels_of_a_listing(site: Site) -> None:
    """A long listing has every label in it: its rpcs are the same for one entry and for many."""
    few, many = site.directory("transition"), site.directory("transition")
    site.other.lstat("/")
    for number in range(12):
        _make(site.admin, "file", f"{many}/n{number}")
    _make(site.admin, "file", f"{few}/n0")

    short, long = (_sent(site, "client1", partial(site.other.readdir, where)) for where in (few, many))

    assert short == long
    labels = {entry.labels[LABEL] for entry in site.other.readdir(many)}
    assert labels == {site.expected(site.profile.admin, "transition", "file", f"n{number}") for number in range(12)}


def test_20e_nobody_waits_for_ever(site: Site) -> None:
    """Opens, relabels and looks at the parent, all at once from both clients: all are answered, nobody is evicted."""
    directory = site.directory("inherit")
    paths = [f"{directory}/n{number}" for number in range(4)]
    for path in paths:
        _make(site.admin, "file", path)
    mark, value = site.cluster.mark(), site.profile.relabel.encode()

    async def crowd() -> list[Any]:
        calls = [
            work
            for path in paths
            for task in (site.admin, site.other)
            for work in (
                task.acall("open", path=path, flags=os.O_RDWR, mode=0),
                task.acall("setxattr", path=path, name=LABEL, value=value, flags=0, follow=True),
                task.acall("lstat", path=directory),
            )
        ]
        return list(await asyncio.gather(*calls))

    answers = site.cluster.run(crowd())

    assert len(answers) == len(paths) * 6
    events = site.cluster.events(mark)
    assert [e for e in events if e["e"] == "session" and e.get("phase") == "evict"] == []
    assert {e["phase"] for e in events if e["e"] == "op"} == {"invoke", "ok"}
    for path in paths:
        assert site.seen(path) == {site.relabelled()}


def test_21a_fingerprint_at_the_mount(site: Site) -> None:
    """A client that does not run the servers' policy as they do cannot connect; once it does, it can."""
    client = site.cluster.client("client1")

    with _otherwise(site), pytest.raises(OSError, match="sepol of client1") as refusal:
        client.mount()

    assert refusal.value.errno == errno.EACCES
    assert client.mount() == "/"


@pytest.mark.parametrize("method", rpcs.METHODS)
def test_21b_fingerprint_on_every_rpc(site: Site, method: str) -> None:
    """Each rpc is refused while the client's policy is another one, changes nothing then, and is served afterwards."""
    assert method in rpcs.RPCS, f"no operation of this suite sends {method}: it needs a row in rpcs.py"
    path = f"/lustre-{method.replace('/', '-').lower()}"
    at = rpcs.laid(site, path)
    before = rpcs.picture(site, path)

    with _otherwise(site):
        mark = site.cluster.mark()
        with pytest.raises(OSError) as refusal:
            rpcs.RPCS[method](site.other, path, at)
        events = site.cluster.events(mark)

    first = next(e for e in events if e["e"] == "rpc" and e["phase"] == "done" and e["n"] == "client1")
    assert (first["method"], first["status"], refusal.value.errno) == (method, errno.EACCES, errno.EACCES)
    assert rpcs.picture(site, path) == before
    assert method in _sent(site, "client1", lambda: rpcs.RPCS[method](site.other, path, at))


def test_21c_fingerprint_after_a_restart(site: Site) -> None:
    """A server that was restarted asks for it as before."""
    site.cluster.node("mds0").restart()

    with _otherwise(site), pytest.raises(OSError) as refusal:
        site.other.lstat("/")

    assert refusal.value.errno == errno.EACCES
    assert site.other.lstat("/").labels == site.admin.lstat("/").labels


def _make(task: Task, kind: str, path: str) -> None:
    _, call, more = KINDS[kind]
    made = task.call(call, path=path, **more)
    if call == "open":
        task.close(made["fd"])


def _user(site: Site) -> Task:
    task: Task = site.cluster.client().login(site.profile.user)
    return task


def _require(site: Site, place: str) -> None:
    """Skips the test where the policy does not let the user create and remove a file there."""
    user, label = site.profile.user, site.expected(site.profile.user, place, "file", "n")
    names = site.may(user, site.profile.directories[place], "dir", "search", "write", "add_name", "remove_name")
    if not names or not site.may(user, label, "file", "create", "open", "write", "unlink"):
        pytest.skip(f"the policy does not let {user} create and remove a file in {place}")


def _sent(site: Site, client: str, act: Callable[[], object]) -> list[str]:
    """The rpcs that a client sends to servers for what `act` does, in order."""
    return [method for method, _ in _told(site, client, act)]


def _told(site: Site, client: str, act: Callable[[], object]) -> list[tuple[str, str]]:
    """The same, each with the name that it is about, where it is about a name."""
    mark = site.cluster.mark()
    act()
    events = [e for e in site.cluster.events(mark) if e["e"] == "rpc"]
    names = {e["rpc"]: (e.get("place") or {}).get("name", "") for e in events if e["phase"] == "recv"}
    return [(e["method"], names[e["rpc"]]) for e in events if e["phase"] == "send" and e["n"] == client]


@contextmanager
def _otherwise(site: Site) -> Iterator[None]:
    """Has client1 run its policy in permissive mode, so that its fingerprint is not the servers'."""
    admin = Caller.of(site.admin.spec.subject())
    node = site.cluster.node("client1").admin
    enforcing = site.cluster.spec.mode == "enforcing"
    node.set_enforce(admin_pb2.SetEnforceRequest(enforcing=not enforcing), admin)
    try:
        yield
    finally:
        node.set_enforce(admin_pb2.SetEnforceRequest(enforcing=enforcing), admin)
