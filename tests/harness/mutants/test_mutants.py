"""Each planted bug is caught by the checker that it names, by that one only, and only while it is there."""

import fcntl
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.mutants import MUTANTS, Mutant, seams
from harness.subjects import SubjectSpec
from labelproof.v1 import mds_pb2
from rpc import Caller, Stub

LABEL = "security.selinux"
SECRET = b"user_u:object_r:secret_t:s0"
HUSHED = b"user_u:object_r:hush_t:s0"
HOME = b"user_u:object_r:home_t:s0"
PROJECT = b"user_u:object_r:project_t:s0"
MDS = mds_pb2.DESCRIPTOR.services_by_name["Mds"]


def unlink(scene: Any) -> None:
    """A link that its owner may remove."""
    scene.user.symlink("nowhere", f"{scene.home}/link")
    with suppress(PermissionError):
        scene.user.unlink(f"{scene.home}/link")


def make(scene: Any) -> None:
    """A directory where the user may make one, and one where he may not."""
    labelled(scene, "closed", SECRET)
    scene.user.mkdir(f"{scene.home}/made")
    with suppress(PermissionError):
        scene.user.mkdir(f"{scene.home}/closed/made")


def transition(scene: Any) -> None:
    """New objects, whose labels are by transition, by their class and by their name."""
    scene.user.mkdir(f"{scene.home}/plain")
    scene.user.mkdir(f"{scene.home}/special.d")
    scene.user.mknod(f"{scene.home}/special.txt")


def look_at_secret(scene: Any) -> None:
    """A stat that is denied, on record."""
    labelled(scene, "secret", SECRET)
    with suppress(PermissionError):
        scene.user.stat(f"{scene.home}/secret")


def look_at_hushed(scene: Any) -> None:
    """A stat that is denied in silence."""
    labelled(scene, "hushed", HUSHED)
    with suppress(PermissionError):
        scene.user.stat(f"{scene.home}/hushed")


def relabel(scene: Any) -> None:
    """A directory that is looked at under its first label and under its second."""
    path = f"{scene.home}/moved"
    scene.user.mkdir(path)
    scene.user.stat(path)
    scene.user.setxattr(path, LABEL, PROJECT)
    scene.user.stat(path)


def set_label(scene: Any) -> None:
    """A directory with a new label, of which the store tells; to ask a server would be one more decision on it."""
    made = scene.user.mkdir(f"{scene.home}/moved")
    scene.user.setxattr(f"{scene.home}/moved", LABEL, PROJECT)
    scene.cluster.collect(made.fid)


def unspecial(scene: Any) -> None:
    """A file of a type that nothing leaves again."""
    scene.user.mknod(f"{scene.home}/special.txt")
    with suppress(PermissionError):
        scene.user.setxattr(f"{scene.home}/special.txt", LABEL, PROJECT)


def command(scene: Any) -> None:
    """An open file of a type on which only some commands of ioctl are allowed, and others."""
    scene.admin.mknod(f"{scene.home}/file", 0o100666)
    scene.admin.setxattr(f"{scene.home}/file", LABEL, HOME)
    scene.admin.chmod(f"{scene.home}/file", 0o666)
    fd = scene.user.open(f"{scene.home}/file", os.O_RDONLY)
    for number in (0x6601, 0x5801, 0xC0045802):
        with suppress(OSError):
            scene.user.ioctl(fd, number)


def hold(scene: Any) -> None:
    """A task opens a file, takes another context, and goes on with it."""
    task = scene.cluster.client().login(scene.people.admin, uid=0, caps="all")
    fd = task.open(f"{scene.home}/held", os.O_CREAT | os.O_RDWR)
    task.flock(fd, fcntl.LOCK_SH)
    task.setcon("system_u:system_r:user_t:s0")
    task.flock(fd, fcntl.LOCK_UN)
    task.logout()


def write(scene: Any) -> None:
    """A file that gets its first bytes, and stays open: to close it is to ask for its objects again."""
    scene.user.pwrite(scene.user.open(f"{scene.home}/file", os.O_CREAT | os.O_WRONLY), b"bytes", 0)


def lend_ticket(scene: Any) -> None:
    """One subject walks to a directory, and another names it by FID with the first one's ticket."""
    with suppress(PermissionError):
        scene.cluster.run(_lend_ticket(scene))


async def _lend_ticket(scene: Any) -> None:
    client = seams.server(scene.cluster, "client0").node
    mds = Stub(MDS, client.channel("mds0"))
    walker, other = (caller(scene, context, client) for context in (scene.people.user, scene.people.subjects[4]))
    root = await mds.get_root(mds_pb2.GetRootRequest(), walker)
    name = mds_pb2.Name(parent=root.entry.fid, name=scene.home.strip("/").encode())
    found = await mds.lookup(mds_pb2.LookupRequest(name=name), walker.doing(ticket=root.ticket))
    place = mds_pb2.Place(fid=found.entry.fid)
    await mds.getattr(mds_pb2.GetattrRequest(place=place), other.doing(ticket=found.ticket))


def come_with_groups(scene: Any) -> None:
    """A task with a second group."""
    scene.cluster.client().login(scene.people.user, groups=[2000]).stat(scene.home)


