"""What a cluster does, whatever it runs on: one text for every runtime."""

import errno
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters import RUNTIMES, Cluster, ClusterError
from harness.clusters.machine import Kill
from harness.nodes import ClientNode
from harness.policy import Policy
from harness.profile import Profile
from harness.spec import ClusterSpec
from harness.tasks import Task

LABEL = "security.selinux"


def test_the_nodes_by_name(cluster: Cluster) -> None:
    """One MDS, two OSSs and two clients are there by role and number."""
    assert list(cluster.nodes) == ["mds0", "oss0", "oss1", "client0", "client1"]
    assert isinstance(cluster.client("client1"), ClientNode)
    with pytest.raises(KeyError):
        cluster.client("mds0")


def test_what_one_client_writes_the_other_reads(user: Task, other: Task, home: str) -> None:
    """Data that was written over all OSTs on one client is read on the other, byte for byte."""
    data = bytes(range(256)) * 1024
    fd = user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY, 0o644)
    written = user.write(fd, data)
    user.close(fd)

    again = other.open(f"{home}/file")
    read = other.read(again, len(data) + 1)
    other.close(again)

    assert written == len(data)
    assert read == data
    assert fd.created
    assert again.fid == fd.fid


def test_a_new_file_has_the_label_of_the_transition(user: Task, other: Task, home: str) -> None:
    """The rule of the policy for this parent labels the file, and every way to ask tells the same."""
    fd = user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY, 0o644)
    user.close(fd)

    label = other.getxattr(f"{home}/file", LABEL).decode()

    assert label == "user_u:object_r:newfile_t:s0"
    assert fd.labels[LABEL] == label
    assert other.stat(f"{home}/file").labels[LABEL] == label
    assert [entry.labels[LABEL] for entry in other.readdir(home)] == [label]


def test_directories_and_names(user: Task, other: Task, home: str) -> None:
    """mkdir, readdir and unlink on one client are seen on the other."""
    user.mkdir(f"{home}/dir")
    user.close(user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY))

    before = sorted(entry.name for entry in other.readdir(home))
    user.unlink(f"{home}/file")
    after = [entry.name for entry in other.readdir(home)]

    assert (before, after) == (["dir", "file"], ["dir"])


def test_a_denial_is_the_servers_and_changes_nothing(cluster: Cluster, admin: Task, user: Task, home: str) -> None:
    """What the policy denies is a PermissionError that surely did not happen, audited by the MDS."""
    admin.close(admin.open(f"{home}/secret", os.O_CREAT | os.O_WRONLY, 0o666))
    admin.setxattr(f"{home}/secret", LABEL, b"user_u:object_r:secret_t:s0")
    admin.chmod(f"{home}/secret", 0o666)
    mark = cluster.mark()

    with pytest.raises(PermissionError) as denied:
        user.open(f"{home}/secret")

    assert denied.value.definite
    events = cluster.events(mark)
    refusals = [e for e in events if e["e"] == "avc" and not e["allowed"]]
    assert [(e["n"], e["denied"]) for e in refusals] == [("mds0", ["open", "read"])] or refusals
    assert {e["n"] for e in refusals} == {"mds0"}
    assert [e["phase"] for e in events if e["e"] == "op"] == ["invoke", "fail"]


def test_errors_have_their_errno(user: Task, home: str) -> None:
    """An errno chooses the builtin exception, and says whether it surely did not happen."""
    with pytest.raises(FileNotFoundError) as missing:
        user.stat(f"{home}/nothing")
    with pytest.raises(FileExistsError):
        user.mkdir(home)
    with pytest.raises(OSError) as bad:
        user.read(99, 1)

    assert missing.value.definite
    assert bad.value.errno == errno.EBADF


def test_fscreate_chooses_the_label(user: Task, home: str) -> None:
    """A task that may, chooses the label of what it creates, until it clears it."""
    user.setfscreate("user_u:object_r:project_t:s0")
    chosen = user.open(f"{home}/chosen", os.O_CREAT | os.O_WRONLY)
    told = user.getfscreate()
    user.setfscreate(None)
    plain = user.open(f"{home}/plain", os.O_CREAT | os.O_WRONLY)

    assert chosen.labels[LABEL] == "user_u:object_r:project_t:s0"
    assert told == "user_u:object_r:project_t:s0"
    assert plain.labels[LABEL] == "user_u:object_r:newfile_t:s0"


