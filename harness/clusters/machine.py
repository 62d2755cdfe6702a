"""The seams of a runtime: where it lets nodes run, and what more it may be able to do."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from host.config import NodeConfig
from host.serve import Server
from rpc import Channel, Clock, Peer, Recorder

T = TypeVar("T")


class Machine(Protocol):
    """Where the nodes of one cluster run, and the loop on which the harness calls them."""

    clock: Clock

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine, run to its end on the machine's loop."""
        ...

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        """Starts nodes together; their addresses by name. ClusterError, and none of them is left."""
        ...

    def stop(self, names: Sequence[str]) -> None:
        """Stops nodes in good order; those that do not run are left out."""
        ...

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        """The harness's channel to the node `peer`."""
        ...

    def fallen(self) -> str | None:
        """Which node ended by itself, and why; None: none did."""
        ...

    def close(self) -> None:
        """Ends what still runs and gives everything back. May be called again."""
        ...


@runtime_checkable
class Kill(Protocol):
    """A machine whose nodes can be ended as kill -9 does."""

    def kill(self, name: str) -> None:
        """Returns when the node is gone, paused or not. KeyError if it does not run."""
        ...


@runtime_checkable
class Pause(Protocol):
    """A machine whose nodes can be frozen as SIGSTOP does: they keep their connections, and answer nobody."""

    def pause(self, name: str) -> None:
        """Returns when no thread of the node runs any more. KeyError if the node does not run."""
        ...

    def resume(self, name: str) -> None:
        """Lets it go on; without effect on a node that is not paused."""
        ...

    def paused(self, name: str) -> bool:
        """Whether it is frozen now, by what the kernel (or the engine) says of it; False if it does not run."""
        ...


@runtime_checkable
class Network(Protocol):
    """A machine whose nodes each have a network namespace, which this process may enter (`nsenter -t PID -n`).

    The harness must reach the nodes by another way than the interface told here: that one is what faults break.
    """

    def namespace(self, name: str) -> int:
        """The pid of a process in the node's network namespace. KeyError if there is none (now)."""
        ...

    def interface(self, name: str) -> str:
        """The interface, in that namespace, by which the node reaches the other nodes: `eth0`."""
        ...

    def ip(self, name: str) -> str:
        """The node's IPv4 address there; the same after a restart."""
        ...


@dataclass(frozen=True, slots=True)
class Volume:
    """The filesystem that holds a node's data, and nothing else: of limited size, so that it can be full.

    `pid` is a process in a mount namespace where it is mounted at `path`, and which lives on while the node is down:
    a remount there (`nsenter -t PID -m mount -o remount,ro PATH`) is one for the node too.
    """

    pid: int
    path: Path


@runtime_checkable
class Disk(Protocol):
    """A machine whose nodes each keep their data on a volume that this process may fill and remount."""

    def volume(self, name: str) -> Volume:
        """The node's own volume; KeyError for a node that was never started."""
        ...


@runtime_checkable
class Adopted(Protocol):
    """A machine whose nodes are somebody else's: they were there before the run, and stay."""

    @property
    def adopted(self) -> str:
        """What messages call them: `project lab`."""
        ...


@runtime_checkable
class Mirrored(Protocol):
    """A machine whose nodes do not share our filesystem: their histories and audit logs in our folder are copies."""

    def fetch(self) -> None:
        """Brings the copies up to date, but for nodes that are paused now. OSError: a running node does not answer."""
        ...


@runtime_checkable
class Inside(Protocol):
    """A machine whose nodes are in this process, so that a test can look into them."""

    def server(self, name: str) -> Server:
        """The node itself; KeyError if it does not run."""
        ...
