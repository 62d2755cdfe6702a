"""Node processes: up together, ended without a trace, each failure told in one line."""

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters.errors import ClusterError
from harness.clusters.supervisor import Supervisor


def running(pid: int) -> bool:
    """Whether the process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nodes_say_where_they_serve(supervisor: Supervisor, configs) -> None:
    """start returns when all serve, each at a port that the kernel chose."""
    addresses = supervisor.start(configs(2))

    assert sorted(addresses) == ["client0", "client1"]
    for address in addresses.values():
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=5).close()


def test_a_node_has_a_session_of_its_own(supervisor: Supervisor, configs) -> None:
    """Ctrl-C at the terminal reaches the harness only."""
    supervisor.start(configs(1))

    assert os.getsid(supervisor.pid("client0")) == supervisor.pid("client0") != os.getsid(0)


def test_stop_leaves_no_process(supervisor: Supervisor, configs) -> None:
    """After stop every node is gone, also one that ignores SIGTERM (here: because it is stopped)."""
    supervisor.start(configs(2))
    pids = [supervisor.pid("client0"), supervisor.pid("client1")]
    os.kill(pids[0], signal.SIGSTOP)

    supervisor.stop()

    assert [running(pid) for pid in pids] == [False, False]


def test_kill_ends_one_node_only(supervisor: Supervisor, configs) -> None:
    """kill -9 of one node leaves the other running."""
    supervisor.start(configs(2))
    pids = [supervisor.pid("client0"), supervisor.pid("client1")]

    supervisor.kill("client0")

    assert [running(pid) for pid in pids] == [False, True]


def test_a_paused_node_stands_still(supervisor: Supervisor, configs) -> None:
    """Until it is resumed; pausing twice, or resuming what runs, changes nothing."""
    supervisor.start(configs(1))
    supervisor.resume("client0")
    assert not supervisor.paused("client0")

    supervisor.pause("client0")
    supervisor.pause("client0")

    assert supervisor.paused("client0")
    assert states(supervisor.pid("client0")) == {"T"}
    supervisor.resume("client0")
    assert not supervisor.paused("client0")
    assert "T" not in states(supervisor.pid("client0"))


def test_a_paused_node_can_be_ended(supervisor: Supervisor, configs) -> None:
    """By a stop in good order, which it still hears, and by kill -9; nobody keeps a guard for it."""
    supervisor.start(configs(2))
    pids = [supervisor.pid("client0"), supervisor.pid("client1")]
    before = children()
    supervisor.pause("client0")
    supervisor.pause("client1")
    guards = children() - before

    supervisor.kill("client0")
    supervisor.stop()

    assert len(guards) == 2
    assert [running(pid) for pid in (*pids, *guards)] == [False] * 4
    assert not supervisor.paused("client0")


def states(pid: int) -> set[str]:
    """The states of a process's threads (proc(5))."""
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return {stat.read_text().rpartition(")")[2].split()[0] for stat in stats}


def children() -> set[int]:
    """The children of this thread's process."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def test_a_node_that_ended_by_itself_is_named(supervisor: Supervisor, configs) -> None:
    """fallen says which node is gone, and how."""
    supervisor.start(configs(2))
    assert supervisor.fallen() is None
    pid = supervisor.pid("client1")

    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert "client1 was ended by SIGKILL" in str(supervisor.fallen())


def test_an_occupied_port_is_told_with_node_and_remedy(supervisor: Supervisor, configs) -> None:
    """A node that cannot listen is named with the address, in one line; the other nodes are ended."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first, second = configs(2)
        with pytest.raises(ClusterError) as failed:
            supervisor.start([first, replace(second, listen=f"127.0.0.1:{port}")])

    text = str(failed.value)
    assert text.startswith("node client1 ended with status 1: ")
    assert f"127.0.0.1:{port}" in text
    assert "end what listens there" in text
    assert "\n" not in text
    with pytest.raises(KeyError):
        supervisor.pid("client0")


def test_a_full_disk_is_told_with_node_and_remedy(
    supervisor: Supervisor, configs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that ends because its disk is full is named, with what to do."""
    (tmp_path / "full.py").write_text("open('/dev/full', 'wb', 0).write(b'x')")
    monkeypatch.setattr("harness.clusters.supervisor._ROOTS", [str(tmp_path)])

    with pytest.raises(ClusterError, match=r"node client0 .*No space left on device.*make room"):
        supervisor.start(configs(1, role="full"))


def test_a_crash_shows_the_last_line_of_its_log(supervisor: Supervisor, configs) -> None:
    """Of a traceback the exception is shown, and the log is named."""
    with pytest.raises(ClusterError, match=r"node client0 .*No module named nonesuch.*see .*client0\.log"):
        supervisor.start(configs(1, role="nonesuch"))


def test_a_node_that_says_nothing_is_given_up(supervisor: Supervisor, configs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is silent for too long is named and ended."""
    monkeypatch.setattr(Supervisor, "_begin", _deaf(Supervisor._begin))

    with pytest.raises(ClusterError, match=r"node client0 did not come up in 0\.2 s"):
        supervisor.start(configs(1), timeout_s=0.2)

    assert not running(_deaf.pid)


def _deaf(begin):
    def stopped(self, config):
        node = begin(self, config)
        os.kill(node.pid, signal.SIGSTOP)
        _deaf.pid = node.pid
        return node

    return stopped


def test_ctrl_c_while_starting_leaves_nothing(supervisor: Supervisor, configs, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt between the first node and the second ends the first."""
    begin, begun = Supervisor._begin, []

    def interrupted(self, config):
        if begun:
            raise KeyboardInterrupt
        begun.append(begin(self, config))
        return begun[0]

    monkeypatch.setattr(Supervisor, "_begin", interrupted)

    with pytest.raises(KeyboardInterrupt):
        supervisor.start(configs(2))

    assert not running(begun[0].pid)
