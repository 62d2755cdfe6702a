"""Tickets, tokens and receipts are this cluster's, this subject's, and of this policy, or nothing."""

import errno
import os
import tracemalloc
from dataclasses import replace

import pytest

import rpc
from labelproof.v1 import context_pb2
from lsm.objects import Fid
from rpc.context import task_digest

FID = Fid(2, 5)
POLICY = 3


@pytest.fixture
def seal() -> rpc.Seal:
    return rpc.Seal(b"k" * 32)


@pytest.fixture
def call(run_memory, caller, lookup) -> rpc.Call:
    """A call whose subject has uid 1000 and no capability that the module lets pass."""

    async def test(cluster):
        await cluster.stub().lookup(lookup, caller)
        return cluster.ops.seen[0]

    return run_memory(test)


def test_the_own_ticket_is_enough(seal, call) -> None:
    """A ticket for the FID, of the subject and the policy, asks nothing else."""
    before = len(call.lsm.decisions)
    call.ticket = seal.ticket(FID, call.subject.digest, POLICY)

    seal.check_ticket(call, FID, POLICY)

    assert len(call.lsm.decisions) == before


BAD = {
    "none": (lambda seal, digest: b"", errno.EACCES, "no ticket"),
    "another subject's": (lambda seal, digest: seal.ticket(FID, b"x" * 32, POLICY), errno.EACCES, "another subject's"),
    "another file's": (lambda seal, digest: seal.ticket(Fid(2, 6), digest, POLICY), errno.EACCES, "another file"),
    "another policy's": (lambda seal, digest: seal.ticket(FID, digest, POLICY - 1), errno.ESTALE, "another policy"),
    "another key's": (lambda seal, digest: rpc.Seal(b"x" * 32).ticket(FID, digest, POLICY), errno.EACCES, "cluster's"),
    "garbage": (lambda seal, digest: b"\xff\xff", errno.EACCES, "cluster's"),
    "cut": (lambda seal, digest: seal.ticket(FID, digest, POLICY)[:-1], errno.EACCES, "cluster's"),
    "without a MAC": (
        lambda seal, digest: context_pb2.Sealed(body=b"x").SerializeToString(),
        errno.EACCES, "cluster's",
    ),
    "a token": (
        lambda seal, digest: seal.token(context_pb2.Token(fid=rpc.fid_message(FID), subject=digest, expires_ns=1)),
        errno.EACCES, "cluster's",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_ticket_is_refused(seal, call, case) -> None:
    """Each bad ticket has its errno; only a stale one asks to walk again."""
    make, number, words = BAD[case]
    call.ticket = make(seal, call.subject.digest)

    with pytest.raises(OSError, match=words) as raised:
        seal.check_ticket(call, FID, POLICY)

    assert raised.value.errno == number


def test_a_ticket_in_the_request_counts_alone(seal, call) -> None:
    """A ticket that rides in the request is looked at instead of the call's."""
    call.ticket = seal.ticket(FID, call.subject.digest, POLICY)

    with pytest.raises(PermissionError, match="no ticket"):
        seal.check_ticket(call, FID, POLICY, b"")


def test_dac_read_search_needs_no_ticket(seal, call) -> None:
    """The capability stands in for a missing ticket, and is asked and recorded."""
    call.framework.modules[0].capable_uid = call.subject.uid

    seal.check_ticket(call, FID, POLICY)

    assert call.lsm.decisions[-1].hook == "capable"


def test_every_flipped_bit_is_seen(seal) -> None:
    """No single bit of a sealed body or MAC can be changed."""
    good = seal.ticket(FID, b"d" * 32, POLICY)

    for bit in range(len(good) * 8):
        forged = bytearray(good)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PermissionError):
            seal.open("ticket", bytes(forged), context_pb2.Ticket)


def token(call: rpc.Call, **changes) -> context_pb2.Token:
    fields = {"fid": rpc.fid_message(FID), "subject": call.subject.digest, "rights": 6, "expires_ns": 1000, **changes}
    return context_pb2.Token(**fields)


def test_a_token_comes_back_whole(seal, call) -> None:
    """A token that has not expired gives its subject what the MDS put in."""
    given = token(call)

    assert seal.check_token(call, seal.token(given), 999) == given


def test_a_token_that_is_blown_up_is_good_and_not_kept(seal, call) -> None:
    """A client that adds unknown fields to the token that it was given fills no server's memory."""
    given = token(call)
    padding = b"\xfa\x01\x80\x80\x40" + bytes(1 << 20)
    tracemalloc.start()

    for _ in range(16):
        padding = padding[:-1] + os.urandom(1)
        assert seal.check_token(call, seal.token(given) + padding, 0) == given

    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 4 << 20


@pytest.mark.parametrize(
    ("changes", "now_ns", "words"), [({}, 1000, "expired"), ({"subject": b"x" * 32}, 0, "another subject's")]
)
def test_a_token_is_refused(seal, call, changes, now_ns, words) -> None:
    """An expired token and another subject's are EACCES."""
    with pytest.raises(PermissionError, match=words):
        seal.check_token(call, seal.token(token(call, **changes)), now_ns)


def test_a_token_stays_its_tasks_under_another_context(seal, call) -> None:
    """The same task may present it, and it is told who opened the file; any other task may not."""
    given = token(call, task=task_digest(call.subject), opener=[context_pb2.Label(name="toy", value=b"before")])
    data = seal.token(given)
    assert seal.opener(call, seal.check_token(call, data, 0)) is None

    call.subject = rpc.context.named(replace(call.subject, labels={"toy": "after"}, fscreate="label"))
    assert seal.opener(call, seal.check_token(call, data, 0)) == {"toy": "before"}
    with pytest.raises(PermissionError, match="another subject's"):
        seal.check_token(call, seal.token(token(call, subject=b"x" * 32)), 0)
    for change in ({"pid": 12}, {"uid": 12}, {"nid": "client9"}, {"groups": (12,)}, {"comm": "else"}):
        call.subject = rpc.context.named(replace(call.subject, **change))
        with pytest.raises(PermissionError, match="another subject's"):
            seal.check_token(call, data, 0)


def test_a_squashed_subject_loses_its_tickets(run_memory, caller, seal, lookup) -> None:
    """A ticket from before a nodemap squashed the subject is another subject's."""

    async def test(cluster):
        stub = cluster.stub()
        await stub.lookup(lookup, caller)
        cluster.admission.set_nodemaps([rpc.Nodemap(trusted=False)])
        await stub.lookup(lookup, caller)
        return cluster.ops.seen

    before, after = run_memory(test)
    after.ticket = seal.ticket(FID, before.subject.digest, POLICY)

    with pytest.raises(PermissionError, match="another subject's"):
        seal.check_ticket(after, FID, POLICY)


def test_a_short_key_is_no_key() -> None:
    """A key shorter than the MAC is refused at once."""
    with pytest.raises(ValueError, match="16"):
        rpc.Seal(b"short")


def test_receipts_differ_by_what_was_allowed(seal, call) -> None:
    """Another transno gives another receipt."""
    call.transno, call.fid = 1, FID
    first = seal.receipt(call, "mdt0")
    call.transno = 2

    assert seal.receipt(call, "mdt0") != first
