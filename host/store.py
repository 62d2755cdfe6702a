"""One SQLite connection a target: an op is one step, and its reply leaves after the group commit that contains it.

    async with store.locks.hold(fid):          # may wait
        with store.op(call) as txn:            # no await inside: checks, then writes, in one savepoint
            ...
    await store.committed(call.transno)

A group is what gathered in one turn of the loop. Its COMMIT makes all of it durable (WAL, synchronous=FULL) or, when
the disk refuses, none of it: then every op of the group fails with ENOSPC, EROFS or EIO and the target goes on.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from google.protobuf.message import Message

from host.locks import Locks
from lsm import Fid
from rpc.call import Call
from rpc.record import Recorder
from rpc.replies import ReplyCache, Row

# By SQLite's primary result code.
_DISK_ERRORS = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}

Undo = Callable[[], object]
Param = int | str | bytes | None
M = TypeVar("M", bound=Message)
T = TypeVar("T")

# How many inodes or objects a target remembers, about a kilobyte each.
KEPT_MAX = 10_000

# SQLite's integers are signed; a larger xid cannot be kept, so it cannot be served.
XID_MAX = (1 << 63) - 1

_TRANSNO = "transno"

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (
    client TEXT, xid INTEGER, request BLOB, subject BLOB, reply BLOB, PRIMARY KEY (client, xid)
) WITHOUT ROWID;
"""


class Txn:
    """One op's step on the store; only of use inside its `with`. A step that wrote gets a transno as it ends.

    `kept`: what was read or written before and still stands. `numbers`: of each kind the next one to give.
    """

    __slots__ = ("_db", "_kept", "_numbers", "changed", "reply", "undos")

    def __init__(self, db: sqlite3.Connection, kept: dict[Hashable, Any], numbers: dict[str, int]) -> None:
        self._db = db
        self._kept = kept
        self._numbers = numbers
        # Whether it wrote, and so stands in a savepoint.
        self.changed = False
        self.reply: Message | None = None
        self.undos: list[Undo] = []

    def read(self, sql: str, *params: Param) -> sqlite3.Cursor:
        return self._db.execute(sql, params)

    def remembered(self, key: Hashable, load: Callable[[], T]) -> T:
        """What `load` reads, or what is known of it, until `forget(key)` or a rollback. Not to be changed in place."""
        try:
            found: T = self._kept[key]
        except KeyError:
            found = load()
            self.remember(key, found)
        return found

    def remember(self, key: Hashable, value: object) -> None:
        """To be called, or `forget`, with each write to what is remembered as `key`: what `load` would read now."""
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = value

    def forget(self, key: Hashable) -> None:
        """As `remember`, where the writer does not know it whole."""
        self._kept.pop(key, None)

    def kept(self, key: Hashable) -> Any:
        """What is remembered as `key`; None if nothing is, or nothing is there."""
        return self._kept.get(key)

    def write(self, sql: str, *params: Param) -> int:
        """Runs a statement that changes rows; how many it changed. The first one begins the step's savepoint."""
        if not self.changed:
            self.changed = True
            if not self._db.in_transaction:
                self._db.execute("BEGIN")
            self._db.execute("SAVEPOINT op")
        return self._db.execute(sql, params).rowcount

    def number(self, key: str) -> int:
        """The target's next number of a kind, from 1, for a step that writes; no other is ever told of it."""
        given = self._numbers.get(key, 1)
        self._numbers[key] = given + 1
        return given

    def undo(self, callback: Undo) -> None:
        """To be called should the step, or later its group, be rolled back: takes back what memory holds of it."""
        self.undos.append(callback)

    def keep(self, reply: M) -> M:
        """Keeps the reply in the reply cache, in this step's savepoint, if the step changes something."""
        self.reply = reply
        return reply


@dataclass(slots=True)
class _Group:
    """The steps that one COMMIT will make durable."""

    first: int
    last: int
    done: asyncio.Future[None]
    undos: list[Undo] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