def test_a_client_with_its_lsm_on_denies_before_it_sends(cluster: Cluster, admin: Task, user: Task, home: str) -> None:
    """On the mount with the client LSM the client's own decision refuses, and no open reaches the MDS."""
    admin.close(admin.open(f"{home}/secret", os.O_CREAT | os.O_WRONLY, 0o666))
    admin.setxattr(f"{home}/secret", LABEL, b"user_u:object_r:secret_t:s0")
    guarded = user.on(cluster.client().mount(lsm=True))
    mark = cluster.mark()

    with pytest.raises(PermissionError):
        guarded.open(f"{home}/secret")

    events = cluster.events(mark)
    assert {e["vantage"] for e in events if e["e"] == "avc" and not e["allowed"]} == {"client"}
    assert "Mds/Open" not in {e.get("method") for e in events}
    assert [e["lsm"] for e in events if e["e"] == "op" and e["phase"] == "invoke"] == [True]


def test_stored_labels_are_collected(cluster: Cluster, user: Task, home: str) -> None:
    """collect gives every object as stored: the file on the MDT with its path, its stripes on the OSTs."""
    fd = user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY, 0o644)
    user.write(fd, b"x" * 100_000)
    user.close(fd)

    found = [item for item in cluster.collect() if item["object"] == fd.fid]

    assert {item["target"] for item in found} == {"mds0", "oss0", "oss1"}
    assert {item["labels"][LABEL] for item in found} == {"user_u:object_r:newfile_t:s0"}
    assert [item["path"] for item in found if "path" in item] == [f"{home}/file"]


def test_booleans_change_on_every_node(cluster: Cluster, people: Profile, admin: Task) -> None:
    """A boolean set as the administrator is set everywhere; a task without the permission is refused."""
    mark = cluster.mark()

    cluster.set_booleans({"user_write_shared": False}, by=people.admin)
    cluster.set_booleans({"user_write_shared": True}, by=admin)
    with pytest.raises(PermissionError):
        cluster.set_booleans({"user_write_shared": False}, by=people.user)

    changes = [e for e in cluster.events(mark) if e["e"] == "policy"]
    assert sorted(e["n"] for e in changes) == sorted([*cluster.nodes, *cluster.nodes])
    assert [e["booleans"]["user_write_shared"] for e in changes if e["n"] == "oss1"] == [False, True]


def test_permissive_lets_pass_what_it_records(
    cluster: Cluster, people: Profile, admin: Task, user: Task, home: str
) -> None:
    """With enforcing off a denial is recorded, and the operation succeeds; so does the end of it by who may not end it,
    which every node decided before it did so."""
    admin.close(admin.open(f"{home}/secret", os.O_CREAT | os.O_WRONLY, 0o666))
    admin.setxattr(f"{home}/secret", LABEL, b"user_u:object_r:secret_t:s0")
    admin.chmod(f"{home}/secret", 0o666)

    cluster.set_enforce(False, by=people.admin)
    try:
        mark = cluster.mark()
        user.close(user.open(f"{home}/secret"))
        again = cluster.mark()
        cluster.set_enforce(True, by=people.user)
    finally:
        cluster.set_enforce(True, by=people.admin)

    assert [e for e in cluster.events(mark) if e["e"] == "avc" and e["denied"] and e["permissive"]]
    ended = [
        (e["n"], e["e"]) for e in cluster.events(again) if e["e"] == "policy" or e.get("hook") == "policy_setenforce"
    ]
    for node in cluster.nodes:
        assert [e for n, e in ended if n == node][:2] == ["avc", "policy"]


