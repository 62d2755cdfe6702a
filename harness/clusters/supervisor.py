"""Node processes: started together, watched until each says that it serves, ended so that none is ever left.

A node reads its configuration from stdin, which stays open: its end tells the node that this process is gone. It has
a session of its own, so that Ctrl-C reaches the harness only, which then ends its nodes in order.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import harness
import labelproof.v1
from harness.clusters.errors import ClusterError, failed
from harness.clusters.freezer import Freezer, frozen
from host.config import NodeConfig

READY_S_MAX = 30.0
STOP_S_MAX = 2.0
_POLL_S = 0.005

# The nodes run the very code that this process runs, wherever that was installed and whatever the working directory is.
_ROOTS = [str(Path(path).parent) for path in harness.__path__] + [str(Path(labelproof.v1.__path__[0]).parents[1])]


@dataclass(slots=True)
class NodeProcess:
    """One running node; `address` is empty until it said that it serves."""

    config: NodeConfig
    process: subprocess.Popen[bytes]
    log: Path
    address: str = ""
    heard: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def pid(self) -> int:
        return self.process.pid


class Supervisor:
    """The processes of one cluster. `logs` is the folder for what they write to stderr.

    `modules` names, by role, another module to run than the role itself: one that serves the role, and does more.
    `entering` gives, by node, what stands in front of its command, and becomes it (exec): where the node is to run.
    """

    def __init__(
        self, logs: Path, modules: Mapping[str, str] | None = None,
        entering: Callable[[str], Sequence[str]] = lambda _name: (),
    ) -> None:  # fmt: skip
        self._logs = logs
        self._modules = dict(modules or {})
        self._entering = entering
        self._nodes: dict[str, NodeProcess] = {}
        self._freezer = Freezer()

    def start(self, configs: Sequence[NodeConfig], timeout_s: float = READY_S_MAX) -> dict[str, str]:
        """Starts the nodes together; their addresses, by name, when all of them serve.

        ClusterError names the first that did not come up. Whatever goes wrong, Ctrl-C too: none of them is left.
        """
        begun: list[NodeProcess] = []
        try:
            for config in configs:
                begun.append(self._begin(config))  # noqa: PERF401  # what was begun must be known when one fails
            _await_ready(begun, timeout_s)
        except BaseException:
            _end(begun, signal.SIGKILL)
            raise
        self._nodes.update((node.name, node) for node in begun)
        return {node.name: node.address for node in begun}

    def pid(self, name: str) -> int:
        """Of the node's process. KeyError if it does not run."""
        return self._nodes[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL; returns when the process is gone."""
        self._ended([name], signal.SIGKILL)

    def pause(self, name: str) -> None:
        """SIGSTOP; returns when the process stands still. Paused or not, it ends with this process."""
        self._freezer.freeze(self._nodes[name].pid)

    def resume(self, name: str) -> None:
        """SIGCONT; without effect on a process that was not paused."""
        self._freezer.thaw(self._nodes[name].pid)

    def paused(self, name: str) -> bool:
        """Whether the process stands still; False if it does not run."""
        return name in self._nodes and frozen(self._nodes[name].pid)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """SIGTERM, and SIGKILL to what still runs after STOP_S_MAX; returns when all are gone. None: every node."""
        wanted = list(self._nodes) if names is None else [name for name in names if name in self._nodes]
        self._ended(wanted, signal.SIGTERM)

    def fallen(self) -> ClusterError | None:
        """The error of the first node that ended by itself, or None: what explains a call that found nobody."""
        ended = (node for node in self._nodes.values() if node.process.poll() is not None)
        return next((failed(node.name, _ending(node), node.log) for node in ended), None)

    def _ended(self, names: Sequence[str], number: signal.Signals) -> None:
        nodes = [self._nodes.pop(name) for name in names]
        for node in nodes:
            node.process.send_signal(number)
            self._freezer.thaw(node.pid)
        _end(nodes, number)

    def _begin(self, config: NodeConfig) -> NodeProcess:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{config.name}.log"
        module = self._modules.get(config.role, config.role)
        try:
            with log.open("ab") as stderr:
                process = subprocess.Popen(
                    [*self._entering(config.name), sys.executable, "-P", "-m", module], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=stderr, bufsize=0, start_new_session=True, env=_environment(),
                )  # fmt: skip
        except OSError as error:
            raise failed(config.name, f"could not be started ({error.strerror})", None) from error
        node = NodeProcess(config, process, log)
        _tell(node)
        return node


def _tell(node: NodeProcess) -> None:
    assert node.process.stdin is not None
    try:
        node.process.stdin.write(node.config.to_json().encode() + b"\n")
    except BrokenPipeError:
        """It has ended already; waiting for its ready line finds that, and why."""


def _await_ready(nodes: Sequence[NodeProcess], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for node in nodes:
            assert node.process.stdout is not None
            selector.register(node.process.stdout, selectors.EVENT_READ, node)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if not ready:
                late = next(iter(selector.get_map().values())).data
                raise failed(late.name, f"did not come up in {timeout_s:g} s", late.log)
            for key, _ in ready:
                if _hear(key.data):
                    selector.unregister(key.fileobj)


def _hear(node: NodeProcess) -> bool:
    """Reads what the node says; whether that was its ready line."""
    assert node.process.stdout is not None
    data = os.read(node.process.stdout.fileno(), 4096)
    if not data:
        node.process.wait()
        raise failed(node.name, _ending(node), node.log)
    node.heard += data
    if b"\n" not in node.heard:
        return False
    try:
        node.address = json.loads(node.heard)["address"]
    except (ValueError, KeyError, TypeError):
        raise failed(node.name, f"said {bytes(node.heard[:80])!r}, not where it listens", node.log) from None
    return True


def _end(nodes: Sequence[NodeProcess], number: signal.Signals) -> None:
    """Sends the signal to all of them, SIGKILL to the slow ones, and closes their pipes."""
    for node in nodes:
        node.process.send_signal(number)
    deadline = time.monotonic() + STOP_S_MAX
    try:
        for node in nodes:
            _wait(node, deadline - time.monotonic())
    finally:
        for node in nodes:
            node.process.kill()
            node.process.wait()
            _close(node)


def _wait(node: NodeProcess, timeout_s: float) -> None:
    try:
        node.process.wait(max(timeout_s, _POLL_S))
    except subprocess.TimeoutExpired:
        """The caller kills it."""


def _close(node: NodeProcess) -> None:
    for pipe in (node.process.stdin, node.process.stdout):
        if pipe is not None:
            pipe.close()


def _ending(node: NodeProcess) -> str:
    code = node.process.returncode
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(_ROOTS)}