WORKLOADS: dict[str, Callable[[Any], None]] = {
    "skip_hook": unlink,
    "skip_hook_uncounted": unlink,
    "check_after_act": make,
    "wrong_subject": look_at_secret,
    "stale_label": relabel,
    "no_validatetrans": unspecial,
    "any_command": command,
    "forget_opener": hold,
    "trust_claim": transition,
    "parent_label": transition,
    "keep_old_label": set_label,
    "ost_unlabelled": write,
    "ost_label": write,
    "foreign_ticket": lend_ticket,
    "lost_groups": come_with_groups,
    "lost_dontaudit": look_at_hushed,
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_bug_is_caught_by_its_checker_while_it_is_there(bench: Any, mutant: Mutant) -> None:
    """The workload gives no finding before and after, and in between those that the bug names, of one checker."""
    workload = WORKLOADS[mutant.name]
    before, during, after = bench.scene(), bench.scene(), bench.scene()
    workload(before)
    clean = bench.findings()

    with mutant.plant(bench.cluster):
        workload(during)
        caught = bench.findings()
    workload(after)
    restored = bench.findings()

    assert clean == restored == []
    assert {finding.checker for finding in caught} == {notice.checker for notice in mutant.noticed_by}
    assert {finding.kind for finding in caught} >= {notice.kind for notice in mutant.noticed_by}


def test_the_workloads_alone_are_valid_for_every_checker(start: Callable[[str], Any]) -> None:
    """Without a bug every checker has what it needs, judges all of it, and finds it in order."""
    bench = start("inprocess")
    for workload in dict.fromkeys(WORKLOADS.values()):
        workload(bench.scene())

    verdicts = bench.verdicts()

    assert {verdict.checker: (verdict.valid, verdict.because) for verdict in verdicts if verdict.valid != "valid"} == {}
    assert {verdict.checker for verdict in verdicts} == {"propagation", "mediation", "identity", "audit"}


def test_the_simulator_catches_them_too(start: Callable[[str], Any]) -> None:
    """A bug is planted by the same seam in a cluster of the runtime sim."""
    bench = start("sim")
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "trust_claim")

    with mutant.plant(bench.cluster):
        transition(bench.scene())

    assert {(finding.checker, finding.kind) for finding in bench.findings()} >= {*mutant.noticed_by}


def test_the_frameworks_own_count_refuses_a_call_without_its_hook(bench: Any) -> None:
    """With the count on, the server that skips a hook refuses the call, and nothing was removed."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "skip_hook")
    scene = bench.scene()
    scene.user.symlink("nowhere", f"{scene.home}/link")

    with mutant.plant(bench.cluster), pytest.raises(PermissionError) as refused:
        scene.user.unlink(f"{scene.home}/link")
    left = scene.user.readlink(f"{scene.home}/link")

    bench.findings()
    assert "inode_unlink(parent) did not fire" in str(refused.value)
    assert left == "nowhere"


def test_a_node_is_as_before_when_the_block_fails(bench: Any) -> None:
    """Handlers, seal and door are the very ones that were there, whatever ended the block."""
    node = seams.server(bench.cluster, "mds0")
    before = [[rpc.handler for rpc in table.bound.values()] for table in node.tables], node.node.seal

    for mutant in MUTANTS:
        with suppress(KeyboardInterrupt), mutant.plant(bench.cluster):
            raise KeyboardInterrupt

    after = [[rpc.handler for rpc in table.bound.values()] for table in node.tables], node.node.seal
    assert after == before
    assert "subject" not in vars(node.node.admission)


def test_every_bug_has_a_workload_and_says_what_it_stands_for() -> None:
    """Names are unique and each has its workload here, a ticket, a rule, and findings of one checker."""
    names = [mutant.name for mutant in MUTANTS]

    assert len(set(names)) == len(names)
    assert set(names) == set(WORKLOADS)
    for mutant in MUTANTS:
        assert re.match(r"(LU-\d+|CVE-\d+-\d+|[0-9a-f]{10,12}) ?(\(\S+\))?: \w+", mutant.ticket), mutant.name
        assert mutant.rule.endswith("."), mutant.name
        assert len({notice.checker for notice in mutant.noticed_by}) == 1, mutant.name


def test_a_bug_that_cannot_be_planted_says_why(bench: Any) -> None:
    """Where a node is missing, `available` is a sentence, and planting raises it."""
    mutant = replace(MUTANTS[0], node="mds7")

    reason = mutant.available(bench.cluster)

    assert reason == "the cluster has no running node mds7"
    with pytest.raises(LookupError, match="no running node mds7"), mutant.plant(bench.cluster):
        pass
    assert [mutant.name for mutant in MUTANTS if mutant.available(bench.cluster)] == []


def test_nodes_in_other_processes_are_out_of_reach() -> None:
    """On the runtime processes no bug can be planted, and each says so."""
    elsewhere: Any = SimpleNamespace(runtime="processes", _machine=object(), policy=object())

    reasons = {mutant.available(elsewhere) for mutant in MUTANTS}

    assert reasons == {"runtime processes has its nodes in other processes; inprocess and sim do not"}


def labelled(scene: Any, name: str, label: bytes) -> None:
    """A directory in the scene's own, with the label."""
    path = f"{scene.home}/{name}"
    scene.admin.mkdir(path, 0o777)
    scene.admin.setxattr(path, LABEL, label)
    scene.admin.chmod(path, 0o777)


def caller(scene: Any, context: str, client: Any) -> Caller:
    """A subject on the client node, as its calls carry it."""
    return Caller.of(replace(SubjectSpec(context).subject(), nid=client.name), sepol=client.policy.sepol)
