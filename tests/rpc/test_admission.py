"""Who may come in: each missing, malformed or forbidden thing has its errno."""

import dataclasses
import errno
from dataclasses import replace

import pytest

import lsm
import rpc
from labelproof.v1 import context_pb2, mds_pb2
from lsm.objects import Caps, Subject
from rpc import context

SEPOL = "1:targeted:33:abc"
LABEL = context_pb2.Label(name="selinux", value=b"staff_u:staff_r:staff_t:s0")


def good_context(**changes) -> context_pb2.SecurityContext:
    return context_pb2.SecurityContext(**{"uid": 1000, "gid": 100, "comm": "cat", "labels": [LABEL], **changes})


def good_call(**changes) -> context_pb2.CallContext:
    return context_pb2.CallContext(**{"rpc": "c0:1", "xid": 1, "sepol": SEPOL, **changes})


def metadata(subject=None, call=None, extra=()):
    """Both entries, each as a message, as bytes, or absent (None)."""
    entries = [("security-context-bin", subject), ("call-bin", call)]
    plain = [(key, v if isinstance(v, bytes) else v.SerializeToString()) for key, v in entries if v is not None]
    return [*plain, *extra]


def label(value: bytes, name: str = "selinux") -> context_pb2.SecurityContext:
    return good_context(labels=[context_pb2.Label(name=name, value=value)])


