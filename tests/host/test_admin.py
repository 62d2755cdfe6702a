import errno
import json
from pathlib import Path

import pytest

import rpc
from host import admin as host_admin
from host.admin import AdminOps
from labelproof.v1 import admin_pb2 as pb
from lsm.objects import Fid, Subject

ON = pb.SetBooleansRequest(values={"user_write_shared": True})


async def counted(bench, nobody) -> dict[str, int]:
    return dict((await bench.admin.stats(pb.StatsRequest(), nobody)).counters)


def test_boot(bench, boot, nobody) -> None:
    """Without a context, once: the reply has the fingerprint, and the app learns of it."""

    async def test(bench):
        return await bench.admin.load_policy(boot, nobody), bench.app.told[:]

    reply, told = bench(test)

    assert (reply.seqno, reply.sepol, told) == (1, "1:targeted:33:d1", ["start", "policy_loaded"])


def test_a_damaged_boot_policy(bench, nobody) -> None:
    """EINVAL; the app is not told, and the node can be booted still."""

    async def test(bench):
        with pytest.raises(OSError, match="bad") as refused:
            await bench.admin.load_policy(pb.LoadPolicyRequest(name="bad", cil=b"x"), nobody)
        return refused.value.errno, bench.app.told, bench.node.policy.loaded

    assert bench(test)[0] == errno.EINVAL
    assert bench(test)[2] is False


def test_reload_asks_load_policy(bench, boot, nobody, admin, user) -> None:
    """security{load_policy} of who asks: an administrator may, a user may not, and the mode stays."""

    async def test(bench):
        await bench.admin.load_policy(boot, nobody)
        boot.enforcing, boot.digest = False, "d2"
        with pytest.raises(PermissionError):
            await bench.admin.load_policy(boot, user)
        return bench.node.policy.digest, await bench.admin.load_policy(boot, admin), bench.app.told

    digest, reply, told = bench(test)

    assert (digest, reply.seqno, reply.sepol) == ("d1", 2, "1:targeted:33:d2")
    assert told.count("policy_loaded") == 1


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("load_policy", pb.LoadPolicyRequest()),
        ("set_enforce", pb.SetEnforceRequest(enforcing=False)),
        ("set_booleans", ON),
    ],
)
def test_an_unlabelled_subject_is_refused_once_there_is_a_policy(bench, boot, nobody, user, method, request_) -> None:
    """EACCES without a context, EACCES by the policy for a user; nothing changed."""

    async def test(bench):
        await bench.admin.load_policy(boot, nobody)
        errors = []
        for caller in (nobody, user):
            with pytest.raises(PermissionError) as refused:
                await getattr(bench.admin, method)(request_, caller)
            errors.append(refused.value.errno)
        return errors, bench.node.policy.sepol, bench.node.policy.seqno

    assert bench(test) == ([errno.EACCES] * 2, "1:targeted:33:d1", 1)


def test_the_handler_itself_refuses_an_unlabelled_subject() -> None:
    """Whatever admission let through: no label, no hook, no change."""

    class Call:
        subject = Subject(0, 0)

        def takes(self, case: str) -> None:
            self.case = case

    with pytest.raises(PermissionError, match="logged-in subject"):
        AdminOps(None, None, dict)._ask(Call(), "set", "policy_setbool")


def test_set_enforce(bench, boot, nobody, admin) -> None:
    """The mode is part of the fingerprint."""

    async def test(bench):
        await bench.admin.load_policy(boot, nobody)
        return await bench.admin.set_enforce(pb.SetEnforceRequest(enforcing=False), admin)

    assert bench(test).sepol == "0:targeted:33:d1"


def test_booleans_are_set_all_or_none(bench, boot, nobody, admin) -> None:
    """ENOENT for an unknown one leaves the known one as it was."""

    async def test(bench):
        await bench.admin.load_policy(boot, nobody)
        with pytest.raises(FileNotFoundError):
            await bench.admin.set_booleans(
                pb.SetBooleansRequest(values={"user_write_shared": True, "no_such": True}), admin
            )
        before = dict(bench.node.policy.booleans)
        reply = await bench.admin.set_booleans(ON, admin)
        return before["user_write_shared"], reply.seqno, bench.node.policy.booleans["user_write_shared"]

    assert bench(test) == (False, 2, True)


def test_join(bench, nobody) -> None:
    """The peers but not the node itself; the app is told."""
    peers = [pb.Peer(node=n, role=r, address=f"{n}:1") for n, r in (("mds0", "mds"), ("oss0", "oss"))]

    async def test(bench):
        await bench.admin.join(pb.JoinRequest(peers=peers), nobody)
        return bench.node.peers("mds"), bench.node.peers("oss"), bench.app.told

    assert bench(test)[:2] == ((), ("oss0",))
    assert "joined" in bench(test)[2]


