"""A task: what it sends, what it records, what it raises."""

import asyncio
import errno
from typing import Any

import pytest

from harness import values
from harness.subjects import SubjectSpec, mask
from harness.tasks import Entry, Fd, Task
from labelproof.v1 import client_pb2 as pb


class Agent:
    """Answers every syscall with `reply`, and keeps what was sent and recorded."""

    def __init__(self) -> None:
        self.reply: Any = pb.SyscallReply(value=pb.Value(none=True))
        self.sent: dict[str, Any] = {}
        self.events: list[tuple] = []

    def run(self, work):
        return asyncio.run(work)

    def begin(self, client, mount, task, name, args):
        self.events.append(("invoke", client, mount, task, name, args))
        return "op1"

    def end(self, op, phase, **fields):
        self.events.append((op, phase, fields))

    async def agent(self, client, method, request, op=""):
        assert (method, op) == ("syscall", "op1")
        self.sent = {name: values.plain(value) for name, value in request.args.items.items()}
        if isinstance(self.reply, OSError):
            raise self.reply
        return self.reply


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def task(agent: Agent) -> Task:
    return Task(agent, "client0", "t1", SubjectSpec("u:r:t:s0"), 1000)


def test_a_call_is_recorded_from_invoke_to_ok(agent: Agent, task: Task) -> None:
    """The operation's arguments and its result are in the history, and its id is the task's last."""
    agent.reply = pb.SyscallReply(value=pb.Value(data=b"u:r:t:s0"))

    label = task.getxattr("/f", "security.selinux")

    assert label == b"u:r:t:s0"
    assert agent.events == [
        ("invoke", "client0", "/", "t1", "getxattr", {"name": "security.selinux", "follow": True, "path": "/f"}),
        ("op1", "ok", {"ret": "u:r:t:s0"}),
    ]
    assert task.last == "op1"


@pytest.mark.parametrize(("definite", "phase"), [(True, "fail"), (False, "info")])
def test_a_refusal_is_raised_and_recorded(agent: Agent, task: Task, definite: bool, phase: str) -> None:
    """errno chooses the exception; a failure that may have happened is recorded as info."""
    agent.reply = pb.SyscallReply(errno=errno.EACCES, message="mds0 says no", definite=definite)

    with pytest.raises(PermissionError, match="mds0 says no") as refused:
        task.mkdir("/d")

    assert refused.value.definite is definite
    assert agent.events[1] == ("op1", phase, {"errno": errno.EACCES, "message": "mds0 says no"})


def test_a_lost_agent_may_have_acted(agent: Agent, task: Task) -> None:
    """When the call to the agent itself fails, nobody knows whether it happened."""
    lost = OSError(errno.ECONNRESET, "lost the connection")
    lost.definite = False  # type: ignore[attr-defined]
    agent.reply = lost

    with pytest.raises(ConnectionResetError):
        task.unlink("/f")

    assert agent.events[1][1] == "info"


@pytest.mark.parametrize(
    ("act", "told", "sent"),
    [
        (lambda t: t.rename("/a", "/b"), {"path": "/a", "to": "/b"}, {"source": "/a", "target": "/b"}),
        (lambda t: t.link("/a", "/b"), {"path": "/a", "to": "/b"}, {"target": "/a", "path": "/b"}),
        (lambda t: t.mknod("/a", 0o10600, 7), {"path": "/a", "rdev": 7}, {"path": "/a", "dev": 7}),
        (lambda t: t.chmod(Fd(3, "f", {}, False), 0o600), {"fd": 3}, {"fd": 3}),
        (lambda t: t.chmod(3, 0o600), {"fd": 3}, {"fd": 3}),
    ],
)
def test_the_history_names_arguments_its_own_way(agent: Agent, task: Task, act, told: dict, sent: dict) -> None:
    """What an operation is about is `path` and where it goes `to`, whatever the agent calls them."""
    agent.reply = pb.SyscallReply(
        value=pb.Value(map=pb.Fields(items={"fid": pb.Value(text="f"), "labels": pb.Value(map=pb.Fields())}))
    )

    act(task)

    assert told.items() <= agent.events[0][5].items()
    assert sent.items() <= agent.sent.items()


def test_entries_have_names_as_text(agent: Agent, task: Task) -> None:
    """A name that is not UTF-8 comes with surrogates, as os.listdir gives it."""
    numbers = {"type": pb.Value(integer=1), "offset": pb.Value(integer=7)}
    entry = {"fid": pb.Value(text="f"), "labels": pb.Value(map=pb.Fields()), **numbers}
    item = pb.Value(map=pb.Fields(items={"name": pb.Value(data=b"\xff"), **entry}))
    agent.reply = pb.SyscallReply(value=pb.Value(list=pb.Values(items=[item])))

    assert task.readdir("/") == [Entry("\udcff", "f", 1, {}, 7)]


def test_another_mount_is_the_same_task(agent: Agent, task: Task) -> None:
    """`on` changes where the calls go, not who makes them."""
    other = task.on("lsm")

    other.unlink("/f")

    assert agent.events[0][:4] == ("invoke", "client0", "lsm", "t1")
    assert task.mount == "/"


def test_capabilities_by_name() -> None:
    """A mask, names, or all of them; a name that there is not is refused."""
    assert mask(5) == 5
    assert mask("fowner") == 1 << 3
    assert mask(["chown", "sys_admin"]) == 1 | 1 << 21
    assert mask("all") == (1 << 41) - 1
    with pytest.raises(ValueError, match="no capability 'root'"):
        mask("root")
