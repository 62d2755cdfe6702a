"""The client's own LSM: it refuses before an rpc is sent, claims labels, and with it off asks nothing."""

import errno
import json
import os
import stat

import pytest

DIR = stat.S_IFDIR | 0o777
LINK = stat.S_IFLNK | 0o777
READS = {"GetRoot", "Lookup"}

# call, its arguments, the hook that refuses it on the client
REFUSED = [
    ("open", {"path": "/new", "flags": os.O_CREAT}, "inode_create"),
    ("open", {"path": "/new", "flags": os.O_CREAT}, "file_open"),
    ("open", {"path": "/f"}, "file_open"),
    ("open", {"path": "/f"}, "inode_permission:object"),
    ("open", {"path": "/f", "flags": os.O_TRUNC | os.O_WRONLY}, "inode_setattr"),
    ("mkdir", {"path": "/new"}, "inode_mkdir"),
    ("mknod", {"path": "/new"}, "inode_create"),
    ("mknod", {"path": "/new", "mode": stat.S_IFIFO | 0o600}, "inode_mknod"),
    ("symlink", {"path": "/new", "target": "f"}, "inode_symlink"),
    ("link", {"target": "/f", "path": "/new"}, "inode_link"),
    ("unlink", {"path": "/f"}, "inode_unlink"),
    ("rmdir", {"path": "/d"}, "inode_rmdir"),
    ("rename", {"source": "/f", "target": "/new"}, "inode_rename"),
    ("readlink", {"path": "/l"}, "inode_readlink"),
    ("stat", {"path": "/l"}, "inode_readlink"),
    ("stat", {"path": "/f"}, "inode_getattr"),
    ("lstat", {"path": "/f"}, "inode_getattr"),
    ("chmod", {"path": "/f", "mode": 0o600}, "inode_setattr"),
    ("chown", {"path": "/f", "gid": 1000}, "inode_setattr"),
    ("utimes", {"path": "/f"}, "inode_setattr"),
    ("truncate", {"path": "/f", "length": 1}, "inode_setattr"),
    ("getxattr", {"path": "/f", "name": "security.toy"}, "inode_getxattr"),
    ("setxattr", {"path": "/f", "name": "security.toy", "value": b"x"}, "inode_setxattr"),
    ("getxattr", {"path": "/f", "name": "system.posix_acl_access"}, "inode_get_acl"),
    ("setxattr", {"path": "/f", "name": "system.posix_acl_access", "value": b""}, "inode_set_acl"),
    ("removexattr", {"path": "/f", "name": "system.posix_acl_access"}, "inode_remove_acl"),
    ("watch", {"path": "/f", "mask": 2}, "path_notify"),
    ("fanotify", {"path": "/f", "mask": 2}, "path_notify"),
    ("listxattr", {"path": "/f"}, "inode_listxattr"),
    ("removexattr", {"path": "/f", "name": "user.k"}, "inode_removexattr"),
    ("stat", {"path": "/d/x"}, "inode_permission:parent"),
    ("statfs", {}, "sb_statfs"),
    ("stat", {"path": "/"}, "sb_kern_mount"),
]


def _fill(world) -> None:
    world.make("/d", DIR)
    world.make("/d/x")
    world.make("/f").xattrs.update({"user.k": b"v", "system.posix_acl_access": b"list"})
    world.make("/l", LINK, "f")


def _ids(case) -> str:
    return f"{case[0]}-{case[2]}"


@pytest.mark.parametrize("case", REFUSED, ids=_ids)
def test_a_denial_of_the_clients_lsm_sends_no_rpc_but_lookups_and_its_control_passes(guarded, world, case):
    call, args, hook = case
    _fill(world)
    guarded.toy.denies = {hook}

    denied = guarded.reply(call, **args)
    sent = set(world.calls)
    guarded.toy.denies = set()
    control = guarded.reply(call, **args)

    assert (denied.errno, denied.definite) == (errno.EACCES, True)
    assert hook.partition(":")[0] in denied.message
    assert sent <= READS
    assert (control.errno, control.message) == (0, "")


@pytest.mark.parametrize("case", REFUSED, ids=_ids)
def test_with_the_clients_lsm_off_nothing_is_asked_here(client, world, case):
    call, args, hook = case
    _fill(world)
    client.toy.denies = {hook}

    reply = client.reply(call, **args)

    assert (reply.errno, client.last.lsm.decisions) == (0, [])


@pytest.mark.parametrize(
    ("call", "args", "kind"),
    [
        ("open", {"path": "/d/new", "flags": os.O_CREAT}, "file"),
        ("mkdir", {"path": "/d/new"}, "dir"),
        ("symlink", {"path": "/d/new", "target": "x"}, "lnk_file"),
        ("mknod", {"path": "/d/new", "mode": stat.S_IFIFO | 0o600}, "fifo_file"),
    ],
)
def test_a_new_object_is_claimed_under_the_label_computed_here(guarded, world, call, args, kind):
    _fill(world)
    parent = world.root.names[b"d"].xattrs["security.toy"].decode()

    guarded(call, **args)

    label = world.requests[-1].claim.label
    assert (label.name, label.value.decode()) == ("security.toy", f"{parent}+{kind}")


