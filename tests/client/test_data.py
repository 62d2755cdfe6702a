"""A file's bytes over its stripes: whatever is written and read agrees with a plain array of bytes."""

import asyncio
import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client import osc, stripe
from client.stripe import Run
from host import stripes


@given(at=st.integers(0, 500), length=st.integers(0, 300), size=st.integers(1, 16), count=st.integers(1, 5))
def test_pieces_cover_the_range_once_and_each_byte_lies_where_round_robin_puts_it(at, length, size, count):
    parts = list(stripe.pieces(at, length, size, count))

    covered = [(p.at + n, p.stripe, p.offset + n) for p in parts for n in range(p.length)]
    expected = [(b, b // size % count, b // size // count * size + b % size) for b in range(at, at + length)]
    assert covered == expected


@given(at=st.integers(0, 200), length=st.integers(0, 200), count=st.integers(1, 4), most=st.integers(1, 64))
def test_runs_touch_within_their_object_and_hold_every_byte_once(at, length, count, most):
    data = bytes(n % 251 for n in range(length))
    back: dict[int, bytes] = {}

    runs = stripe.runs(stripe.pieces(at, length, 8, count), most)
    for run in runs:
        back |= {place: bytes(part) for place, part in run.scatter(run.gather(data, at))}

    assert b"".join(part for _, part in sorted(back.items())) == data
    assert sum(run.length for run in runs) == length
    assert all(_touches(run) and (run.length <= most or len(run.pieces) == 1) for run in runs)


@pytest.mark.parametrize("answered", range(13))
def test_what_an_object_did_not_answer_is_zeros(answered):
    """A short answer fills the run's first pieces, the one that it ends in in part."""
    data = bytes(range(1, 25))
    (run, _) = stripe.runs(stripe.pieces(0, 24, 4, 2), 64)

    parts = dict(run.scatter(run.gather(data, 0)[:answered]))

    whole = b"".join(part for _, part in sorted(parts.items()))
    assert whole == run.gather(data, 0)[:answered] + bytes(12 - answered)
    assert {place // 4 % 2 for place in parts} == {0}


def _touches(run: Run) -> bool:
    ends = [p.offset + p.length for p in run.pieces]
    return [p.offset for p in run.pieces[1:]] == ends[:-1]


@given(size=st.integers(0, 400), stripe_size=st.integers(1, 16), count=st.integers(1, 5))
def test_the_size_of_a_file_follows_from_the_sizes_of_its_objects(size, stripe_size, count):
    sizes = dict.fromkeys(range(count), 0)
    for piece in stripe.pieces(0, size, stripe_size, count):
        sizes[piece.stripe] = piece.offset + piece.length

    assert stripes.file_size(sizes, stripe_size, count) == size


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pwrite"), st.integers(0, 120), st.binary(max_size=60)),
        st.tuples(st.just("pread"), st.integers(0, 160), st.integers(0, 80)),
        st.tuples(st.just("write"), st.just(0), st.binary(max_size=30)),
        st.tuples(st.just("read"), st.just(0), st.integers(0, 30)),
        st.tuples(st.just("lseek"), st.integers(0, 120), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, osts=st.integers(1, 4), rpc_bytes=st.sampled_from([3, 16, 1 << 20]))
def test_an_open_file_behaves_as_an_array_of_bytes(fresh, steps, osts, rpc_bytes):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(osc, "RPC_BYTES_MAX", rpc_bytes)
        client = fresh(osts)
        fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
        model, pos = bytearray(), 0
        for call, at, what in steps:
            if call == "lseek":
                pos = client("lseek", fd=fd, offset=at)
                continue
            base = at if call[0] == "p" else pos
            where = {"offset": at} if call[0] == "p" else {}
            if call.endswith("write"):
                _put(model, base, what)
                done = client(call, fd=fd, data=what, **where)
                assert done == len(what)
            else:
                got = client(call, fd=fd, length=what, **where)
                done = len(got)
                assert got == model[base : base + what]
            pos = pos if call[0] == "p" else pos + done


def _put(model: bytearray, at: int, data: bytes) -> None:
    if data:
        model.extend(bytes(max(0, at - len(model))))
    model[at : at + len(data)] = data


@pytest.fixture(scope="module")
def fresh(request):
    """A client of a world of its own with that many OSTs; a module's fixture, as hypothesis calls it many times."""
    made = []

    def make(osts):
        defining = request.config.pluginmanager.get_plugin(str(request.path.parent / "conftest.py"))
        made.append(defining.Client(defining.World(osts), lsm=False))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_stripes_are_written_at_once(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    under_way, most = 0, 0
    served = world.serve

    async def counting(*args):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        reply = await served(*args)
        under_way -= 1
        return reply

    world.serve = counting
    client("write", fd=fd, data=bytes(24))

    assert most == 3


def test_a_read_within_the_file_asks_no_object_twice(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    client("write", fd=fd, data=bytes(24))
    world.calls.clear()

    client("pread", fd=fd, length=16, offset=0)

    assert world.calls == ["Read", "Read"]


def test_a_hole_within_the_file_needs_no_more_than_the_objects_read(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    client("pwrite", fd=fd, data=b"x", offset=32)
    world.calls.clear()

    assert client("pread", fd=fd, length=16, offset=0) == bytes(16)
    assert world.calls == ["Read", "Read"]


def test_a_hole_is_told_from_the_end_of_the_file_by_the_objects_not_read(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    client("pwrite", fd=fd, data=b"x", offset=16)
    world.calls.clear()

    assert client("pread", fd=fd, length=8, offset=0) == bytes(8)
    assert client("pread", fd=fd, length=8, offset=12) == bytes(4) + b"x"
    assert client("pread", fd=fd, length=8, offset=17) == b""


def test_empty_objects_make_an_empty_file_also_when_not_all_are_known():
    assert stripes.file_size({0: 0}, 8, 3) == 0


def test_an_append_asks_for_the_size_first(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_WRONLY | os.O_APPEND)["fd"]
    world.size_asked_of_mds = 5
    world.calls.clear()

    client("write", fd=fd, data=b"xy")

    assert world.calls == ["Getattr", "Write"]
    assert world.objects["oss0", 0] == b"\0\0\0\0\0xy"


def test_an_error_of_one_stripe_only_may_have_happened(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_WRONLY)["fd"]
    world.refuse["Oss/Write"] = [OSError(errno.ENOSPC, "full")]

    reply = client.reply("write", fd=fd, data=bytes(24))

    assert (reply.errno, reply.definite) == (errno.ENOSPC, False)


def test_a_denial_by_every_stripe_surely_did_not_happen(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_WRONLY)["fd"]
    world.refuse["Oss/Write"] = [PermissionError(errno.EACCES, "relabelled") for _ in range(3)]

    reply = client.reply("write", fd=fd, data=bytes(24))

    assert (reply.errno, reply.definite) == (errno.EACCES, True)
    assert world.objects == {}


def test_a_lost_reply_is_resent_by_the_channel_and_then_told_as_indefinite(client, world):
    error = OSError(errno.ETIMEDOUT, "no answer")
    world.refuse["Mds/Mkdir"] = [error]

    reply = client.reply("mkdir", path="/d")

    assert (reply.errno, reply.definite) == (errno.ETIMEDOUT, False)
    assert client.node.wires["mds0"].retries[-1] == 2


@pytest.mark.parametrize(
    ("flags", "call", "args", "number"),
    [
        (os.O_RDONLY, "write", {"data": b"x"}, errno.EBADF),
        (os.O_WRONLY, "read", {"length": 1}, errno.EBADF),
        (os.O_RDONLY, "ftruncate", {"length": 0}, errno.EINVAL),
        (os.O_RDWR, "readdir", {}, errno.ENOTDIR),
        (os.O_RDWR, "lseek", {"offset": -1}, errno.EINVAL),
        (os.O_RDWR, "lseek", {"offset": 0, "whence": 9}, errno.EINVAL),
        (os.O_RDWR, "pwrite", {"data": b"x", "offset": (1 << 63) - 1}, errno.EINVAL),
    ],
)
def test_what_the_descriptor_does_not_grant_reaches_no_server(client, world, flags, call, args, number):
    fd = client("open", path="/f", flags=flags | os.O_CREAT)["fd"]
    world.calls.clear()

    assert (client.reply(call, fd=fd, **args).errno, world.calls) == (number, [])


def test_a_closed_descriptor_is_free_again(client):
    first = client("open", path="/f", flags=os.O_CREAT)["fd"]
    client("close", fd=first)

    assert client.reply("close", fd=first).errno == errno.EBADF
    assert client("open", path="/f")["fd"] == first


def test_a_task_has_descriptors_of_its_own_and_closes_them_as_it_ends(client, world):
    from labelproof.v1 import client_pb2

    fd = client("open", path="/f", flags=os.O_CREAT)["fd"]
    client.login("other")

    assert client.reply("close", fd=fd, task="other").errno == errno.EBADF
    client.rpc("logout", client_pb2.LogoutRequest(task="t"))
    assert world.handles == {}


def test_no_descriptor_left_is_emfile_and_the_handle_goes_back(client, world, monkeypatch):
    monkeypatch.setattr("client.file.FD_MAX", 4)
    client("open", path="/f", flags=os.O_CREAT)

    assert client.reply("open", path="/f").errno == errno.EMFILE
    assert len(world.handles) == 1


def test_two_writes_of_one_descriptor_do_not_land_on_each_other(client, world):
    from client.ctx import Ctx
    from client.ops import data

    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    task = client.agent._tasks.get("t")
    ctx = Ctx(client.node, client.agent._tasks, task, client.agent._mounts["/"], client.last, op="", test="")

    async def both():
        await asyncio.gather(data.write(ctx, fd, b"aaaaaaaaaaaa"), data.write(ctx, fd, b"bbbb"))

    client._loop.run_until_complete(both())

    assert client("pread", fd=fd, length=99, offset=0) == b"aaaaaaaaaaaabbbb"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.integers(-2, 62), st.booleans(), st.integers(1, 4))
def test_data_and_holes_are_found_over_all_objects(fresh, data, at, hole, osts):
    """As in one piece (lseek(2)): ENXIO outside of the file and behind its last data, a hole at its end."""
    client = fresh(osts)
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    client("write", fd=fd, data=bytes(data))
    whence = os.SEEK_HOLE if hole else os.SEEK_DATA
    found = next((n for n in range(max(at, 0), len(data)) if data[n] != hole), len(data) if hole else None)
    if found is None or not 0 <= at < len(data):
        assert client.reply("lseek", fd=fd, offset=at, whence=whence).errno == errno.ENXIO
        found = len(data)
    else:
        assert client("lseek", fd=fd, offset=at, whence=whence) == found

    assert client("lseek", fd=fd, offset=0, whence=os.SEEK_CUR) == found


def test_a_descriptor_for_writing_only_may_look_for_holes_and_no_mds_is_asked(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_WRONLY)["fd"]
    client("write", fd=fd, data=b"x" * 20)
    world.calls.clear()

    assert client("lseek", fd=fd, offset=3, whence=os.SEEK_HOLE) == 20
    assert world.calls == ["Seek"] * 3
