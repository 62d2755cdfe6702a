"""Receipts, resends and the reply cache."""

import asyncio
import errno
from dataclasses import replace

import pytest

import rpc
from labelproof.v1 import context_pb2, mds_pb2
from rpc.replies import Row

# Above whatever a channel counts from.
XID = 1 << 60


def test_a_change_has_its_receipt(run, caller, mkdir) -> None:
    """A mutating reply says where the change stands, sealed with what was changed, by whom and by which request."""

    async def test(cluster):
        reply = await cluster.stub().mkdir(mkdir, caller)
        return reply.receipt, cluster.seal.open("receipt", reply.receipt.seal, context_pb2.ReceiptBody)

    receipt, body = run(test)

    assert (receipt.transno, receipt.last_committed, receipt.resent) == (1, 1, False)
    assert (body.target, body.transno, body.client, rpc.fid_of(body.fid)) == ("mdt0", 1, "c0", (2, 1, 0))
    assert body.subject == caller.subject.digest
    assert len(body.request) == 32


def test_what_changes_nothing_has_no_receipt(run_memory, caller) -> None:
    """A read through a reply that could carry a receipt leaves it empty."""

    async def test(cluster):
        return await cluster.stub().getattr(mds_pb2.GetattrRequest(), caller)

    assert not run_memory(test).HasField("receipt")


def test_a_resend_is_answered_once(run, caller, mkdir) -> None:
    """The same xid, request and subject get the first reply, marked resent here and in the history."""

    async def test(cluster):
        stub = cluster.stub()
        first = await stub.mkdir(mkdir, caller, xid=XID)
        second = await stub.mkdir(mkdir, caller, xid=XID)
        return first, second, cluster.ops.made, cluster.lines("mds0")[-1]

    first, second, made, reply = run(test)

    assert made == 1
    assert (second.receipt.resent, second.receipt.seal, second.attr) == (True, first.receipt.seal, first.attr)
    assert (reply["resent"], reply["transno"], reply["case"], reply["fired"], reply["finding"]) == (
        True,
        1,
        None,
        [],
        None,
    )


def test_a_resend_waits_for_the_first(run, caller, mkdir) -> None:
    """A resend that arrives while the first still runs does not run besides."""

    async def test(cluster):
        stub, cluster.ops.gate = cluster.stub(), asyncio.Event()
        pending = asyncio.ensure_future(stub.mkdir(mkdir, caller, xid=XID, timeout_s=0.05, retry=100))
        while len([e for e in cluster.lines("c0") if e.get("phase") == "send"]) < 3:
            await asyncio.sleep(0.01)
        cluster.ops.gate.set()
        return await pending, cluster.ops.made

    reply, made = run(test)

    assert (reply.receipt.transno, reply.receipt.resent, made) == (1, True, 1)


@pytest.mark.parametrize("what", ["request", "subject"])
def test_a_known_xid_for_something_else(run_memory, caller, subject, mkdir, what) -> None:
    """The same xid with another request or subject is EPROTO, and changes nothing."""

    async def test(cluster):
        stub = cluster.stub()
        await stub.mkdir(mkdir, caller, xid=XID)
        other = mds_pb2.MkdirRequest(name=mkdir.name, mode=1) if what == "request" else mkdir
        who = rpc.Caller.of(replace(subject, uid=1), sepol=caller.sepol) if what == "subject" else caller
        try:
            await stub.mkdir(other, who, xid=XID)
        except OSError as error:
            return error, cluster.ops.made

    error, made = run_memory(test)

    assert (error.errno, made) == (errno.EPROTO, 1)
    assert f"another {what}" in str(error)


def test_an_acknowledged_xid_is_gone(run_memory, caller, mkdir) -> None:
    """Once the client has the reply and says so, it is forgotten, and the xid is refused."""

    async def test(cluster):
        stub = cluster.stub()
        await stub.mkdir(mkdir, caller, xid=XID)
        await stub.mkdir(mkdir, caller, xid=XID + 1)
        with pytest.raises(OSError, match="acknowledged") as raised:
            await stub.mkdir(mkdir, caller, xid=XID)
        return raised.value.errno, cluster.replies._rows

    number, rows = run_memory(test)

    assert number == errno.EPROTO
    assert list(rows["c0"]) == [XID + 1]


def test_what_is_under_way_is_not_acknowledged(run_memory, caller, mkdir, lookup) -> None:
    """While a call has no answer, the channel acknowledges only what lies before it."""

    async def test(cluster):
        stub, cluster.ops.gate = cluster.stub(), asyncio.Event()
        slow = asyncio.ensure_future(stub.mkdir(mkdir, caller))
        while not cluster.ops.seen:
            await asyncio.sleep(0)
        fast = asyncio.ensure_future(stub.lookup(lookup, caller))
        while len(cluster.ops.seen) < 2:
            await asyncio.sleep(0)
        cluster.ops.gate.set()
        await asyncio.gather(slow, fast)
        return [(call.xid, call.acked_xid) for call in cluster.ops.seen]

    (first, _), (second, acked) = run_memory(test)

    assert first < second
    assert acked == first - 1


def test_a_failed_call_is_not_kept(run_memory, caller, mkdir) -> None:
    """What was refused may be tried again under the same xid."""

    async def test(cluster):
        stub = cluster.stub()
        cluster.admission.set_nodemaps([rpc.Nodemap(read_only=True)])
        with pytest.raises(OSError):
            await stub.mkdir(mkdir, caller, xid=XID)
        cluster.admission.set_nodemaps([])
        return await stub.mkdir(mkdir, caller, xid=XID)

    assert not run_memory(test).receipt.resent


def test_a_store_keeps_replies_over_a_restart(run_memory, caller, mkdir) -> None:
    """The row made inside the op and loaded by the next process answers the resend."""
    rows: list[Row] = []

    async def test(cluster):
        inner = cluster.ops.mkdir

        async def mkdir_kept(call, req):
            reply = await inner(call, req)
            rows.append(call.remember(reply))
            return reply

        cluster.ops.mkdir = mkdir_kept
        await cluster.start()
        first = await cluster.stub().mkdir(mkdir, caller, xid=XID)
        cluster.replies = rpc.ReplyCache()
        cluster.replies.load(rows)
        await cluster.start()
        return first, await cluster.stub().mkdir(mkdir, caller, xid=XID), cluster.ops.made

    first, second, made = run_memory(test)

    assert (second.receipt.resent, second.receipt.seal, made) == (True, first.receipt.seal, 1)


def test_rows_are_forgotten_by_client() -> None:
    """An acknowledgement is of one client's replies only, and never goes back."""
    cache = rpc.ReplyCache()
    cache.load([Row("c0", 1, b"", b"", b"a"), Row("c0", 2, b"", b"", b"b"), Row("c1", 1, b"", b"", b"c")])

    cache.acknowledge("c0", 1)
    cache.acknowledge("c0", 0)

    assert asyncio.run(cache.find("c0", 2, b"", b"")) == Row("c0", 2, b"", b"", b"b")
    assert asyncio.run(cache.find("c1", 1, b"", b"")) == Row("c1", 1, b"", b"", b"c")
    with pytest.raises(OSError, match="acknowledged"):
        asyncio.run(cache.find("c0", 1, b"", b""))
