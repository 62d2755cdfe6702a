"""Faults of a running cluster: what a fault is, and those that are active, each verified in place and when healed."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from harness.clusters.cluster import Cluster


class Fault(ABC):
    """Something that breaks in a cluster, and is put right again. A dataclass; its fields are what the history tells.

    `with Partition("client0", "mds0").on(cluster): ...`
    """

    name: ClassVar[str]
    # Whether the cluster can be stopped with the fault in place: there is nothing to be put right then.
    stoppable: ClassVar[bool] = False

    @property
    @abstractmethod
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it strikes, by name."""

    @abstractmethod
    def available(self, cluster: Cluster) -> str | None:
        """None, or the sentence that says why it cannot be done on this cluster now, and the remedy."""

    @abstractmethod
    def start(self, cluster: Cluster) -> None:
        """Breaks it. OSError if it cannot be done; `heal` takes back what was."""

    @abstractmethod
    def verify(self, cluster: Cluster) -> None:
        """OSError if the fault is not in place, whatever `start` believes."""

    @abstractmethod
    def heal(self, cluster: Cluster) -> None:
        """Puts it right, also if `start` did only half of its work. May be called again."""

    @abstractmethod
    def verify_healed(self, cluster: Cluster) -> None:
        """OSError if something of the fault is still there."""

    @contextmanager
    def on(self, cluster: Cluster) -> Iterator[Self]:
        """In place within the block, healed after it."""
        cluster.faults.start(self)
        try:
            yield self
        finally:
            cluster.faults.heal(self)

    def parameters(self) -> dict[str, object]:
        """Its fields, for the history."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # a dataclass


class Injected:
    """The active faults of one cluster, in the order in which they came."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._active: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._active))

    def __len__(self) -> int:
        return len(self._active)

    def start(self, fault: Fault) -> None:
        """Starts a fault and verifies that it is in place; if not, nothing of it is left.

        LookupError for a node that the cluster does not have, OSError(EOPNOTSUPP) with the remedy for a fault that
        cannot be done on it.
        """
        if strangers := [node for node in fault.nodes if node not in self._cluster.nodes]:
            raise LookupError(f"no node {strangers[0]}; there are {', '.join(self._cluster.nodes)}")
        if reason := fault.available(self._cluster):
            raise OSError(errno.EOPNOTSUPP, f"{fault.name}: {reason}")
        self._tell(fault, "start")
        self._active.append(fault)
        try:
            fault.start(self._cluster)
            fault.verify(self._cluster)
        except BaseException:
            self.heal(fault)
            raise
        self._tell(fault, "verified")

    def heal(self, fault: Fault) -> None:
        """Heals a fault and verifies that; without effect on one that is not active. OSError if it stays."""
        if not any(active is fault for active in self._active):
            return
        fault.heal(self._cluster)
        fault.verify_healed(self._cluster)
        self._active = [active for active in self._active if active is not fault]
        self._tell(fault, "heal")

    def heal_all(self, *, stopping: bool = False) -> None:
        """Heals what is active, the last first, each of them whatever the others do; then raises the first failure.

        `stopping`: the cluster is about to be stopped, so what it can be stopped with is left.
        """
        failures: list[OSError] = []
        for fault in reversed(tuple(self._active)):
            if stopping and fault.stoppable:
                continue
            try:
                self.heal(fault)
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _tell(self, fault: Fault, phase: str) -> None:
        self._cluster.record(
            "fault", name=fault.name, phase=phase, target=",".join(fault.nodes), parameters=fault.parameters()
        )
