import errno

import pytest

import rpc.context
from host import tasks as host_tasks
from host.tasks import Tasks
from lsm.framework import Framework, Mediator
from lsm.hooks import Hooks
from lsm.objects import Decision, Denied, Subject

CLAIMED = Subject(1000, 1000, pid=1, comm="sh", nid="elsewhere", labels={"selinux": "u:r:t"})


class Grants(Hooks):
    """Writes down what is asked about task attributes, and refuses what it is told to."""

    name = "grants"

    def __init__(self, refuses: str = "") -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.refuses = refuses

    def setprocattr(self, subject, attr, value):
        self.asked.append((attr, value))
        yield Decision("", "", (attr,), (), "s", "t", "process", attr != self.refuses)


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def task(tasks):
    return tasks.login("alice", CLAIMED, nid="c0", umask=0o22)


def test_login_gives_a_pid_and_the_nodes_own_nid(tasks, task) -> None:
    """Pids count from 1000 and are never given twice; the context on the wire is the subject's."""
    tasks.logout("alice")
    other = tasks.login("bob", CLAIMED, nid="c0", umask=0o7777)

    assert (task.subject.pid, other.subject.pid, task.subject.nid) == (1000, 1001, "c0")
    assert rpc.context.decode(task.context) == rpc.context.decode(rpc.context.encode(task.subject))
    assert task.subject.digest
    assert (task.umask, other.umask) == (0o22, 0o777)


def test_login_twice_is_eexist(tasks, task) -> None:
    """An id names one task; after a logout it is free."""
    with pytest.raises(FileExistsError):
        tasks.login("alice", CLAIMED, nid="c0", umask=0)

    tasks.logout("alice")
    assert tasks.login("alice", CLAIMED, nid="c0", umask=0) is tasks.get("alice")


def test_login_without_an_id_is_einval(tasks) -> None:
    with pytest.raises(OSError, match="needs an id") as refused:
        tasks.login("", CLAIMED, nid="c0", umask=0)

    assert refused.value.errno == errno.EINVAL


def test_too_many_tasks_are_eagain(tasks, task, monkeypatch) -> None:
    """A node has so many tasks and no more; a logout makes room."""
    monkeypatch.setattr(host_tasks, "TASKS_MAX", 1)

    with pytest.raises(BlockingIOError):
        tasks.login("bob", CLAIMED, nid="c0", umask=0)

    tasks.logout("alice")
    tasks.login("bob", CLAIMED, nid="c0", umask=0)


@pytest.mark.parametrize("act", ["get", "logout"])
def test_no_such_task_is_esrch(tasks, act) -> None:
    """Also after its logout."""
    with pytest.raises(ProcessLookupError):
        getattr(tasks, act)("nobody")


def test_logout_gives_the_task_back(tasks, task) -> None:
    """So that its files can be closed."""
    assert tasks.logout("alice") is task


@pytest.mark.parametrize("attr", ["fscreate", "keycreate", "sockcreate"])
def test_setprocattr(tasks, task, attr) -> None:
    """The policy is asked, then subject, digest and wire context are new; None clears."""
    module, before = Grants(), task.subject.digest
    m = Mediator(Framework([module]), task.subject)

    tasks.setprocattr(task, attr, "u:r:new", m)
    given, digest = getattr(task.subject, attr), task.subject.digest
    sent = getattr(rpc.context.decode(task.context), attr)
    tasks.setprocattr(task, attr, None, m)

    assert (given, sent, getattr(task.subject, attr)) == ("u:r:new", "u:r:new", None)
    assert digest != before
    assert task.subject.digest == before
    assert module.asked == [(attr, "u:r:new"), (attr, None)]


def test_exec_stays_on_the_node(tasks, task) -> None:
    """What a task asks for what it executes is no part of its subject."""
    before, m = task.subject, Mediator(Framework([Grants()]), task.subject)

    tasks.setprocattr(task, "exec", "u:r:new", m)

    assert (task.exec, task.subject) == ("u:r:new", before)
    tasks.setprocattr(task, "exec", None, m)
    assert task.exec is None


def test_a_task_becomes_another_subject(tasks, task) -> None:
    """Its label, digest and wire context are new."""
    before = task.subject.digest

    tasks.setprocattr(task, "current", "u:r:new", Mediator(Framework([Grants()]), task.subject))

    assert task.subject.labels["selinux"] == "u:r:new"
    assert rpc.context.decode(task.context).labels["selinux"] == "u:r:new"
    assert task.subject.digest != before


@pytest.mark.parametrize(("attr", "value"), [("prev", "x"), ("uid", "x"), ("", "x")])
def test_an_attribute_that_a_task_cannot_set(tasks, task, attr, value) -> None:
    """EINVAL, unasked."""
    module = Grants()

    with pytest.raises(OSError, match="no attribute") as refused:
        tasks.setprocattr(task, attr, value, Mediator(Framework([module]), task.subject))

    assert (refused.value.errno, module.asked) == (errno.EINVAL, [])


def test_a_task_cannot_be_without_a_context(tasks, task) -> None:
    """EINVAL, after the module was asked (security/selinux/hooks.c, selinux_setprocattr)."""
    module = Grants()

    with pytest.raises(OSError, match="without a context") as refused:
        tasks.setprocattr(task, "current", None, Mediator(Framework([module]), task.subject))

    assert (refused.value.errno, len(module.asked)) == (errno.EINVAL, 1)


def test_a_denied_setprocattr_changes_nothing(tasks, task) -> None:
    """The task keeps its subject and context."""
    before = (task.subject, task.context)

    with pytest.raises(Denied):
        tasks.setprocattr(task, "fscreate", "u:r:new", Mediator(Framework([Grants("fscreate")]), task.subject))

    assert (task.subject, task.context) == before


@pytest.mark.parametrize(
    ("written", "kept"), [("u:r:new\n", "u:r:new"), ("u:r:new\0x", "u:r:new"), ("\n", None), ("\0x", None), ("", None)]
)
def test_what_is_written_to_the_file_in_proc(tasks, task, written, kept) -> None:
    """A newline at the end is cut, a NUL ends it, and nothing before either clears (selinux_setprocattr)."""
    module = Grants()

    tasks.setprocattr(task, "fscreate", written, Mediator(Framework([module]), task.subject))

    assert (task.subject.fscreate, module.asked) == (kept, [("fscreate", kept)])


def test_an_attribute_reads_as_its_module_writes_it(tasks, task) -> None:
    """The kernel keeps a SID, whose text is canonical, and not what was written."""

    class Canonical(Grants):
        def setprocattr_context(self, subject, attr, value):
            return value.upper()

    tasks.setprocattr(task, "fscreate", "u:r:new", Mediator(Framework([Canonical()]), task.subject))

    assert task.subject.fscreate == "U:R:NEW"
