import asyncio
import errno
import json
import platform
from dataclasses import replace
from importlib import metadata

import pytest

from host.node import PeerAddress
from host.serve import versions
from labelproof.v1 import admin_pb2 as pb
from lsm.modules.capability import ALL
from lsm.objects import Decision, Denied, Obj, Subject

OSS = PeerAddress("oss0", "oss", "oss0:1")


async def booted(bench, boot, nobody) -> None:
    await bench.admin.load_policy(boot, nobody)


def test_before_the_policy_there_is_no_mediator(bench) -> None:
    """Fail closed: EACCES."""

    async def test(bench):
        with pytest.raises(PermissionError):
            bench.node.mediator(Subject(0, 0))
        return bench.node.subject.labels

    assert bench(test) == {}


def test_the_nodes_own_subject(bench, boot, nobody) -> None:
    """Root with every capability, the initial SID `kernel`, its role as comm; made anew when the policy is there."""

    async def test(bench):
        before = bench.node.subject
        await booted(bench, boot, nobody)
        return before, bench.node.subject

    before, after = bench(test)

    assert before.labels == {}
    assert after.labels == {"selinux": "system_u:system_r:kernel_t:s0-s0:c0.c15"}
    assert (after.uid, after.comm, after.nid, after.caps.effective) == (0, "mds", "mds0", ALL)
    assert after.digest not in (b"", before.digest)


def test_the_superblock(bench, boot, nobody) -> None:
    """Labelled by the policy's rule for the filesystem's type."""

    async def test(bench):
        await booted(bench, boot, nobody)
        return bench.node.superblock(), bench.node

    fs, node = bench(test)

    assert (fs.role, fs.tclass, fs.name, fs.labels) == (
        "fs", "filesystem", "lustre", {"selinux": "system_u:object_r:lustre_fs_t:s0"},
    )  # fmt: skip
    assert (node.xattr_of("selinux"), node.module_of("security.selinux"), node.module_of("user.x")) == (
        "security.selinux", "selinux", None,
    )  # fmt: skip
    for module in ("capability", "smack"):
        with pytest.raises(KeyError):
            node.xattr_of(module)


def test_peers_and_channels(bench) -> None:
    """Sorted by name and role; one channel each, given up when the peer moves or is back; ENOTCONN for a stranger."""

    async def test(bench):
        node = bench.node
        node.join([PeerAddress("oss1", "oss", "oss1:1"), OSS, PeerAddress("c0", "client", "c0:1")])
        first, again = node.channel("oss0"), node.channel("oss0")
        node.join([OSS])
        kept = node.channel("oss0")
        node.join([replace(OSS, address="oss0:2")])
        moved = node.channel("oss0")
        node.join([replace(OSS, address="oss0:2", incarnation=2)])
        back = node.channel("oss0")
        with pytest.raises(OSError, match="mds0 does not know where oss7 listens") as stranger:
            node.channel("oss7")
        return node.peers("oss"), first is again is kept, moved in {first, back}, stranger.value.errno, bench.connected

    assert bench(test) == (("oss0", "oss1"), True, False, errno.ENOTCONN, ["oss0:1", "oss0:2", "oss0:2"])


def test_the_node_as_caller(bench, boot, nobody) -> None:
    """Its own subject, for whom it acts, the ids of the call that it serves, and its fingerprint."""

    async def test(bench):
        await booted(bench, boot, nobody)
        alice = Subject(1000, 1000, labels={"selinux": "user_u:user_r:user_t:s0"})
        return bench.node.caller(behalf=alice), bench.node.caller()

    acting, own = bench(test)

    assert (acting.subject.comm, acting.behalf_subject.uid, acting.sepol) == ("mds", 1000, "1:targeted:33:d1")
    assert (own.behalf, own.op, own.test) == (b"", "", "")


def test_the_calls_ids_go_on(bench) -> None:
    """What the node calls in the course of a call carries that call's op and test."""

    class Serving:
        op, test = "op1", "t1"

    async def test(bench):
        return bench.node.caller(Serving())

    caller = bench(test)

    assert (caller.op, caller.test) == ("op1", "t1")


