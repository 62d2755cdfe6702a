"""Data for a token: what is served, what is refused, and what the disk is left with."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

import rpc
from labelproof.v1 import context_pb2, oss_pb2
from lsm import Fid
from rpc.context import task_digest


async def refused(awaitable, number: int) -> OSError:
    with pytest.raises(OSError) as caught:
        await awaitable
    assert errno.errorcode[caught.value.errno] == errno.errorcode[number], caught.value
    return caught.value


def files(world) -> list[Path]:
    return list((world.folder / "oss0" / "objects").iterdir())


def nothing_stored(world) -> bool:
    return not list(world.server.app.collect()) and not files(world)


def test_bytes_holes_and_ends(run):
    """A read gives what was written, NULs in holes, and is short at the object's end."""

    async def scenario(world):
        assert await world.read(0, 10) == b""
        reply = await world.write(3, b"abc")

        assert reply.size == 6
        assert await world.read(0, 100) == b"\0\0\0abc"
        assert await world.read(4, 1) == b"b"
        assert await world.read(6, 1) == b""
        assert await world.read(1 << 63, 1) == b""

    run(scenario)


@pytest.mark.parametrize(
    ("changes", "stripe", "error"),
    [
        ({"subject": b"another"}, 0, errno.EACCES), ({"expires_ns": 1}, 0, errno.EACCES),
        ({"rights": 4}, 0, errno.EBADF), ({"rights": 0}, 0, errno.EBADF),
        ({}, 1, errno.EINVAL), ({}, 2, errno.EINVAL), ({}, (1 << 32) - 1, errno.EINVAL),
        ({"layout": context_pb2.Layout()}, 0, errno.EINVAL),
    ],
)  # fmt: skip
def test_tokens_that_do_not_allow_a_write(run, changes, stripe, error):
    """Another subject's, an expired one, one without the right, a stripe that is not here: nothing is stored."""

    async def scenario(world):
        await refused(world.write(0, b"x", stripe, world.token(**changes)), error)

        assert nothing_stored(world)

    run(scenario)


def test_tokens_that_are_none(run):
    """Missing, damaged, of another kind: EACCES."""

    async def scenario(world):
        good = world.token()
        ticket = world.seal.ticket(Fid(1, 1), world.user.digest, 1)

        for token in (b"", b"junk", good[:-1], bytes([good[0]]) + good[1:-1] + bytes([good[-1] ^ 1]), ticket):
            await refused(world.write(0, b"x", 0, token), errno.EACCES)
        assert nothing_stored(world)

    run(scenario)


@pytest.mark.parametrize(
    ("offset", "length", "error"),
    [
        (0, (1 << 20) + 1, errno.EINVAL),
        (1 << 40, 1, errno.EFBIG),
        ((1 << 64) - 1, 1, errno.EFBIG),
        ((1 << 40) - 1, 1, 0),
    ],
)
def test_limits_of_a_write(run, offset, length, error):
    """At most 1 MiB at a time, and no object beyond 2**40 bytes; files are sparse."""

    async def scenario(world):
        if error:
            await refused(world.write(offset, bytes(length)), error)
            assert nothing_stored(world)
        else:
            assert (await world.write(offset, bytes(length))).size == offset + length

    run(scenario)


def test_reads_have_a_limit_too(run):
    """EINVAL beyond 1 MiB, before anything is allocated for it."""

    async def scenario(world):
        await refused(world.read(0, (1 << 20) + 1), errno.EINVAL)

    run(scenario)


def test_the_label_is_stored_with_the_first_write(run):
    """Object, label and the history's event are of the same transno; later writes tell nothing new."""

    async def scenario(world):
        first = await world.write(0, b"x")
        await world.write(1, b"y")

        (raw,) = world.server.app.collect()
        assert raw.labels[0].value == b"user_u:object_r:home_t:s0"
        (event,) = world.events("label")
        assert (event["why"], event["transno"], event["stripe"]) == ("token", first.receipt.transno, 0)

    run(scenario)


