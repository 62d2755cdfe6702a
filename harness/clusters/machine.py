"""The seams of a runtime: where it lets nodes run, and what more it may be able to do."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
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

    def kill(self, name: str) -> None: ...


@runtime_checkable
class Inside(Protocol):
    """A machine whose nodes are in this process, so that a test can look into them."""

    def server(self, name: str) -> Server:
        """The node itself; KeyError if it does not run."""
        ...