def test_a_policy_change_is_in_the_history(bench, boot, nobody, admin, tmp_path) -> None:
    """Boot, booleans and mode, each with seqno and who asked; the file begins with what runs."""
    history = tmp_path / "mds0.jsonl"

    async def test(bench):
        await booted(bench, boot, nobody)
        await bench.admin.set_booleans(pb.SetBooleansRequest(values={"user_write_shared": True}), admin)
        await bench.admin.set_enforce(pb.SetEnforceRequest(enforcing=False), admin)

    bench(test, history=history, clock_domain="boot1")
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    policies = [line for line in lines if line["e"] == "policy"]

    assert (lines[0]["e"], lines[0]["role"], lines[0]["versions"], lines[0]["clock_domain"]) == (
        "run", "mds", versions(), "boot1",
    )  # fmt: skip
    assert [(p["why"], p["seqno"], p["enforcing"]) for p in policies] == [
        ("boot", 1, True), ("booleans", 2, True), ("enforce", 2, False),
    ]  # fmt: skip
    assert policies[1]["booleans"]["user_write_shared"] is True


def test_the_node_closes_its_channels(bench) -> None:
    """Stopping gives up every channel, and the app is told before."""
    closed = []

    class Channel:
        async def close(self) -> None:
            closed.append("closed")

    async def test(bench):
        bench.node.join([OSS])
        bench.node._channels["oss0"] = Channel()
        return bench

    server = bench(test).server

    assert closed == ["closed"]
    assert server.app.told == ["start", "stop"]


def test_the_audit_log(bench, tmp_path, boot, nobody) -> None:
    """One line for each audited decision, in order, numbered; nothing for the others."""
    path = tmp_path / "audit.log"
    alice = Subject(1000, 1000, pid=7, comm="cat", labels={"selinux": "user_u:user_r:user_t:s0"})

    async def test(bench):
        await booted(bench, boot, nobody)
        m = bench.node.mediator(alice)
        m.check("inode_getattr", Obj("object", "file", {"selinux": "user_u:object_r:home_t:s0"}))
        for name in ("a", "b"):
            with pytest.raises(Denied):
                m.check("inode_getattr", Obj("object", "file", {"selinux": "user_u:object_r:secret_t:s0"}, name=name))
        bench.node.audited(m.decisions, alice)

    bench(test, audit=path)
    lines = path.read_text().splitlines()

    assert [line.split("audit(")[1].split(")")[0] for line in lines] == ["1700000000.000:1", "1700000000.000:2"]
    assert all('avc:  denied  { getattr } for  pid=7 comm="cat" name="' in line for line in lines)
    assert [line.split("name=")[1][:3] for line in lines] == ['"a"', '"b"']


def test_without_a_path_no_record_is_kept(bench) -> None:
    """Decisions may be handed in all the same."""

    async def test(bench):
        bench.node.audited([Decision("h", "m", ("p",), ("p",), "s", "t", "file", False, audited=True)], Subject(0, 0))

    bench(test)


def test_the_log_goes_on_where_it_was(bench, tmp_path) -> None:
    """A node that comes back appends."""
    path = tmp_path / "audit.log"
    path.write_text("before\n")

    async def test(bench):
        bench.node.audited([Decision("h", "m", ("p",), ("p",), "s", "t", "file", False, audited=True)], Subject(0, 0))

    bench(test, audit=path)

    assert path.read_text().startswith("before\nnode=mds0 type=AVC")


def test_a_history_that_cannot_be_written_is_an_oserror(bench, tmp_path) -> None:
    """The node does not start without the evidence that was asked for."""
    with pytest.raises(OSError, match="No such file"):
        bench(lambda bench: asyncio.sleep(0), history=tmp_path / "no" / "h.jsonl")


def test_admission_follows_the_policy(bench, boot, nobody) -> None:
    """The door opens with the boot policy: the loaded framework and fingerprint are its own from then on."""

    async def test(bench):
        before = bench.node.admission.ready()
        await booted(bench, boot, nobody)
        return before, bench.node.admission

    before, admission = bench(test)

    assert before == "mds0 has no policy"
    assert (admission.ready(), admission.sepol()) == (None, "1:targeted:33:d1")
    assert [m.name for m in admission.framework.modules] == ["capability", "selinux"]


def test_versions_are_those_installed() -> None:
    """As pip would tell them, without what it takes to ask as pip does."""
    found = versions()

    assert found == {
        "labelproof": metadata.version("labelproof"), "python": platform.python_version(),
        "grpc": metadata.version("grpcio"), "protobuf": metadata.version("protobuf"),
    }  # fmt: skip


def test_who_waits_hears_that_the_node_is_about_to_stop(bench) -> None:
    async def test(bench):
        heard = []
        bench.node.on_stop(lambda: heard.append("stop"))
        bench.node.stopping()
        return heard

    assert bench(test) == ["stop"]