def test_mac_is_asked_again_when_the_policy_moved(run):
    """A token of this label and policy needs no decision; of an older policy it does."""

    async def scenario(world):
        assert not (await world.write(0, b"x")).judged
        assert world.events("avc") == []
        assert (await world.write(0, b"x", token=world.token(policy=0))).judged

        assert [(e["hook"], e["requested"]) for e in world.events("avc")] == [("file_permission", ["write"])]

    run(scenario)


def test_a_task_with_another_context_has_to_be_allowed_what_it_opened(run):
    """fd {use} of who opened the file, then the access anew; denied where either is."""

    async def scenario(world):
        await world.write(0, b"x")
        task = task_digest(world.user)

        def opened_by(context: str) -> bytes:
            opener = [context_pb2.Label(name="selinux", value=context.encode())]
            return world.token(subject=b"x" * 32, task=task, opener=opener)

        assert await world.read(0, 1, token=opened_by("user_u:user_r:guest_t:s0")) == b"x"
        assert [(e["tclass"], e["requested"]) for e in world.events("avc")] == [("fd", ["use"]), ("file", ["read"])]
        await refused(world.read(0, 1, token=opened_by("user_u:object_r:home_t:s0")), errno.EACCES)
        assert world.events("avc")[-1]["denied"] == ["use"]

    run(scenario)


def test_the_stored_label_is_judged_not_the_tokens(run):
    """An object of another label than the token says: the object's own counts."""

    async def scenario(world):
        await world.write(0, b"x", token=world.token(entry=world.entry("ro_t", 7)))
        await refused(world.write(0, b"y", token=world.token(entry=world.entry("home_t", 3))), errno.EACCES)

        assert await world.read(0, 1) == b"x"

    run(scenario)


def test_a_missing_hook_writes_nothing(run, monkeypatch):
    """Complete mediation is held before the bytes, which could not be rolled back."""

    async def scenario(world):
        from lsm import vfs

        await world.write(0, b"old")
        monkeypatch.setitem(vfs.OPS, "file", ())
        await refused(world.write(0, b"new"), errno.EACCES)
        monkeypatch.undo()

        assert await world.read(0, 3) == b"old"

    run(scenario)


