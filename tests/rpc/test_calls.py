"""A call from stub to handler and back, behind both transports."""

import asyncio
import errno

import pytest

import rpc
from labelproof.v1 import mds_pb2
from rpc import transport_grpc


def test_a_reply_comes_back(run, caller, lookup) -> None:
    """The handler sees subject, ids and peer; its reply arrives."""

    async def test(cluster):
        reply = await cluster.stub().lookup(lookup, caller)
        return reply, cluster.ops.seen[0]

    reply, call = run(test)

    assert reply.ticket == b"f"
    assert (call.peer.uri, call.op, call.test) == ("labelproof://lp/client/c0", "op1", "t1")
    assert call.subject == caller.subject
    assert call.xid > call.acked_xid > 0


@pytest.mark.parametrize(
    ("number", "kind", "sure"),
    [
        (errno.ENOENT, FileNotFoundError, True),
        (errno.EACCES, PermissionError, True),
        (errno.ENODATA, OSError, True),
        (errno.ECHRNG, OSError, True),
        (errno.EIO, OSError, False),
        (errno.ENOTTY, OSError, True),
    ],
)
def test_an_error_comes_back_as_itself(run, caller, lookup, number, kind, sure) -> None:
    """An OSError of a handler arrives with its errno, its words, and whether it is definite."""

    def act(call):
        raise OSError(number, "what häppened to [0x1]")

    async def test(cluster):
        cluster.ops.act = act
        await cluster.stub().lookup(lookup, caller)

    with pytest.raises(kind) as raised:
        run(test)

    assert (raised.value.errno, raised.value.strerror) == (number, "what häppened to [0x1]")
    assert rpc.definite(raised.value) is sure


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("oh"), OSError(524, "ENOTSUPP"), OSError("no errno"), OSError(0, "")]
)
def test_what_is_no_errno_becomes_eio(run, caller, lookup, caplog, error) -> None:
    """An exception that is no lawful OSError is EIO and indefinite; log and history hold what it was."""
    history = []

    def act(call):
        raise error

    async def test(cluster):
        cluster.ops.act = act
        try:
            await cluster.stub().lookup(lookup, caller)
        finally:
            history.extend(cluster.lines("mds0"))

    with pytest.raises(OSError) as raised:
        run(test)

    assert (raised.value.errno, rpc.definite(raised.value)) == (errno.EIO, False)
    assert type(error).__name__ in caplog.text
    assert [e["level"] for e in history if e["e"] == "note"] == ["error"]


def test_a_deadline_leaves_it_open(run, caller, mkdir) -> None:
    """A call past its deadline is ETIMEDOUT and indefinite; the server goes on, and its history has the change."""

    async def test(cluster):
        cluster.ops.gate = asyncio.Event()
        try:
            await cluster.stub().mkdir(mkdir, caller, timeout_s=0.05)
        except OSError as error:
            cluster.ops.gate.set()
            await cluster.table.drain()
            return error, cluster.lines("mds0")

    error, history = run(test)

    assert (error.errno, rpc.definite(error)) == (errno.ETIMEDOUT, False)
    assert [e["transno"] for e in history if e.get("phase") == "reply"] == [1]


def test_nobody_listens(run, caller, lookup) -> None:
    """A call that finds no server is ENOTCONN and definite."""

    async def test(cluster):
        stub = cluster.stub()
        await cluster.server.stop(0)
        await stub.lookup(lookup, caller)

    with pytest.raises(OSError) as raised:
        run(test)

    assert (raised.value.errno, rpc.definite(raised.value)) == (errno.ENOTCONN, True)


def test_a_connection_lost_leaves_it_open(run, caller, lookup) -> None:
    """A call whose server goes away under it is indefinite."""

    async def test(cluster):
        cluster.ops.gate = asyncio.Event()
        pending = asyncio.ensure_future(cluster.stub().lookup(lookup, caller))
        while not cluster.ops.seen:
            await asyncio.sleep(0)
        await cluster.server.stop(0)
        await pending

    with pytest.raises(OSError) as raised:
        run(test)

    assert raised.value.errno in (errno.ECONNRESET, errno.ECANCELED)
    assert rpc.definite(raised.value) is False


def test_a_request_that_does_not_decode(run) -> None:
    """Bytes that are no request are EPROTO."""

    async def test(cluster):
        entry = rpc.channel.context_pb2.CallContext(xid=1, sepol="1:targeted:33:abc").SerializeToString()
        subject = rpc.context.encode(rpc.call.Subject(1, 1, labels={"selinux": "u:r:t"}))
        await cluster.raw([("call-bin", entry), ("security-context-bin", subject)], b"\xff\xff")

    with pytest.raises(OSError) as raised:
        run(test)

    assert raised.value.errno == errno.EPROTO
    assert "Mds/Lookup" in str(raised.value)


def test_an_occupied_port_is_named(run) -> None:
    """Listening where somebody listens is EADDRINUSE with the address in its words."""

    async def test(cluster):
        address = cluster.server.address
        try:
            if cluster.ca is None:
                cluster.network.listen(address, [cluster.table])
            else:
                await transport_grpc.serve(address, cluster.ca.issue("mds", "mds1"), [cluster.table])
        except OSError as error:
            return error, address

    error, address = run(test)

    assert error.errno == errno.EADDRINUSE
    assert address in str(error)


def test_a_stub_knows_its_rpcs(run_memory) -> None:
    """A name that is no rpc is an AttributeError that lists what there is."""

    async def test(cluster):
        return cluster.stub().unlinked

    with pytest.raises(AttributeError, match="get_root"):
        run_memory(test)


@pytest.mark.parametrize(("name", "fault"), [("lookup", "no handler lookup"), ("frobnicate", "no rpc for frobnicate")])
def test_a_service_is_bound_whole(run_memory, name, fault) -> None:
    """A missing handler and one without an rpc are both refused at bind."""

    async def handler(call, req):
        return mds_pb2.LookupReply()

    async def test(cluster):
        setattr(cluster.ops, name, None if name == "lookup" else handler)
        await cluster.start()

    with pytest.raises(TypeError, match=fault):
        run_memory(test)


def test_a_handler_must_give_its_reply(run_memory, caller, lookup, caplog) -> None:
    """A handler that gives another message is a bug: EIO, not a reply that decodes by chance."""

    async def test(cluster):
        cluster.ops.act = lambda call: mds_pb2.AttrReply()
        await cluster.stub().lookup(lookup, caller)

    with pytest.raises(OSError) as raised:
        run_memory(test)

    assert raised.value.errno == errno.EIO
    assert "AttrReply" in caplog.text
