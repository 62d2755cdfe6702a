"""What is acknowledged is durable; what could not be made durable is refused, and the server goes on."""

import asyncio
import errno
import sqlite3

import pytest

import rpc
from labelproof.v1 import mds_pb2
from lsm import Fid
from mds import reaper
from mds.osts import Osts

NEW = 0o302  # O_CREAT | O_EXCL | O_RDWR


class FullDisk:
    """A connection whose COMMIT fails as on a full disk while `full`; statements that match `at` fail too."""

    def __init__(self, db: sqlite3.Connection, at: str = "COMMIT", *, ends: bool = False) -> None:
        self.db = db
        self.full = True
        self.at = at
        self.ends = ends

    def execute(self, sql, *params):
        if self.full and sql.startswith(self.at):
            if self.ends:
                self.db.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self.db.execute(sql, *params)

    def __getattr__(self, name):
        return getattr(self.db, name)


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def test_a_killed_server_has_everything_that_it_acknowledged(run):
    """Names, labels, data, sizes and FIDs are there after kill -9 of all; new FIDs are none of the old ones."""

    async def scenario(world):
        user = world.user()
        before = (await user.mkdir("/d")).attr.entry
        opened = await user.open("/d/f", NEW)
        await user.write(opened, 0, b"0123456789")
        for name in ("mds0", "oss0", "oss1"):
            await world.kill(name)
        for name in ("mds0", "oss0", "oss1"):
            await world.start(name)
        for name in ("mds0", "oss0", "oss1"):
            await world.join(name)
            await world.load(name)

        user = world.user()
        assert (await user.stat("/d")).entry == before
        assert (await user.stat("/d/f")).size == 10
        again = await user.open("/d/f")
        assert await user.read(again, 0, 10) == b"0123456789"
        made = await user.mkdir("/e")
        assert made.attr.entry.fid.oid > opened.attr.entry.fid.oid

    run(scenario)


def test_a_resend_after_a_restart_is_answered_from_the_store(run):
    """The same xid gives the reply of the first time, with its transno, and makes nothing twice."""

    async def scenario(world):
        user = world.user()
        name, ticket = await user.name("/d")
        request = mds_pb2.MkdirRequest(name=name, mode=0o755)
        first = await user.mds("mkdir", request, ticket, xid=1 << 60)
        await world.restart("mds0")
        again = await user.mds("mkdir", request, ticket, xid=1 << 60)
        other = user.mds("mkdir", mds_pb2.MkdirRequest(name=name, mode=0o700), ticket, xid=1 << 60)

        assert again.receipt.resent
        assert (again.attr, again.receipt.transno) == (first.attr, first.receipt.transno)
        await refused(other, errno.EPROTO)

    run(scenario)


@pytest.mark.parametrize("ends", [False, True], ids=["statement", "transaction"])
@pytest.mark.parametrize("at", ["COMMIT", "INSERT INTO entries", "RELEASE", "INSERT OR REPLACE INTO replies"])
def test_a_full_disk_refuses_and_loses_nothing(run, at, ends):
    """ENOSPC, definite, wherever SQLite says so; nothing of the op is there, what was there stays, and it goes on."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/kept")
        store = world.mdt.store
        store.db = disk = FullDisk(store.db, at, ends=ends)
        name, ticket = await _name_at_root(world, user)
        making = user.mds("mkdir", mds_pb2.MkdirRequest(name=name, mode=0o755), ticket)
        error = await refused(making, errno.ENOSPC)
        disk.full = False

        assert rpc.definite(error)
        await refused(user.stat("/d"), errno.ENOENT)
        assert (await user.stat("/kept")).nlink == 2
        assert [e for e in world.events("mds0", "label") if e["as"] == "d"] == []
        await user.mkdir("/d")
        await world.restart("mds0")
        assert (await world.user().stat("/d")).nlink == 2

    run(scenario)


async def _name_at_root(world, user) -> tuple[mds_pb2.Name, bytes]:
    """A name in the root with its ticket, made without the server's disk."""
    root = Fid(0x200000007, 1)
    node = world.servers["mds0"].node
    ticket = node.seal.ticket(root, user.subject.digest, node.policy.stamp)
    return mds_pb2.Name(parent=rpc.fid_message(root), name=b"d"), ticket


def test_handles_of_a_lost_group_are_gone(run):
    """An open whose commit failed leaves no handle behind."""

    async def scenario(world):
        user = world.user()
        await user.create("/f")
        store = world.mdt.store
        fid = await user.at("/f")
        ticket = user.tickets[fid.SerializeToString()]
        store.db = disk = FullDisk(store.db)
        request = mds_pb2.OpenRequest(place=mds_pb2.Place(fid=fid), flags=2)
        await refused(user.mds("open", request, ticket), errno.ENOSPC)
        disk.full = False

        assert not world.mdt.handles.is_open(rpc.fid_of(fid))

    run(scenario)


