"""The store: steps, groups and locks, and what a disk that refuses does to them."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from host.store import Store, Txn, fid_bytes, fid_from
from lsm import Fid
from rpc import Recorder, ReplyCache, SystemClock

SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY);"


class FullDisk:
    """A connection on which statements that begin with `at` fail as on a full disk, and end the transaction."""

    def __init__(self, db: sqlite3.Connection, at: str) -> None:
        self.db = db
        self.at = at

    def execute(self, sql: str, *params: Any) -> sqlite3.Cursor:
        if sql.startswith(self.at):
            self.db.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self.db.execute(sql, *params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Runs a scenario on a store of its own; `reopen()` gives a new one on the same file."""

    def runner(scenario: Callable[..., Coroutine[Any, Any, None]]) -> None:
        opened: list[Store] = []

        def reopen() -> Store:
            recorder = Recorder("mds0", None, SystemClock())
            opened.append(Store(tmp_path / "t.db", "mds0", SCHEMA, recorder, ReplyCache()))
            return opened[-1]

        async def whole() -> None:
            try:
                await scenario(reopen(), reopen)
            finally:
                for store in opened:
                    store.db.close()

        asyncio.run(whole())

    return runner


def add(store: Store, name: str) -> None:
    with store.op(None) as txn:
        txn.write("INSERT INTO things VALUES (?)", name)


def add_twice(store: Store, name: str, undo: Callable[[], None]) -> None:
    with store.op(None) as txn:
        txn.undo(undo)
        txn.write("INSERT INTO things VALUES (?)", name)
        txn.write("INSERT INTO things VALUES (?)", name)


def names(store: Store) -> list[str]:
    return [row[0] for row in store.db.execute("SELECT name FROM things ORDER BY name")]


def test_a_store_that_can_only_be_read_is_read(run):
    """A file that cannot be written is opened, and a step that writes is refused with EROFS; reads go on."""

    async def scenario(store, reopen):
        add(store, "a")
        await store.settled()
        store.db.execute("PRAGMA query_only = ON")

        with pytest.raises(OSError) as refused:
            add(store, "b")

        assert refused.value.errno == errno.EROFS
        assert names(store) == ["a"]
        store.db.execute("PRAGMA query_only = OFF")
        add(store, "c")
        await store.settled()
        assert names(reopen()) == ["a", "c"]

    run(scenario)


def test_steps_of_one_turn_are_one_commit(run):
    """Each step has its transno; the last of the group is durable at once with the first."""

    async def scenario(store, reopen):
        add(store, "a")
        add(store, "b")
        assert (store.transno, store.last_committed) == (2, 0)
        await store.committed(1)

        assert store.last_committed == 2
        assert names(reopen()) == ["a", "b"]
        assert reopen().transno == 2

    run(scenario)


def test_a_step_that_raises_leaves_the_others_of_its_group(run):
    """It is rolled back to its savepoint, takes back what it did in memory, and has no transno."""

    async def scenario(store, reopen):
        undone = []
        add(store, "a")
        with pytest.raises(sqlite3.IntegrityError):
            add_twice(store, "b", lambda: undone.append("b"))
        await store.settled()

        assert names(store) == ["a"]
        assert undone == ["b"]
        assert store.last_committed == 1

    run(scenario)


def test_a_step_that_only_reads_has_no_transno(run):
    """It waits for what it may have seen, not for a commit of its own."""

    async def scenario(store, reopen):
        with store.op(None) as txn:
            assert txn.read("SELECT COUNT(*) FROM things").fetchone() == (0,)
        await store.settled()

        assert store.transno == 0
        assert not store.db.in_transaction

    run(scenario)


def counted(txn: Txn) -> int:
    """How many things there are, remembered until somebody forgets it."""
    return txn.remembered("things", lambda: txn.read("SELECT COUNT(*) FROM things").fetchone()[0])


def grow(store: Store, name: str, *, fails: bool = False) -> None:
    with store.op(None) as txn:
        txn.write("INSERT INTO things VALUES (?)", name)
        txn.forget("things")
        counted(txn)
        if fails:
            raise OSError(errno.EACCES, "refused")


@pytest.mark.parametrize("lost", ["the step", "its group"])
def test_what_a_lost_step_read_of_its_own_writes_is_not_remembered(run, lost):
    """What is remembered lasts over steps, and is gone once a step or a group is rolled back that may have made it."""

    async def scenario(store, reopen):
        grow(store, "a")
        await store.settled()
        with store.op(None) as txn:
            assert txn.remembered("things", lambda: 1 / 0) == 1
        if lost == "the step":
            with pytest.raises(PermissionError):
                grow(store, "b", fails=True)
        else:
            grow(store, "b")
            db, store.db = store.db, FullDisk(store.db, "COMMIT")
            with pytest.raises(OSError):
                await store.settled()
            store.db = db

        with store.op(None) as txn:
            assert counted(txn) == 1

    run(scenario)


def test_a_refusal_that_wrote_nothing_forgets_nothing(run):
    """Most refusals are answers to a question; what was read before them stands."""

    async def scenario(store, reopen):
        grow(store, "a")
        await store.settled()
        with pytest.raises(PermissionError), store.op(None):
            raise OSError(errno.EACCES, "refused")

        with store.op(None) as txn:
            assert txn.remembered("things", lambda: 1 / 0) == 1

    run(scenario)


