"""Which nodes of a cluster run, stand still or are down: what the harness itself did to them."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from harness.clusters.machine import Kill, Machine, Pause


class Lives:
    """The nodes of one machine. OSError(EOPNOTSUPP) for what its runtime cannot do."""

    def __init__(self, machine: Machine, runtime: str) -> None:
        self._machine = machine
        self._runtime = runtime
        self._down: set[str] = set()

    def started(self, nodes: Iterable[str]) -> None:
        self._down.difference_update(nodes)

    def stop(self, node: str) -> None:
        self._machine.stop([node])
        self._down.add(node)

    def kill(self, node: str) -> None:
        if not isinstance(self._machine, Kill):
            raise self._unable("kill")
        self._machine.kill(node)
        self._down.add(node)

    def pause(self, node: str) -> None:
        if not isinstance(self._machine, Pause):
            raise self._unable("pause")
        self._machine.pause(node)

    def resume(self, node: str) -> bool:
        """Whether it was paused."""
        was = self.paused(node)
        if was and isinstance(self._machine, Pause):
            self._machine.resume(node)
        return was

    def paused(self, node: str) -> bool:
        return isinstance(self._machine, Pause) and self._machine.paused(node)

    def up(self, node: str) -> bool:
        """Whether it answers, as far as that is the harness's doing; a node that fell by itself counts as up."""
        return node not in self._down and not self.paused(node)

    def _unable(self, what: str) -> OSError:
        return OSError(errno.EOPNOTSUPP, f"runtime {self._runtime} cannot {what} a node; processes can")