def test_ops_that_gather_share_one_commit(run):
    """Several creates at once are made durable by fewer commits, and no reply leaves before its own."""

    async def scenario(world):
        users = [world.user(f"client{n}") for n in range(8)]
        for user in users:
            await user.at("/")
        before = len(world.events("mds0", "commit"))
        made = await asyncio.gather(*(_mkdir_in_root(user, f"d{n}") for n, user in enumerate(users)))

        commits = world.events("mds0", "commit")[before:]
        assert len(commits) < len(made)
        assert all(each.receipt.last_committed >= each.receipt.transno for each in made)
        assert sum(e["last"] - e["first"] + 1 for e in commits) == len(made)

    run(scenario)


async def _mkdir_in_root(user, name: str):
    root = await user.at("/")
    place = mds_pb2.Name(parent=root, name=name.encode())
    request = mds_pb2.MkdirRequest(name=place, mode=0o755)
    return await user.mds("mkdir", request, user.tickets[root.SerializeToString()])


def test_unlinked_files_are_destroyed_when_their_ost_is_back(run):
    """The orphan list is durable: an OST that is down at unlink loses its object after the restart of both."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefgh")
        await user.close(opened)
        await world.kill("oss1")
        await user.remove("/f")
        await world.kill("mds0")
        for name in ("oss1", "mds0"):
            await world.start(name)
        for name in ("oss1", "mds0"):
            await world.join(name)
            await world.load(name)
        await world.mdt.reaper._task

        assert [list(world.servers[name].app.collect()) for name in ("oss0", "oss1")] == [[], []]
        assert len(list(world.servers["mds0"].app.collect())) == 1

    run(scenario)


def test_an_ost_that_was_cut_off_for_long_is_not_given_up(run, monkeypatch):
    """However many tries fail, the object is destroyed when the OST can be reached again, with nobody to say so."""
    monkeypatch.setattr(reaper, "PAUSES_S", (0.0, 0.001))
    destroy, tries = Osts.destroy, []

    async def cut_off(self, inode):
        tries.append(inode.fid)
        if len(tries) < 6:
            raise OSError(errno.EIO, "no reply")
        await destroy(self, inode)

    monkeypatch.setattr(Osts, "destroy", cut_off)

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefgh")
        await user.close(opened)
        await user.remove("/f")
        await world.mdt.reaper._task

        assert len(tries) == 6
        assert [list(world.servers[name].app.collect()) for name in ("oss0", "oss1")] == [[], []]

    run(scenario)


def test_a_close_without_its_osts_leaves_the_size_to_them(run):
    """If an OST cannot be asked at the last close, the close succeeds and stat asks again later."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefgh")
        await world.kill("oss1")
        await user.close(opened)
        await refused(user.stat("/f"), errno.EIO)
        await world.start("oss1")
        await world.join("oss1")
        await world.join("mds0")
        await world.load("oss1")

        assert (await user.stat("/f")).size == 8

    run(scenario)


def test_evidence_names_every_object(run):
    """collect gives path, mode, label and version of each inode and object as stored."""

    async def scenario(world):
        user = world.user()
        await user.mkdir("/d")
        opened = await user.open("/d/f", NEW)
        await user.write(opened, 0, b"abcdefgh")

        mdt = {o.path: o for o in world.servers["mds0"].app.collect()}
        assert set(mdt) == {"/", "/d", "/d/f"}
        assert mdt["/"].labels[0].value == b"system_u:object_r:root_t:s0"
        ost = list(world.servers["oss1"].app.collect())
        assert [(o.fid, o.stripe, o.target) for o in ost] == [(mdt["/d/f"].fid, 1, "oss1")]

    run(scenario)


def test_a_root_context_that_is_none_is_said(run):
    """EINVAL naming the context; nothing is made."""

    async def scenario(world):
        await world.kill("mds0")
        for path in (world.folder / "mds0").iterdir():
            path.unlink()
        world.root_context = "no_u:no_r:no_t:s0"
        await world.start("mds0")

        assert "no_t" in str(await refused(world.load("mds0"), errno.EINVAL))
        assert list(world.servers["mds0"].app.collect()) == []

    run(scenario)


def test_a_nameless_file_ends_with_the_server_that_had_it_open(run):
    """Handles are lost at a restart, so a file that was unlinked while open goes then, with its objects."""

    async def scenario(world):
        user = world.user()
        opened = await user.open("/f", NEW)
        await user.write(opened, 0, b"abcdefgh")
        await user.remove("/f")
        await world.restart("mds0")
        await world.mdt.reaper._task

        assert [list(world.servers[name].app.collect()) for name in ("oss0", "oss1")] == [[], []]
        assert len(list(world.servers["mds0"].app.collect())) == 1

    run(scenario)