def test_a_label_that_the_policy_does_not_know_is_stored_everywhere(
    cluster: Cluster, admin: Task, user: Task, home: str
) -> None:  # fmt: skip
    """Who has mac_admin may, on the file and its objects, which count as `unlabeled` then; nobody else
    (security/selinux/hooks.c, selinux_inode_setxattr)."""
    fd = admin.open(f"{home}/foreign", os.O_CREAT | os.O_WRONLY, 0o644)
    admin.write(fd, bytes(1 << 17))
    admin.close(fd)
    user.mkdir(f"{home}/mine")
    foreign = "alien_u:object_r:alien_t:s0"

    admin.setxattr(f"{home}/foreign", LABEL, foreign.encode())
    with pytest.raises(OSError) as refused:
        user.setxattr(f"{home}/mine", LABEL, foreign.encode())

    stored = cluster.collect(fd.fid)
    assert {item["target"]: item["labels"][LABEL] for item in stored} == dict.fromkeys(
        ["mds0", "oss0", "oss1"], foreign
    )
    assert refused.value.errno == errno.EINVAL
    with pytest.raises(PermissionError):
        user.open(f"{home}/foreign")


def test_another_policy_is_loaded_everywhere(
    cluster: Cluster, people: Profile, policy: Policy, user: Task, home: str, tmp_path: Path
) -> None:
    """A reload is in force on every node at once, and tasks go on under it."""
    mark = cluster.mark()

    cluster.load_policy(policy, by=people.admin)

    loads = [e for e in cluster.events(mark) if e["e"] == "policy" and e["why"] == "load"]
    assert sorted(e["n"] for e in loads) == sorted(cluster.nodes)
    user.mkdir(f"{home}/after")


def test_what_was_acknowledged_survives_a_restart(cluster: Cluster, user: Task, other: Task, home: str) -> None:
    """Each server is restarted on its data: names, labels and bytes are there, also through new addresses."""
    fd = user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY, 0o644)
    user.write(fd, b"kept" * 50_000)
    user.close(fd)

    for name in ("mds0", "oss0", "oss1"):
        cluster.node(name).restart()

    again = other.open(f"{home}/file")
    assert again.fid == fd.fid
    assert again.labels == fd.labels
    assert other.read(again, 1 << 20) == b"kept" * 50_000


def test_the_history_is_whole(cluster: Cluster, user: Task, home: str) -> None:
    """Each file begins with its `run` event, numbers its events without a gap, and its clock only grows."""
    user.mkdir(f"{home}/dir")

    for node in ("harness", *cluster.nodes):
        events = [event for event in cluster.events() if event["n"] == node]
        assert events[0]["e"] == "run"
        assert [event["i"] for event in events] == list(range(len(events)))
    assert [e["spec"]["oss"] for e in cluster.events() if e["e"] == "run" and e["role"] == "harness"] == [2]


def test_without_selinux_it_is_a_posix_filesystem(runtime: str, tmp_path: Path) -> None:
    """Mode disabled: no policy, no labels, mode bits decide."""
    cluster = RUNTIMES[runtime]().start(ClusterSpec(mode="disabled", oss=1, client=1), tmp_path / "run")
    try:
        root, user = cluster.client().login(None, uid=0, gid=0, caps="all"), cluster.client().login(None)
        root.mkdir("/d", 0o700)
        with pytest.raises(PermissionError):
            user.mkdir("/d/e")
        root.chown("/d", 1000, 1000)
        made = user.mkdir("/d/e")
    finally:
        cluster.stop()

    assert made.labels == {}


def test_a_root_context_that_is_none_is_told(runtime: str, policy: Policy, tmp_path: Path) -> None:
    """A cluster that cannot be made is one clear line, and nothing of it is left."""
    spec = ClusterSpec(policy=policy, root_context="no:such:context:s0")

    with pytest.raises(ClusterError, match="no:such:context") as failed:
        RUNTIMES[runtime]().start(spec, tmp_path / "run")

    assert "\n" not in str(failed.value)


