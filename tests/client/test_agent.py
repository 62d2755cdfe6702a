"""Tasks and mounts of a client node, and the plain course of its operations."""

import errno
import json
import os
import stat

import pytest

from client.ops import SYSCALLS
from labelproof.v1 import client_pb2
from rpc import Nodemap


def test_a_login_gives_a_pid_and_is_an_event(client):
    pid = client.login("other").pid

    events = [json.loads(line) for data in client.lines for line in data.splitlines()]
    task = [e for e in events if e["e"] == "task"][-1]
    assert (task["task"], task["phase"], task["by"], task["umask"]) == ("other", "login", "harness", 0o022)
    assert pid > 0


def test_a_task_cannot_log_in_twice(client):
    with pytest.raises(FileExistsError):
        client.login("t")


def test_a_context_outside_the_nodemaps_range_is_refused(client):
    client.node.admission.set_nodemaps([Nodemap(nodes=frozenset({"client0"}), contexts=("guest*",))])

    with pytest.raises(PermissionError, match="task"):
        client.login("other")
    with pytest.raises(ProcessLookupError):
        client.rpc("logout", client_pb2.LogoutRequest(task="other"))
    assert client.login("another", "guest_t").pid


def test_a_logout_ends_the_task(client):
    client.rpc("logout", client_pb2.LogoutRequest(task="t"))

    assert client.reply("stat", path="/").errno == errno.ESRCH


def test_a_mount_connects_to_every_server(client, world):
    reply = client.rpc("mount", client_pb2.MountRequest(mount="/m"))

    assert reply.sepol == "1:own:33:abc"
    assert world.calls == ["Connect"] * 4


def test_a_mount_does_not_change_its_switch(client):
    with pytest.raises(OSError, match="LSM off") as caught:
        client.rpc("mount", client_pb2.MountRequest(mount="/", lsm=True))

    assert caught.value.errno == errno.EBUSY


def test_a_descriptor_keeps_the_mount_that_it_was_opened_on(client, world):
    fd = client("open", path="/f", flags=os.O_CREAT | os.O_RDWR)["fd"]
    client.rpc("mount", client_pb2.MountRequest(mount="lsm", lsm=True))
    client.toy.denies = {"file_permission"}

    assert client("write", mount="lsm", fd=fd, data=b"x") == 1


def test_labels_come_with_what_was_opened_made_and_listed(client, world):
    made = client("mkdir", path="/d")
    opened = client("open", path="/f", flags=os.O_CREAT)

    listed = client("readdir", path="/")

    assert [(e["name"], e["fid"], e["labels"]) for e in listed] == [
        ("d", made["fid"], made["labels"]),
        ("f", opened["fid"], opened["labels"]),
    ]
    assert [stat.S_ISDIR(e["type"]) for e in listed] == [True, False]
    assert client("stat", path="/f")["labels"] == opened["labels"] == {"security.toy": "label3"}


def test_an_absent_label_is_none_and_an_absent_attribute_enodata_and_an_empty_one_empty(client, world):
    del world.make("/f").xattrs["security.toy"]
    client("setxattr", path="/f", name="user.empty", value=b"")

    assert client("stat", path="/f")["labels"] == {"security.toy": None}
    assert client.reply("getxattr", path="/f", name="security.toy").errno == errno.ENODATA
    assert client("getxattr", path="/f", name="user.empty") == b""


def test_names_are_linked_moved_and_removed(client, world):
    client("open", path="/f", flags=os.O_CREAT)
    client("mkdir", path="/d")
    client("link", target="/f", path="/d/g")
    client("rename", source="/f", target="/d/h")
    client("unlink", path="/d/g")

    assert list(world.root.names[b"d"].names) == [b"h"]


def test_umask_and_mode_travel_apart(client, world):
    client("open", path="/f", flags=os.O_CREAT, mode=0o777)

    assert (world.requests[-1].mode, world.requests[-1].umask) == (0o777, 0o022)


def test_the_operation_and_test_travel_with_every_rpc(client, world):
    seen = []
    served = world.serve

    async def noting(node, method, request, caller):
        seen.append((caller.op, caller.test))
        return await served(node, method, request, caller)

    world.serve = noting
    request = client_pb2.SyscallRequest(task="t", mount="/", name="stat", op="op7", test="case")
    request.args.items["path"].text = "/"
    client.rpc("syscall", request)

    assert seen == [("op7", "case")] * 2


def test_every_operation_says_in_its_docstring_what_it_is():
    assert [name for name, call in SYSCALLS.items() if not call.function.__doc__] == []