class Failing:
    """A connection whose COMMIT fails as on a full disk."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def execute(self, sql, *params):
        if sql == "COMMIT" and self.db.in_transaction and self.db.total_changes:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self.db.execute(sql, *params)

    def __getattr__(self, name):
        return getattr(self.db, name)


def test_bytes_of_a_lost_commit_do_not_come_back(run):
    """A write whose commit failed is ENOSPC; what it left in the file is no part of the object, also when it grows."""

    async def scenario(world):
        await world.write(0, b"ab")
        store = world.ost.store
        db, store.db = store.db, Failing(store.db)
        await refused(world.write(2, b"LOST"), errno.ENOSPC)
        store.db = db

        assert await world.read(0, 9) == b"ab"
        await world.write(8, b"z")
        assert await world.read(0, 9) == b"ab\0\0\0\0\0\0z"

    run(scenario)


def test_a_full_disk_under_the_object_is_refused(run, monkeypatch):
    """ENOSPC from the object file: refused, definite, the object as it was, and the server goes on."""

    async def scenario(world):
        await world.write(0, b"ab")

        def full(*args):
            raise OSError(errno.ENOSPC, "no room")

        monkeypatch.setattr(os, "pwrite", full)
        error = await refused(world.write(2, b"cd"), errno.ENOSPC)
        monkeypatch.undo()

        assert rpc.definite(error)
        assert await world.read(0, 9) == b"ab"
        await world.write(2, b"cd")
        assert await world.read(0, 9) == b"abcd"

    run(scenario)


@pytest.mark.parametrize("written", [False, True])
def test_set_id_bits_are_those_that_the_mds_told_of_last(run, written):
    """A token from before counts for no mode any more, old news count for nothing; a restart forgets neither."""

    async def scenario(world):
        def asked():
            return sum(e["hook"] == "capable" for e in world.events("avc"))

        token = world.token()
        if written:
            await world.write(0, b"x", token=token)
        await world.setattr(0o4755, 3)
        await world.setattr(0o755, 2)
        await world.kill()
        await world.start()
        await world.write(0, b"x", token=token)
        assert asked() == 1
        # What a write has taken is not there for the next one.
        await world.write(0, b"x", token=token)
        assert asked() == 1
        await world.setattr(0o2745, 4)
        await world.write(0, b"x", token=token)
        assert asked() == 1
        await world.setattr(0o2745, 5, gid=77)
        await world.write(0, b"x", token=token)
        assert asked() > 1

    run(scenario)


@pytest.mark.parametrize("written", [False, True])
def test_a_write_by_who_has_closed_the_file_is_stale(run, written):
    """By a token from before the version told, until a later one is; reads go on. A restart forgets nothing."""

    async def scenario(world):
        def token(version: int) -> bytes:
            entry = world.entry()
            entry.attr_version = version
            return world.token(entry=entry)

        if written:
            await world.write(0, b"old", token=token(2))
        await world.setattr(0o4755, 3, closed=True)
        await world.setattr(0o4755, 2, closed=True)
        await world.setattr(0o4711, 5)
        await world.kill()
        await world.start()

        await refused(world.write(0, b"evil", token=token(2)), errno.ESTALE)
        await refused(world.write(0, b"", token=token(2)), errno.ESTALE)
        for how in ({"grow": True}, {"zero": True}):
            request = oss_pb2.FallocateRequest(token=token(2), stripe=0, length=9, **how)
            await refused(world.call("fallocate", request), errno.ESTALE)
        assert await world.read(0, 9, token=token(2)) == (b"old" if written else b"")
        await world.write(0, b"new", token=token(3))
        assert await world.read(0, 9, token=token(2)) == b"new"

    run(scenario)


def test_only_an_mds_tells_of_a_mode_and_may_by_the_policy(run):
    """EPERM for a client; EACCES for a server whose domain may not, and then nothing is noted."""

    async def scenario(world):
        await refused(world.setattr(0o4755, 3, role="client"), errno.EPERM)
        await refused(world.setattr(0o4755, 3, subject=world.subject("user_u:user_r:guest_t:s0")), errno.EACCES)
        await world.write(0, b"x", token=world.token())

        assert [e["hook"] for e in world.events("avc") if e["hook"] == "capable"] == []

    run(scenario)


def test_a_restart_keeps_objects_and_replies(run):
    """After kill -9: bytes, size and label are there, a resend is answered as before, leavings are gone."""

    async def scenario(world):
        token = world.token()
        first = await world.write(0, b"abc", token=token, xid=1 << 60)
        await world.kill()
        (world.folder / "oss0" / "objects" / "leavings.0").write_bytes(b"x")
        await world.start()
        again = await world.write(0, b"abc", token=token, xid=1 << 60)

        assert again.receipt.resent
        assert again.receipt.transno == first.receipt.transno
        assert await world.read(0, 9, token=token) == b"abc"
        assert len(files(world)) == 1
        assert len(list(world.server.app.collect())) == 1

    run(scenario)


def test_punch_cuts_and_grows_with_a_hole(run):
    """What was cut is gone, also on disk; what is grown reads as NUL; an object that is not there is made if needed."""

    async def scenario(world):
        await world.punch(0)
        assert nothing_stored(world)
        await world.write(0, b"0123456789")
        await world.punch(4)
        (path,) = files(world)
        assert path.stat().st_size == 4
        await world.punch(8)

        assert await world.read(0, 99) == b"0123\0\0\0\0"
        await refused(world.punch((1 << 40) + 1), errno.EFBIG)

    run(scenario)


def test_both_subjects_must_be_allowed(run):
    """The MDS may, the one it acts for may not: refused, nothing changed; a client may not ask at all."""

    async def scenario(world):
        await world.write(0, b"0123")
        guest = world.subject("user_u:user_r:guest_t:s0", uid=1000)

        await refused(world.punch(0, behalf=guest), errno.EACCES)
        await refused(world.punch(0, role="client", behalf=None), errno.EPERM)
        assert await world.read(0, 9) == b"0123"

    run(scenario)


def test_a_relabel_is_above_what_is_known(run):
    """A higher version is stored, an older one is not; an object that is not there is noted for later tokens."""

    async def scenario(world):
        await world.set_label("project_t", 5, world.user)
        await world.set_label("home_t", 4, world.user)
        (raw,) = world.server.app.collect()

        assert (raw.labels[0].value.split(b":")[2], raw.label_version) == (b"project_t", 5)
        assert [(e["why"], e["old"]) for e in world.events("label")] == [("relabel", None)]
        await world.set_label("ro_t", 6, None)
        assert [e["why"] for e in world.events("label")] == ["relabel", "undo"]
        await refused(world.write(0, b"x"), errno.EACCES)

    run(scenario)


def test_a_relabel_must_say_what_and_to_what(run):
    """EPROTO for one that contradicts itself or has no label."""

    async def scenario(world):
        entry = world.entry()
        other = rpc.fid_message(Fid(1, 1))
        for request in (
            oss_pb2.SetLabelRequest(fid=other, label=entry.labels[0], label_version=2, entry=entry),
            oss_pb2.SetLabelRequest(fid=entry.fid, label_version=2, entry=entry),
        ):
            await refused(world.call("set_label", request, role="mds"), errno.EPROTO)
        assert nothing_stored(world)

    run(scenario)


def test_glimpse_and_destroy(run):
    """The end of an object, or that there is none; destroyed, row and bytes are gone, twice is no error."""

    async def scenario(world):
        glimpse = oss_pb2.GlimpseRequest(entry=world.entry())
        assert not (await world.call("glimpse", glimpse, behalf=world.user, role="mds")).exists
        await world.write(0, b"0123")
        assert (await world.call("glimpse", glimpse, behalf=world.user, role="mds")).size == 4

        for _ in range(2):
            await world.call("destroy", oss_pb2.DestroyRequest(entry=world.entry()), role="mds")
        assert nothing_stored(world)

    run(scenario)


@pytest.mark.parametrize(
    ("offset", "hole", "found"),
    [
        (0, False, 8192), (0, True, 0), (8192, False, 8192), (9000, False, 9000), (8193, True, 12288),
        (12288, False, 16384), (16385, False, 16385), (16384, True, 20480), (16387, True, 20480),
        (16387, False, 16387), (20480, False, None),
        (1 << 62, False, None), (1 << 62, True, 1 << 62),
    ],
)  # fmt: skip
def test_the_next_data_and_the_next_hole(run, offset, hole, found):
    """Blocks that were never written, or were punched, are holes, and so is what is behind the object's last one."""

    async def scenario(world):
        assert not (await world.seek(0, hole=False)).HasField("offset")
        await world.write(8192, bytes(12288))
        await world.punch(16387)
        request = oss_pb2.FallocateRequest(token=world.token(), stripe=0, offset=12288, length=4096, zero=True)
        await world.call("fallocate", request)
        asked = len(world.events("avc"))

        reply = await world.seek(offset, hole=hole)

        assert (reply.offset if reply.HasField("offset") else None, reply.size) == (found, 16387)
        assert len(world.events("avc")) == asked
        await refused(world.seek(offset, hole=hole, token=b"none"), errno.EACCES)

    run(scenario)


@pytest.mark.parametrize(("flags", "zero", "error"), [(0x20, True, errno.EPERM), (0x20, False, 0), (0, True, 0)])
def test_what_may_only_be_appended_to_gets_no_holes(run, flags, zero, error):
    """FS_APPEND_FL as of the open: only plain fallocate is for such a file, and nobody is asked about the rest."""

    async def scenario(world):
        entry = world.entry()
        entry.flags = flags
        token = world.token(entry=entry)
        asked = len(world.events("avc"))
        request = oss_pb2.FallocateRequest(token=token, stripe=0, length=4096, zero=zero, grow=not zero)

        if error:
            await refused(world.call("fallocate", request), error)
            assert len(world.events("avc")) == asked
        else:
            await world.call("fallocate", request)

    run(scenario)