class Store:
    """The durable state of one target. `schema` is the role's own tables, made if they are missing.

    OSError(EIO) if the file cannot be opened or is no database of ours.
    """

    def __init__(self, path: Path, target: str, schema: str, recorder: Recorder, replies: ReplyCache) -> None:
        self.path = path
        self.target = target
        self.locks = Locks()
        self.replies = replies
        self._recorder = recorder
        self._kept: dict[Hashable, Any] = {}
        self._group: _Group | None = None
        self._before: list[Callable[[], None]] = []
        with disk_errors(path):
            self.db = _connected(path, SCHEMA + schema)
            known = dict(self.db.execute("SELECT key, value FROM meta"))
            self.transno = self.last_committed = known.pop(_TRANSNO, 0)
            # Written with each commit: a number that was given and not committed was told to nobody.
            self._numbers: dict[str, int] = known
            self.replies.load(Row(*row) for row in self.db.execute("SELECT * FROM replies ORDER BY client, xid"))

    def close(self) -> None:
        """Commits what is open, and closes the connection."""
        self.flush()
        self.db.close()

    def before_commit(self, prepare: Callable[[], None]) -> None:
        """`prepare` runs before each COMMIT; its OSError fails the group."""
        self._before.append(prepare)

    def view(self, *, raw: bool = False) -> Txn:
        """For who only reads, outside any step; `raw`: from the tables, whatever is remembered of them."""
        return Txn(self.db, {} if raw else self._kept, self._numbers)

    def op(self, call: Call | None, *, verify: bool = True) -> Step:
        """One step: checks and writes with no await between. Whatever is raised inside rolls it back.

        As it ends, the call's firings are held against its declaration (`verify` False: a step that asks nothing,
        of a call that asked before). `call` None is for the target's own steps.
        """
        return Step(self, call, verify)

    async def committed(self, transno: int) -> None:
        """Returns when the step `transno` is durable; OSError if its group could not be made so."""
        if transno > self.last_committed:
            await self.settled()
        if transno > self.last_committed:
            raise OSError(errno.EIO, f"step {transno} of {self.target} was rolled back with its group")

    async def settled(self) -> None:
        """Returns when everything that a step has seen so far is durable; OSError if it was rolled back instead."""
        if self._group is not None:
            # Several wait for one commit: one of them being cancelled must not cancel it for the others.
            await asyncio.shield(self._group.done)

    def flush(self) -> None:
        """Commits the open group now."""
        group, self._group = self._group, None
        if group is None:
            return
        try:
            with disk_errors(self.path):
                for prepare in self._before:
                    prepare()
                numbers = {_TRANSNO: group.last, **self._numbers}
                self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", numbers.items())
                self.db.execute("COMMIT")
        except OSError as error:
            self._failed(group, error)
            return
        self.last_committed = group.last
        for row in group.rows:
            self.replies.keep(row)
        group.done.set_result(None)
        # The group's replies are written next.
        self._recorder.later("commit", target=self.target, first=group.first, last=group.last)

    def _ended(self, txn: Txn, call: Call | None, verify: bool) -> None:
        """A step whose body is through; what is raised here rolls it back too."""
        if call is not None and verify:
            call.verify()
        if txn.changed:
            row = self._numbered(txn, call)
            self.db.execute("RELEASE op")
            self._join(txn, row)

    def _numbered(self, txn: Txn, call: Call | None) -> Row | None:
        """Gives the step its transno, and saves its reply in the step itself."""
        self.transno += 1
        if call is None:
            return None
        call.transno = self.transno
        txn.undo(lambda: call.batch.drop("label"))
        client = call.peer.node
        if call.xid > XID_MAX:
            raise OSError(errno.EPROTO, f"xid {call.xid} of {client} is beyond any that can be kept")
        if call.acked_xid:
            acked = min(call.acked_xid, XID_MAX)
            txn.write("DELETE FROM replies WHERE client = ? AND xid <= ?", client, acked)
        if txn.reply is None:
            return None
        row = call.remember(txn.reply)
        txn.write("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)", *row)
        return row

    def _join(self, txn: Txn, row: Row | None) -> None:
        """Puts the step into the open group, or opens one, which is committed at the end of this turn of the loop."""
        if self._group is None:
            loop = asyncio.get_running_loop()
            self._group = _Group(self.transno, self.transno, loop.create_future())
            loop.call_soon(self.flush)
        self._group.last = self.transno
        self._group.undos += txn.undos
        if row is not None:
            self._group.rows.append(row)

    def _rolled_back(self, txn: Txn, error: BaseException) -> None:
        """Undoes one step. If that takes the whole transaction (SQLite may end it itself), the group is lost."""
        group = self._group
        if txn.changed:
            self._kept.clear()
        if not self._stands_without(txn):
            self._group = None
            if group is not None:
                self._failed(group, error)
        if self._group is None and self.db.in_transaction:
            self.db.execute("ROLLBACK")
        _take_back(txn.undos)

    def _stands_without(self, txn: Txn) -> bool:
        """Takes what the step wrote out of the open transaction; False if the group went with it."""
        if not self.db.in_transaction:
            return self._group is None
        if txn.changed:
            try:
                self.db.execute("ROLLBACK TO op")
                self.db.execute("RELEASE op")
            except sqlite3.Error:
                return False
        return True

    def _failed(self, group: _Group, error: BaseException) -> None:
        """Nothing of the group happened; whoever waits for it hears why, and the target goes on."""
        self._kept.clear()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        _take_back(group.undos)
        group.done.set_exception(error if isinstance(error, OSError) else OSError(errno.EIO, str(error)))
        group.done.exception()  # nobody may be waiting for it: then it is not "never retrieved"