def test_nodemaps(bench, nobody) -> None:
    """They apply at once; one that cannot be is EINVAL and leaves those that were."""

    async def test(bench):
        good = pb.Nodemap(name="lab", nodes=["c0"], trusted=True, read_only=True)
        await bench.admin.set_nodemaps(pb.SetNodemapsRequest(nodemaps=[good]), nobody)
        bad = pb.Nodemap(nodes=["c0"])
        with pytest.raises(OSError, match="no name") as refused:
            await bench.admin.set_nodemaps(pb.SetNodemapsRequest(nodemaps=[bad]), nobody)
        return refused.value.errno, bench.node.admission.nodemap(rpc.Peer("lp", "client", "c0")).name

    assert bench(test) == (errno.EINVAL, "lab")


@pytest.mark.parametrize(("wanted", "paths"), [([], ["0", "1"]), ([Fid(1, 2)], ["1"]), ([Fid(9, 9)], [])])
def test_collect(bench, nobody, wanted, paths) -> None:
    """All objects, or those asked for."""

    async def test(bench):
        request = pb.CollectRequest(objects=[rpc.fid_message(fid) for fid in wanted])
        return await bench.admin.collect(request, nobody)

    assert [raw.path for raw in bench(test).objects] == paths


def test_stats(bench, boot, nobody) -> None:
    """What is committed, the policy's seqno, what the role counts; the cache's counts once there is a policy."""

    async def test(bench):
        before = await counted(bench, nobody)
        await bench.admin.load_policy(boot, nobody)
        return before, await counted(bench, nobody)

    before, after = bench(test)

    assert before.keys() == {"last_committed", "policy_seqno", "policy", "nodemaps", "open_files"}
    assert (before["last_committed"], before["policy_seqno"], before["nodemaps"]) == (0, 0, 0)
    assert (after["policy_seqno"], "avc_hits" in after) == (1, True)


def test_stats_tell_policies_and_nodemaps_apart(bench, boot, nobody, admin) -> None:
    """One fingerprint of mode, rules and booleans, one of the nodemaps: the same again when they are as they were."""

    async def test(bench):
        await bench.admin.load_policy(boot, nobody)
        told = [await counted(bench, nobody)]
        for on in (True, False):
            await bench.admin.set_booleans(pb.SetBooleansRequest(values={"user_write_shared": on}), admin)
            told.append(await counted(bench, nobody))
        for maps in ([pb.Nodemap(name="default", trusted=True)], []):
            await bench.admin.set_nodemaps(pb.SetNodemapsRequest(nodemaps=maps), nobody)
            told.append(await counted(bench, nobody))
        return [(counters["policy"], counters["nodemaps"]) for counters in told]

    boot_, on, off, mapped, unmapped = bench(test)

    assert on[0] != boot_[0]
    assert mapped[1] != 0
    assert boot_ == off == unmapped == (boot_[0], 0)


@pytest.mark.parametrize("what", ["history", "audit"])
def test_evidence_is_read_in_parts(bench, nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what) -> None:
    """Byte for byte what stands in the file, from the offset on, a reply holding so much of it; at the end nothing."""
    monkeypatch.setattr(host_admin, "EVIDENCE_BYTES_MAX", 40)
    (tmp_path / "audit").write_text("type=AVC one\ntype=AVC two\n" * 9)

    async def test(bench):
        found = b""
        while True:
            reply = await bench.admin.read_evidence(pb.ReadEvidenceRequest(**{what: len(found)}), nobody)
            part = getattr(reply, what)
            if not part:
                return found
            assert len(part) <= 40
            found += part

    found = bench(test, history=tmp_path / "history", audit=tmp_path / "audit")

    assert len(found) > 80
    assert found == (tmp_path / what).read_bytes()


def test_evidence_that_is_not_kept(bench, nobody) -> None:
    """Nothing of a file that the node does not keep."""

    async def test(bench):
        return await bench.admin.read_evidence(pb.ReadEvidenceRequest(), nobody)

    reply = bench(test)

    assert (reply.history, reply.audit) == (b"", b"")


def test_reading_the_history_does_not_lengthen_it(bench, nobody, tmp_path: Path) -> None:
    """No event of the call on either side, or reading would never come to an end; a refused one is recorded."""
    history = tmp_path / "history"

    async def test(bench):
        before = history.read_bytes()
        await bench.admin.read_evidence(pb.ReadEvidenceRequest(), nobody)
        after = history.read_bytes()
        with pytest.raises(PermissionError):
            await bench.as_client().read_evidence(pb.ReadEvidenceRequest(), nobody)
        return before == after, bench.sent, [json.loads(line)["e"] for line in history.read_text().splitlines()]

    same, sent, events = bench(test, history=history)

    assert same
    assert b"".join(sent) == b""
    assert "session" in events