def test_without_the_clients_lsm_nothing_is_claimed(client, world):
    client("mkdir", path="/d")

    assert not world.requests[-1].HasField("claim")


def test_reads_and_writes_of_an_open_file_are_asked_each_time(guarded, world):
    _fill(world)
    fd = guarded("open", path="/f", flags=os.O_RDWR)["fd"]
    guarded.toy.denies = {"file_permission"}
    world.calls.clear()

    numbers = {guarded.reply("read", fd=fd, length=1).errno, guarded.reply("write", fd=fd, data=b"x").errno}

    assert (numbers, world.calls) == ({errno.EACCES}, [])


def test_decisions_of_the_clients_lsm_are_recorded_as_the_clients_own(guarded, world):
    _fill(world)

    guarded("stat", path="/f")

    assert guarded.last.vantage == "client"
    assert "inode_getattr" in [d.hook for d in guarded.last.lsm.decisions]


def test_decisions_of_this_node_are_asked_for_the_task_and_not_for_the_harness(guarded, world):
    _fill(world)

    guarded("stat", path="/f")

    assert guarded.last.lsm.subject.labels == {"toy": "task"}
    assert guarded.last.subject.comm == "harness"


@pytest.mark.parametrize("lsm", [False, True])
def test_fscreate_is_asked_of_this_node_whatever_the_mount_says(world, make_client, lsm):
    client = make_client(world, lsm=lsm)
    client.toy.denies = {"setprocattr"}

    denied = client.reply("setfscreate", context="label")

    assert (denied.errno, client.last.case, client.last.vantage) == (errno.EACCES, "attr", "agent")
    assert client("getfscreate") is None
    client.toy.denies = set()
    client("setfscreate", context="label")
    assert client("getfscreate") == "label"
    client("setfscreate", context=None)
    assert client("getfscreate") is None


def test_a_tasks_own_attributes_are_asked_of_this_node(client):
    assert (client("getcon"), client("getexec")) == (None, None)
    client("setexec", context="label")
    client("setcon", context="other")

    client.toy.denies = {"setprocattr"}
    denied = [client.reply(name, context="label").errno for name in ("setexec", "setcon")]

    assert denied == [errno.EACCES] * 2
    assert (client.last.case, client.last.vantage) == ("attr", "agent")
    assert (client("getexec"), client("getcon")) == ("label", "other")


@pytest.mark.parametrize("attr", ["keycreate", "sockcreate"])
def test_labels_of_what_a_task_makes_travel_with_it(client, attr):
    """keycreate and sockcreate are asked of this node, become the subject's, and are told in the history."""
    client(f"set{attr}", context="label")
    client.toy.denies = {"setprocattr"}

    denied = client.reply(f"set{attr}", context="other")

    assert (denied.errno, client.last.case, client.last.vantage) == (errno.EACCES, "attr", "agent")
    assert client(f"get{attr}") == "label"
    events = [json.loads(line) for data in client.lines for line in data.splitlines()]
    assert next(e["value"] for e in events if e["e"] == "task" and e.get("attr") == attr) == "label"
    assert [e[attr] for e in events if e["e"] == "subject" and e.get(attr)] == ["label"]


def test_umask_gives_the_mask_as_it_was(client):
    first = client("umask", mask=0o777027)

    assert (client("umask", mask=first), client("umask", mask=first)) == (0o027, first)


def test_setting_fscreate_is_an_event_of_the_history(client):
    client("setfscreate", context="label")

    events = [json.loads(line) for data in client.lines for line in data.splitlines()]
    task = [e for e in events if e["e"] == "task"][-1]
    subject = next(e for e in events if e["e"] == "subject" and e["id"] == task["subject"])
    assert (task["task"], task["phase"], task["attr"], task["value"]) == ("t", "setattr", "fscreate", "label")
    assert subject["fscreate"] == "label"


def test_an_open_file_stays_its_openers_when_fscreate_changes(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    callers = []
    served = world.serve

    async def noting(node, method, request, caller):
        callers.append(caller.subject.fscreate)
        return await served(node, method, request, caller)

    world.serve = noting
    client("setfscreate", context="label")

    client("write", fd=fd, data=b"x")
    client("fstat", fd=fd)
    client("stat", path="/f")

    assert callers == [None, None, "label", "label"]


def test_a_task_with_another_context_asks_as_what_it_is(client, world):
    """What it opened before goes to the servers under the context that it has now."""
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    callers = []
    served = world.serve

    async def noting(node, method, request, caller):
        callers.append(caller.subject.labels.get("selinux"))
        return await served(node, method, request, caller)

    world.serve = noting
    client("setcon", context="other")
    client("write", fd=fd, data=b"x")
    client("fstat", fd=fd)
    client("close", fd=fd)

    assert callers == ["other"] * 3


def test_the_clients_lsm_is_told_who_opened_the_file(guarded, world):
    world.make("/f")
    fd = guarded("open", path="/f", flags=os.O_RDWR)["fd"]
    guarded.toy.openers.clear()

    guarded("write", fd=fd, data=b"x")
    guarded("setcon", context="other")
    guarded("write", fd=fd, data=b"x")

    files = [each for each in guarded.toy.openers if each[0] == "file_permission"]
    assert files == [("file_permission", None), ("file_permission", {"toy": "task"})]