class Step:
    """The `with` of one step (Store.op). No generator: every call of every rpc comes by here."""

    __slots__ = ("_call", "_store", "_txn", "_verify")

    def __init__(self, store: Store, call: Call | None, verify: bool) -> None:
        self._store = store
        self._call = call
        self._verify = verify
        self._txn = store.view()

    def __enter__(self) -> Txn:
        return self._txn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._undo(error)
            return
        try:
            self._store._ended(self._txn, self._call, self._verify)
        except BaseException as late:
            self._undo(late)
            raise

    def _undo(self, error: BaseException) -> None:
        told = disk_error(self._store.path, error)
        self._store._rolled_back(self._txn, told or error)
        if told is not None:
            raise told from error


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """SQLite's complaints about the disk, raised inside, as OSErrors."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if (told := disk_error(path, error)) is not None:
            raise told from error
        raise


def disk_error(path: Path, error: BaseException) -> OSError | None:
    """SQLite's complaint about the disk as OSError: see _DISK_ERRORS, else EIO. None for others, which are bugs."""
    if isinstance(error, sqlite3.OperationalError):
        return OSError(_DISK_ERRORS.get(error.sqlite_errorcode & 0xFF, errno.EIO), f"{path.name}: {error}")
    if type(error) is sqlite3.DatabaseError:
        return OSError(errno.EIO, f"{path.name} is damaged: {error}")
    return None


def fid_bytes(fid: Fid) -> bytes:
    """A FID as a key of 16 bytes, ordered as the FID is; OSError(EINVAL) for one that is none."""
    try:
        return fid.seq.to_bytes(8, "big") + fid.oid.to_bytes(4, "big") + fid.ver.to_bytes(4, "big")
    except OverflowError:
        raise OSError(errno.EINVAL, f"{fid} is no FID") from None


def fid_from(data: bytes) -> Fid:
    """The inverse of fid_bytes."""
    return Fid(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:12], "big"), int.from_bytes(data[12:], "big"))


def _connected(path: Path, schema: str) -> sqlite3.Connection:
    """A connection whose transactions are ours to begin and end."""
    db: sqlite3.Connection = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # SQLite keeps a number for us (PRAGMA user_version): here of the tables, so that those of another release are told.
    (tables,), ours = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone(), zlib.crc32(schema.encode()) >> 1
    if not tables:
        db.executescript(f"BEGIN; {schema} PRAGMA user_version = {ours}; COMMIT;")
    elif db.execute("PRAGMA user_version").fetchone() != (ours,):
        db.close()
        raise OSError(errno.EIO, f"{path.name} has the tables of another release; begin with an empty data directory")
    return db


def _take_back(undos: Sequence[Callable[[], Any]]) -> None:
    for undo in reversed(undos):
        undo()