REFUSED = {
    "no context": (metadata(None, good_call()), errno.EACCES, "security-context-bin"),
    "no call": (metadata(good_context(), None), errno.EACCES, "call-bin"),
    "nothing": ([], errno.EACCES, "call-bin"),
    "no label": (metadata(good_context(labels=[]), good_call()), errno.EPERM, "does not speak labels"),
    "empty context": (metadata(b"", good_call()), errno.EPERM, "does not speak labels"),
    "no sepol": (metadata(good_context(), good_call(sepol="")), errno.EACCES, "sepol of c0 is missing"),
    "wrong sepol": (metadata(good_context(), good_call(sepol="0:x:33:abc")), errno.EACCES, "0:x:33:abc"),
    "behalf of a client": (metadata(good_context(), good_call(on_behalf_of=b"x")), errno.EACCES, "act for"),
    "undecodable context": (metadata(b"\xff", good_call()), errno.EPROTO, "security context"),
    "undecodable call": (metadata(good_context(), b"\xff"), errno.EPROTO, "call context"),
    "xid 0": (metadata(good_context(), good_call(xid=0)), errno.EPROTO, "xid"),
    "xid beyond": (metadata(good_context(), good_call(xid=1 << 63)), errno.EPROTO, "xid"),
    "acked beyond": (metadata(good_context(), good_call(acked_xid=1 << 63)), errno.EPROTO, "xid"),
    "clock beyond": (metadata(good_context(), good_call(clock=1 << 63)), errno.EPROTO, "clock"),
    "two contexts": (metadata(good_context(), good_call(), [("security-context-bin", b"")]), errno.EPROTO, "twice"),
    "two calls": (metadata(good_context(), good_call(), [("call-bin", b"")]), errno.EPROTO, "twice"),
    "context too big": (metadata(good_context(nid="n" * 4097), good_call()), errno.EPROTO, "4096"),
    "too many groups": (metadata(good_context(groups=range(1, 1026)), good_call()), errno.EPROTO, "1025 groups"),
    "metadata too big": (metadata(good_context(), good_call(), [("x-bin", b"x" * 16384)]), errno.EPROTO, "metadata"),
    "other module": (metadata(label(b"_", "smack"), good_call()), errno.EOPNOTSUPP, "smack"),
    "label twice": (metadata(good_context(labels=[LABEL, LABEL]), good_call()), errno.EPROTO, "two labels"),
    "empty label": (metadata(label(b""), good_call()), errno.EPROTO, "empty"),
    "absent label": (metadata(label(None), good_call()), errno.EPROTO, "empty"),
    "NUL in label": (metadata(label(b"a:b:c\0"), good_call()), errno.EPROTO, "NUL"),
    "newline in label": (metadata(label(b"a:b:c\n"), good_call()), errno.EPROTO, "newline"),
    "label not UTF-8": (metadata(label(b"\xff"), good_call()), errno.EPROTO, "UTF-8"),
    "fscreate empty": (
        metadata(good_context(create=context_pb2.CreateContexts(fscreate="")), good_call()), errno.EPROTO, "fscreate",
    ),
    "fscreate NUL": (
        metadata(good_context(create=context_pb2.CreateContexts(fscreate="a\0b")), good_call()),
        errno.EPROTO, "fscreate",
    ),
    "long comm": (metadata(good_context(comm="c" * 17), good_call()), errno.EPROTO, "comm"),
    "NUL in comm": (metadata(good_context(comm="c\0"), good_call()), errno.EPROTO, "comm"),
    "unknown capability": (
        metadata(good_context(caps=context_pb2.Capabilities(effective=1 << 41)), good_call()),
        errno.EPROTO, "effective",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_each_fault_is_refused(run, case) -> None:
    """Whatever is missing or malformed is refused with its errno, definite, and the handler never runs."""
    entries, number, words = REFUSED[case]

    async def test(cluster):
        try:
            await cluster.raw(entries)
        except OSError as error:
            return error, cluster.ops.seen, cluster.lines("mds0")

    error, seen, history = run(test)

    assert (error.errno, rpc.definite(error), seen) == (number, True, [])
    assert words in str(error)
    assert [e["e"] for e in history] == ["rpc", "session", "rpc"]
    assert (history[1]["phase"], history[1]["errno"], history[2]["status"]) == ("refuse", number, number)


def test_the_limits_themselves_pass(run) -> None:
    """1,024 groups, a context of 4,096 bytes and a comm of 16 are in order."""
    groups = good_context(groups=range(1, 1025), comm="c" * 16)
    groups.nid = "n" * (4096 - len(groups.SerializeToString()) - 3)
    assert len(groups.SerializeToString()) == 4096

    async def test(cluster):
        await cluster.raw(metadata(groups, good_call()))
        return cluster.ops.seen[0].subject

    subject = run(test)

    assert len(subject.groups) == 1024
    assert subject.nid == "c0"


@pytest.mark.parametrize(
    ("cluster_name", "role", "number"),
    [
        ("lp", "mds", errno.EPERM),
        ("lp", "harness", errno.EPERM),
        ("lp", "oss", errno.EPERM),
        ("other", "client", errno.EACCES),
    ],
)
def test_the_certificate_decides(run, caller, lookup, cluster_name, role, number) -> None:
    """A role that may not call the rpc, and a certificate of another cluster, are refused."""

    async def test(cluster):
        await cluster.stub(role=role, cluster=cluster_name).lookup(lookup, caller)

    with pytest.raises(PermissionError) as raised:
        run(test)

    assert raised.value.errno == number


def test_no_policy_no_subject(run_memory, caller, lookup) -> None:
    """A node without its policy refuses every subject, and says why."""

    async def test(cluster):
        cluster.ready = "no policy is loaded"
        await cluster.stub().lookup(lookup, caller)

    with pytest.raises(PermissionError, match="no policy is loaded"):
        run_memory(test)


NODEMAPS = {
    "read-only": (rpc.Nodemap("n", read_only=True), errno.EROFS),
    "outside the contexts": (rpc.Nodemap("n", contexts=("user_u", "*:*:user_t")), errno.EACCES),
    "range outside": (rpc.Nodemap("n", contexts=("*:*:*:s0",)), errno.EACCES),
    "other fixed subject": (rpc.Nodemap("n", subject="guest_u:guest_r:guest_t:s0"), errno.EACCES),
    "sepol of its own": (rpc.Nodemap("n", sepol="1:mls:33:def"), errno.EACCES),
    "inside the contexts": (rpc.Nodemap("n", contexts=("user_u", "staff_u:*:staff_?:s0*")), 0),
    "any sepol": (rpc.Nodemap("n", sepol="*"), 0),
    "sepol as it is": (rpc.Nodemap("n", sepol=SEPOL), 0),
}


@pytest.mark.parametrize("case", NODEMAPS)
def test_a_nodemap_rules_its_nodes(run_memory, caller, mkdir, case) -> None:
    """A nodemap refuses or lets pass, on a live connection, the nodes that it lists and no other."""
    nodemap, number = NODEMAPS[case]

    async def test(cluster):
        listed, other = cluster.stub("c0"), cluster.stub("c1")
        await listed.mkdir(mkdir, caller)
        cluster.admission.set_nodemaps([replace(nodemap, nodes=frozenset({"c0"}))])
        await other.mkdir(mkdir, caller)
        try:
            await listed.mkdir(mkdir, caller)
        except OSError as error:
            return error.errno
        return 0

    assert run_memory(test) == number


@pytest.mark.parametrize(
    ("flags", "number"), [(0, errno.EOPNOTSUPP), (1, errno.EROFS), (0o100, errno.EROFS), (0o1000, errno.EROFS)]
)
def test_a_read_only_nodemap_lets_read(run_memory, caller, flags, number) -> None:
    """Opening for reading reaches the handler (which refuses by EOPNOTSUPP here); to write, create, cut does not."""

    async def test(cluster):
        cluster.admission.set_nodemaps([rpc.Nodemap(read_only=True)])
        await cluster.stub().getattr(mds_pb2.GetattrRequest(), caller)
        await cluster.stub().open(mds_pb2.OpenRequest(flags=flags), caller)

    with pytest.raises(OSError) as raised:
        run_memory(test)

    assert raised.value.errno == number


ROOTLY = Subject(0, 0, (4, 24), Caps(7, 7, 7, 7, 7), labels={"selinux": "a:b:c"})
MAPPED = {
    "trusted": (rpc.Nodemap(), ROOTLY, ROOTLY),
    "root squash": (
        rpc.Nodemap(squash=True, squash_uid=99, squash_gid=98), ROOTLY,
        replace(ROOTLY, uid=99, gid=98, groups=(), caps=Caps()),
    ),
    "root squash, not root": (rpc.Nodemap(squash=True), replace(ROOTLY, uid=5), replace(ROOTLY, uid=5)),
    "not mapped": (
        rpc.Nodemap(trusted=False), ROOTLY, replace(ROOTLY, uid=65534, gid=65534, groups=(), caps=Caps()),
    ),
    "mapped": (
        rpc.Nodemap(trusted=False, uids={0: 500}, gids={0: 600, 24: 240}), ROOTLY,
        replace(ROOTLY, uid=500, gid=600, groups=(240,)),
    ),
    "capability mask": (rpc.Nodemap(cap_mask=0b10), ROOTLY, replace(ROOTLY, caps=Caps(2, 2, 2, 2, 2))),
    "fixed subject": (
        rpc.Nodemap(subject="g:g:g"), replace(ROOTLY, labels={}), replace(ROOTLY, labels={"selinux": "g:g:g"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MAPPED)
def test_a_nodemap_maps_the_subject(case) -> None:
    """Id map, squash and capability mask give the admitted subject."""
    nodemap, claimed, admitted = MAPPED[case]

    assert nodemap.admitted(claimed, ["selinux"]) == admitted


def test_a_nodemap_comes_from_its_message() -> None:
    """What is not set in the message is the default; a squash id of 0 is nobody."""
    from labelproof.v1 import admin_pb2

    message = admin_pb2.Nodemap(name="n", nodes=["c0"], uids=[admin_pb2.IdMap(client=1, server=2)], cap_mask=0)

    nodemap = rpc.Nodemap.from_proto(message)

    assert nodemap == rpc.Nodemap("n", frozenset({"c0"}), trusted=False, uids={1: 2}, cap_mask=0)
    with pytest.raises(ValueError, match="no name"):
        rpc.Nodemap.from_proto(admin_pb2.Nodemap())


def test_a_subject_has_one_digest_everywhere(subject) -> None:
    """The digest is that of the admitted subject: the same for any order of labels, another for another nid."""
    both = replace(subject, labels={"selinux": "a:b:c", "smack": "_"})
    turned = replace(subject, labels={"smack": "_", "selinux": "a:b:c"})

    assert context.named(both).digest == context.named(turned).digest
    assert context.decode(context.encode(both)) == both
    assert context.named(replace(both, nid="c1")).digest != context.named(both).digest


def test_the_nid_is_the_certificates(run_memory, caller, subject, lookup) -> None:
    """A subject that claims another node's name gets its own, and thereby another digest."""

    async def test(cluster):
        await cluster.stub("c1").lookup(lookup, caller)
        return cluster.ops.seen[0].subject

    admitted = run_memory(test)

    assert (admitted.nid, caller.subject.nid) == ("c1", "c0")
    assert admitted.digest == context.named(replace(subject, nid="c1")).digest


@pytest.fixture
def admission() -> rpc.Admission:
    class Module(lsm.Hooks):
        name, xattr = "selinux", "security.selinux"

    return rpc.Admission("lp", lsm.Framework([Module()]), sepol=lambda: SEPOL)


def test_servers_may_act_for_somebody(admission, subject) -> None:
    """An MDS's word on whom it acts for is taken as that MDS admitted it; a subject without label is refused."""
    mds = rpc.Peer("lp", "mds", "mds0")

    assert admission.behalf(mds, context.encode(subject)) == context.named(subject)
    with pytest.raises(PermissionError, match="no label"):
        admission.behalf(mds, context.encode(replace(subject, labels={})))


def test_the_default_nodemap_is_about_clients(admission, subject) -> None:
    """A default nodemap that squashes everybody leaves the cluster's own servers as they are."""
    admission.set_nodemaps([rpc.Nodemap(trusted=False)])
    data = context.encode(subject)

    assert admission.subject(rpc.Peer("lp", "client", "c0"), data).uid == 65534
    assert admission.subject(rpc.Peer("lp", "mds", "mds0"), data).uid == subject.uid


@pytest.mark.parametrize(
    ("method", "roles"),
    [("Oss/Write", {"client"}),
     ("Oss/Punch", {"mds"}), ("Oss/Connect", {"client", "mds"}), ("Admin/Stats", {"harness"}),
     ("Agent/Login", {"harness"}), ("Mds/Open", {"client"}), ("Nobody/Knows", set())],
)  # fmt: skip
def test_each_rpc_has_its_roles(admission, method, roles) -> None:
    """Of all roles, exactly those of the table may call."""

    def may(role: str) -> bool:
        try:
            admission.check_peer(rpc.Peer("lp", role, "n"), method)
        except PermissionError:
            return False
        return True

    assert {role for role in ("harness", "mds", "oss", "client") if may(role)} == roles


def test_the_harness_needs_a_label_once_there_is_a_policy(admission, subject) -> None:
    """Before a policy nothing can be asked; after, a mediated Admin rpc without a labelled subject is refused."""
    harness = rpc.Peer("lp", "harness", "h")
    reason: list[str | None] = ["no policy"]
    admission.ready = lambda: reason[0]

    assert admission.host(harness, None, "Admin/LoadPolicy", True).labels == {}
    reason[0] = None
    assert admission.host(harness, None, "Admin/Stats", False).labels == {}
    assert admission.host(harness, context.encode(subject), "Admin/LoadPolicy", True).labels == subject.labels
    with pytest.raises(PermissionError, match="no label"):
        admission.host(harness, None, "Admin/LoadPolicy", True)


def test_the_cache_of_subjects_is_bounded(admission, subject, monkeypatch) -> None:
    """The oldest subjects go; the same bytes give the same object while they are kept."""
    monkeypatch.setattr("rpc.admission.CACHED_MAX", 2)
    peer = rpc.Peer("lp", "client", "c0")
    first = context.encode(subject)

    kept = admission.subject(peer, first)

    assert admission.subject(peer, first) is kept
    for pid in (1, 2):
        admission.subject(peer, context.encode(dataclasses.replace(subject, pid=pid)))
    assert admission.subject(peer, first) is not kept