@pytest.mark.parametrize("at", ["COMMIT", "INSERT INTO things"])
def test_a_transaction_that_sqlite_ended_is_lost_as_a_whole(run, at):
    """Every step of the group is refused with ENOSPC, in memory too; then the store goes on."""

    async def scenario(store, reopen):
        undone = []
        with store.op(None) as txn:
            txn.write("INSERT OR REPLACE INTO things VALUES ('x')")
            txn.undo(lambda: undone.append("x"))
        waiting = store._group.done
        db = store.db
        store.db = FullDisk(db, at)
        if at != "COMMIT":
            with pytest.raises(OSError) as caught:
                add(store, "a")
            assert caught.value.errno == errno.ENOSPC
        with pytest.raises(OSError) as caught:
            await waiting
        store.db = db

        assert caught.value.errno == errno.ENOSPC
        assert undone == ["x"]
        add(store, "b")
        await store.settled()
        assert names(reopen()) == ["b"]

    run(scenario)


def test_a_raw_view_is_of_the_tables(run):
    """What is collected as evidence is what is stored, whatever a target remembers of it; steps build on that."""

    async def scenario(store, reopen):
        add(store, "a")
        await store.settled()
        assert store.view().remembered("all", lambda: names(store)) == ["a"]
        store.db.execute("INSERT INTO things VALUES ('behind its back')")
        assert store.view().remembered("all", lambda: names(store)) == ["a"]
        assert store.view(raw=True).remembered("all", lambda: names(store)) == ["a", "behind its back"]

    run(scenario)


def test_a_number_is_given_once_to_whoever_hears_of_it(run):
    """Over a refused step, which has none for the next one, and over a restart."""

    async def scenario(store, reopen):
        def numbered(store: Store, name: str) -> int:
            with store.op(None) as txn:
                txn.write("INSERT INTO things VALUES (?)", name)
                return txn.number("next")

        assert numbered(store, "a") == 1
        with pytest.raises(sqlite3.IntegrityError):
            numbered(store, "a")
        assert numbered(store, "b") == 2
        await store.settled()
        again = reopen()
        assert numbered(again, "c") == 3
        await again.settled()

    run(scenario)


def test_what_must_be_durable_first_can_refuse_the_commit(run):
    """`before_commit` runs before each COMMIT; its OSError fails the group."""

    async def scenario(store, reopen):
        def full() -> None:
            raise OSError(errno.ENOSPC, "no room")

        store.before_commit(full)
        add(store, "a")
        with pytest.raises(OSError) as caught:
            await store.settled()

        assert caught.value.errno == errno.ENOSPC
        assert names(store) == []

    run(scenario)


def test_a_waiter_that_is_cancelled_harms_no_other(run):
    """The commit that several wait for goes on when one of them is cancelled."""

    async def scenario(store, reopen):
        add(store, "a")
        first, second = (asyncio.ensure_future(store.settled()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second

        assert store.last_committed == 1

    run(scenario)


def test_locks_are_taken_in_fid_order_and_given_in_turn(run):
    """Two that want the same two FIDs, named in either order, never wait for each other; unused locks are forgotten."""

    async def scenario(store, reopen):
        a, b = Fid(1, 1), Fid(1, 2)
        order = []

        async def hold(name: str, *fids: Fid) -> None:
            async with store.locks.hold(*fids):
                order.append(name)
                await asyncio.sleep(0)
                order.append(name)

        await asyncio.gather(hold("x", a, b), hold("y", b, a), hold("z", a, a))

        assert order == ["x", "x", "y", "y", "z", "z"]
        assert not store.locks._table

    run(scenario)


def test_who_waited_for_a_lock_in_vain_leaves_nothing(run):
    async def scenario(store, reopen):
        async def wait() -> None:
            async with store.locks.hold(Fid(1, 1), Fid(1, 2)):
                raise AssertionError("the second is held")

        async with store.locks.hold(Fid(1, 2)):
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                waiting.cancel()
                await asyncio.wait([waiting])
            assert waiting.cancelled()
        assert store.locks._table == {}
        async with asyncio.timeout(5), store.locks.hold(Fid(1, 1), Fid(1, 2)):
            pass

    run(scenario)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    """EIO that names the file, not a traceback of SQLite's."""
    path = tmp_path / "mdt.db"
    path.write_bytes(b"this is not a database at all" * 100)

    with pytest.raises(OSError) as caught:
        Store(path, "mds0", SCHEMA, Recorder("mds0", None, SystemClock()), ReplyCache())
    assert (caught.value.errno, "mdt.db" in str(caught.value)) == (errno.EIO, True)


@pytest.mark.parametrize("before", [SCHEMA.replace("name TEXT", "title TEXT"), ""])
def test_a_store_of_another_release_is_refused_by_name(tmp_path, before):
    """With other tables, or from before there was a number for them: EIO that says what to do."""
    path = tmp_path / "mdt.db"
    if before:
        Store(path, "mds0", before, Recorder("mds0", None, SystemClock()), ReplyCache()).close()
    else:
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE meta (key TEXT)")
        db.close()

    with pytest.raises(OSError, match=r"mdt\.db has the tables of another release; begin with an empty"):
        Store(path, "mds0", SCHEMA, Recorder("mds0", None, SystemClock()), ReplyCache())


@pytest.mark.parametrize("fid", [Fid(0, 0), Fid((1 << 64) - 1, (1 << 32) - 1, (1 << 32) - 1), Fid(0x200000400, 7)])
def test_fids_are_keys_both_ways(fid):
    """16 bytes, for every FID that the wire can carry."""
    assert fid_from(fid_bytes(fid)) == fid


def test_what_is_no_fid_is_refused():
    """EINVAL, not an overflow."""
    with pytest.raises(OSError) as caught:
        fid_bytes(Fid(1 << 64, 0))
    assert caught.value.errno == errno.EINVAL
