"""The history of a node: numbered lines, one write a batch, subjects before their use."""

import asyncio
import errno
import json

import pytest

import lsm
import rpc
from lsm.objects import Fid


class Clock:
    def wall_ns(self) -> int:
        return 5_000

    def mono_ns(self) -> int:
        return 0


@pytest.fixture
def writes() -> list[bytes]:
    return []


@pytest.fixture
def recorder(writes) -> rpc.Recorder:
    return rpc.Recorder("n0", writes.append, Clock())


def lines(writes: list[bytes]) -> list[dict]:
    return [json.loads(line) for line in b"".join(writes).splitlines()]


def test_a_batch_is_one_write(recorder, writes) -> None:
    """Events are numbered without gaps, in the order written, whichever batch began first."""
    first, second = recorder.batch(), recorder.batch()
    first.event("note", text="a")
    second.event("note", text="b")
    recorder.event("run", schema=1)
    second.flush()
    first.event("note", text="c")
    first.flush()

    assert len(writes) == 3
    assert [(e["i"], e.get("text")) for e in lines(writes)] == [(0, None), (1, "b"), (2, "a"), (3, "c")]


def test_a_subject_comes_before_its_first_use(recorder, writes, caller) -> None:
    """The subject is written by the batch that is written first, once."""
    first, second = recorder.batch(), recorder.batch()
    for batch in (first, second):
        batch.event("task", subject=batch.subject(caller.subject))
    second.flush()
    first.flush()

    events = lines(writes)

    assert [e["e"] for e in events] == ["subject", "task", "task"]
    assert events[0]["id"] == events[1]["subject"] == caller.subject.digest.hex()
    assert events[0]["labels"] == {"selinux": "staff_u:staff_r:staff_t:s0-s3"}
    assert (events[0]["fscreate"], events[0]["caps"]["effective"]) == (None, 6)


def test_the_lamport_clock_passes_what_was_seen(recorder) -> None:
    """It never goes back and always goes on."""
    assert [recorder.tick(), recorder.tick(10), recorder.tick(3), recorder.lamport] == [1, 11, 12, 12]


def test_serials_go_on_after_a_restart(recorder) -> None:
    """Numbers begin at the clock's microseconds, so that a node that comes back reuses none."""
    assert [recorder.serial(), recorder.serial()] == [6, 7]


def test_values_that_are_not_utf8(recorder, writes) -> None:
    """Bytes that are no text are written in hex, names with surrogates, and None means absent."""
    batch = recorder.batch()
    batch.label(
        Fid(1, 2), role="mdt", target="mdt0", name="security.x", old=None, new=b"\xff", version=2, why="set",
        tclass="file", mode=0o100644, subject=None, rpc=None, transno=1, parent=Fid(1, 1), as_=b"f\xff",
    )  # fmt: skip
    batch.flush()

    (event,) = lines(writes)

    assert (event["old"], event["new"], event["as"]) == (None, {"hex": "ff"}, "f\udcff")
    assert (event["object"], event["parent"], event["class"]) == ("[0x1:0x2:0x0]", "[0x1:0x1:0x0]", "file")


def test_decisions_are_events_in_order(recorder, writes) -> None:
    """One avc event a decision, with every field that the history asks for."""
    denied = lsm.Decision(
        "inode_permission", "selinux", ("search",), ("search",), "a_t", "b_t", "dir", False, "te",
        role="parent", fid=Fid(1, 1), name="d", version=4, seqno=2, digest="abc", audited=True,
    )  # fmt: skip
    batch = recorder.batch()
    batch.decisions([denied, denied, denied], rpc="c0:1", op="op1", vantage="server", behalf={2}, first=1)
    batch.event("note", text="after")
    batch.flush()

    first, second, note = lines(writes)

    assert (first["behalf"], second["behalf"], note["e"]) == (False, True, "note")
    assert first == {
        "e": "avc", "n": "n0", "i": 0, "c": 0, "t": 5000, "rpc": "c0:1", "op": "op1", "vantage": "server",
        "hook": "inode_permission", "module": "selinux", "role": "parent", "object": "[0x1:0x1:0x0]", "name": "d",
        "requested": ["search"], "denied": ["search"], "scontext": "a_t", "tcontext": "b_t", "tclass": "dir",
        "allowed": False, "reason": "te", "permissive": False, "audited": True, "version": 4, "seqno": 2,
        "policy": "abc", "behalf": False,
    }  # fmt: skip