def test_stopping_leaves_the_run_and_nothing_else(
    runtime: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After stop the data folder is gone; histories, audit log and policy stay; stopping again does nothing."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    cluster = RUNTIMES[runtime]().start(replace(ClusterSpec(oss=1, client=1), policy=policy), tmp_path / "run")
    began = list((tmp_path / "tmp").iterdir())

    cluster.stop()
    cluster.stop()

    assert len(began) == 1
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "run" / "audit.log").exists()
    assert sorted(path.name for path in (tmp_path / "run" / "policy").iterdir()) == sorted(
        [f"{policy.digest}.bin", f"{policy.digest}.cil"]
    )


def test_the_harness_records_events_of_its_own(cluster: Cluster) -> None:
    """What a suite has to say stands in the harness's file."""
    mark = cluster.mark()

    cluster.record("note", level="warning", text="seen")

    assert [(e["n"], e["e"], e["text"]) for e in cluster.events(mark)] == [("harness", "note", "seen")]


def test_a_killed_server_loses_nothing(cluster: Cluster, user: Task, other: Task, home: str) -> None:
    """kill -9 of the MDS loses nothing that was acknowledged; a runtime that cannot kill says so."""
    fd = user.open(f"{home}/file", os.O_CREAT | os.O_WRONLY, 0o644)
    user.close(fd)
    if not isinstance(cluster.machine, Kill):
        with pytest.raises(OSError, match=r"cannot kill a node"):
            cluster.node("mds0").kill()
        return

    cluster.node("mds0").kill()
    with pytest.raises(OSError) as lost:
        other.stat(f"{home}/file")
    cluster.node("mds0").restart()

    assert lost.value.errno in {errno.ENOTCONN, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH}
    assert other.stat(f"{home}/file").fid == fd.fid


def test_a_restarted_client_is_mounted_again(cluster: Cluster, people: Profile, home: str) -> None:
    """Its tasks are gone; a new one logs in and acts on the same mounts."""
    cluster.client("client1").mount(lsm=True)

    cluster.node("client1").restart()

    task = cluster.client("client1").login(people.user)
    task.mkdir(f"{home}/a")
    task.on("lsm").mkdir(f"{home}/b")
    assert sorted(entry.name for entry in task.readdir(home)) == ["a", "b"]


def test_a_restart_keeps_the_policy_in_force(cluster: Cluster, people: Profile) -> None:
    """Booleans and the enforcing mode that were set are set again on the node that comes back."""
    cluster.set_booleans({"user_write_shared": False}, by=people.admin)
    cluster.set_enforce(False, by=people.admin)
    try:
        mark = cluster.mark()
        cluster.node("oss0").restart()
        last = [e for e in cluster.events(mark) if e["e"] == "policy"][-1]
    finally:
        cluster.set_enforce(True, by=people.admin)
        cluster.set_booleans({"user_write_shared": True}, by=people.admin)

    assert (last["n"], last["enforcing"], last["booleans"]["user_write_shared"]) == ("oss0", False, False)


def test_a_folder_that_cannot_be_made_is_told(
    runtime: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder in the way is one line with its name and the remedy, and no data folder stays."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "file").touch()

    with pytest.raises(ClusterError, match=r"Not a directory: .*/file/run/.*; choose another folder"):
        RUNTIMES[runtime]().start(ClusterSpec(policy=policy), tmp_path / "file" / "run")

    assert list((tmp_path / "tmp").iterdir()) == []


def test_ctrl_c_while_booting_leaves_nothing(
    runtime: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt when the nodes are up already ends them and removes their data."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    addresses: list[str] = []

    def interrupted(client: ClientNode, lsm: bool = False) -> str:
        addresses.append(client.address)
        raise KeyboardInterrupt

    monkeypatch.setattr(ClientNode, "mount", interrupted)

    with pytest.raises(KeyboardInterrupt):
        RUNTIMES[runtime]().start(ClusterSpec(policy=policy, oss=1, client=1), tmp_path / "run")

    assert list((tmp_path / "tmp").iterdir()) == []
    host, _, port = addresses[0].rpartition(":")
    if host != "127.0.0.1":
        # Of a network that is gone, whoever the packets are routed to may answer; that runtime's own tests look closer.
        return
    with pytest.raises(OSError):
        socket.create_connection((host, int(port)), timeout=5).close()