@pytest.mark.parametrize(("vantage", "again"), [("server", "recheck"), ("client", "client")])
def test_what_a_server_asks_again_says_so(recorder, writes, vantage, again) -> None:
    """From a position on, and of an open file anyway: a server's vantage is recheck."""
    plain = lsm.Decision("inode_setattr", "selinux", ("write",), (), "a_t", "b_t", "file", True)
    batch = recorder.batch()
    batch.decisions([plain, plain._replace(hook="file_permission")], rpc="c0:1", op="op1", vantage=vantage)
    batch.decisions([plain, plain], rpc="c0:1", op="op1", vantage=vantage, rechecked=1)
    batch.flush()

    assert [event["vantage"] for event in lines(writes)] == [vantage, again, vantage, again]


def test_what_can_wait_goes_with_the_next_write(recorder, writes, tmp_path) -> None:
    """It costs no write of its own, stands before what comes after it, and is there when the node ends."""
    recorder.later("commit", first=1)
    waiting = len(writes)
    recorder.event("note", text="after")
    written = lines(writes)
    file = rpc.Recorder.to_file(tmp_path / "n0.jsonl", "n0", Clock())
    file.later("commit", first=2)
    file.close()

    assert waiting == 0
    assert len(writes) == 1
    assert [(event["e"], event["i"]) for event in written] == [("commit", 0), ("note", 1)]
    assert json.loads((tmp_path / "n0.jsonl").read_text())["first"] == 2


def test_without_a_sink_nothing_is_written(caller) -> None:
    """Recording off costs no events; the clock and the numbers still run."""
    recorder = rpc.Recorder("n0", None, Clock())
    batch = recorder.batch()
    batch.event("task", subject=batch.subject(caller.subject))
    batch.flush()

    assert (len(batch), recorder.on, recorder.tick()) == (0, False, 1)


def test_the_file_is_appended_to(tmp_path) -> None:
    """A node that comes back goes on where its file ends: index and clock, without the line that was torn."""
    path = tmp_path / "n0.jsonl"
    first = rpc.Recorder.to_file(path, "n0", Clock())
    first.tick(6)
    first.header(schema=1)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"e": "torn')

    second = rpc.Recorder.to_file(path, "n0", Clock())
    second.event("note", text="back")
    second.close()

    assert not second.fresh
    assert [(e["e"], e["i"], e["c"]) for e in map(json.loads, path.read_text().splitlines())] == [
        ("run", 0, 7),
        ("note", 1, 7),
    ]


def test_a_full_disk_is_an_error(monkeypatch, tmp_path) -> None:
    """A write that was cut short is ENOSPC, naming the file; it is not taken for written."""
    recorder = rpc.Recorder.to_file(tmp_path / "n0.jsonl", "n0", Clock())
    monkeypatch.setattr("os.write", lambda fd, data: len(data) - 1)

    with pytest.raises(OSError, match=r"n0\.jsonl") as raised:
        recorder.event("note", text="x")

    assert raised.value.errno == errno.ENOSPC
    recorder.close()


def test_what_is_written_soon_stands_before_what_is_written_next(recorder, writes, caller) -> None:
    """In the loop's next turn, or with the next write, with its subjects; at the latest as the recorder is closed."""

    async def scenario() -> list[list[str]]:
        seen = []
        for _ in range(2):
            batch = recorder.batch()
            batch.event("task", subject=batch.subject(caller.subject))
            batch.flush_soon()
            seen.append([e["e"] for e in lines(writes)])
        recorder.event("note", text="x")
        seen.append([e["e"] for e in lines(writes)])
        for text in ("a", "b"):
            batch = recorder.batch()
            batch.event("note", text=text)
            batch.flush_soon()
            await asyncio.sleep(0.01 if text == "a" else 0)
        return [*seen, [e["e"] for e in lines(writes)]]

    assert asyncio.run(scenario()) == [
        [], [], ["subject", "task", "task", "note"], ["subject", "task", "task", "note", "note"],
    ]  # fmt: skip
    recorder.close()
    assert [e["i"] for e in lines(writes)] == list(range(6))


def test_what_could_not_be_written_soon_is_an_error_of_the_next_write(recorder, writes) -> None:
    """Once; what comes after it is written."""

    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    async def scenario() -> None:
        recorder._sink = full
        batch = recorder.batch()
        batch.event("note", text="lost")
        batch.flush_soon()
        await asyncio.sleep(0.01)
        recorder._sink = writes.append
        with pytest.raises(OSError, match="no room"):
            recorder.event("note", text="told")
        recorder.event("note", text="after")

    asyncio.run(scenario())

    assert [(e["i"], e["text"]) for e in lines(writes)] == [(0, "after")]


def test_what_cannot_be_written_at_the_end_leaves_no_file_open(monkeypatch, tmp_path) -> None:
    """It is told, and the recorder is closed all the same."""
    recorder = rpc.Recorder.to_file(tmp_path / "n0.jsonl", "n0", Clock())
    file = recorder._file
    recorder.later("commit", first=1)
    monkeypatch.setattr("os.write", lambda fd, data: len(data) - 1)

    with pytest.raises(OSError, match=r"n0\.jsonl"):
        recorder.close()

    assert file is not None
    assert file.closed
    assert not recorder.on


def test_a_call_is_whole_in_the_history(run, caller, mkdir) -> None:
    """The server writes recv, decisions, labels and reply at once, the client send and done; clocks agree."""

    async def test(cluster):
        await cluster.stub().mkdir(mkdir, caller)
        # The client writes while it waits for something else.
        await asyncio.sleep(0.01)
        return cluster.written["mds0"], cluster.lines("mds0"), cluster.lines("c0")

    written, server, client = run(test)

    assert len(written) == 1
    assert [e["e"] for e in server] == ["subject", "rpc", "avc", "avc", "label", "rpc"]
    assert [e["e"] for e in client] == ["subject", "rpc", "rpc"]
    send, recv, reply, done = client[1], server[1], server[-1], client[2]
    assert [e["phase"] for e in (send, recv, reply, done)] == ["send", "recv", "reply", "done"]
    assert send["c"] < recv["c"] < reply["c"] < done["c"]
    assert (
        len({(e["rpc"], e["op"], e["from"], e["to"], e["method"], e["subject"]) for e in (send, recv, reply, done)})
        == 1
    )
    assert recv["place"] == {"parent": "[0x1:0x1:0x0]", "name": "d"}
    assert (reply["case"], reply["transno"], reply["status"], reply["bytes"]) == ("new", 1, 0, done["bytes"])


def test_a_refused_step_leaves_no_label(run_memory, caller, lookup) -> None:
    """A label event of a call that then failed definitely is not written: the step was rolled back."""

    def act(call: rpc.Call) -> None:
        call.batch.event("label", object="x")
        raise FileExistsError(errno.EEXIST, "there")

    async def test(cluster):
        cluster.ops.act = act
        try:
            await cluster.stub().lookup(lookup, caller)
        except FileExistsError:
            return [e["e"] for e in cluster.lines("mds0")]

    assert run_memory(test) == ["subject", "rpc", "rpc"]


def test_a_history_that_cannot_be_written_fails_the_call(run_memory, caller, mkdir, caplog) -> None:
    """The change stands, but nobody may rely on it unrecorded: EIO, indefinite."""

    def full(data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    async def test(cluster):
        cluster.table.site.recorder._sink = full
        await cluster.stub().mkdir(mkdir, caller)

    with pytest.raises(OSError, match="history") as raised:
        run_memory(test)

    assert (raised.value.errno, rpc.definite(raised.value)) == (errno.EIO, False)
    assert "cannot be written" in caplog.text
