"""Faults of the volume that holds a node's data: it is full, or can only be read."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.clusters import machine
from harness.clusters.cluster import Cluster
from harness.clusters.injected import Fault
from harness.faults import inside
from harness.faults.inside import require

_BALLAST = ".labelproof-ballast"
_PROBE = ".labelproof-probe"
_PROBE_BYTES = 4096


@dataclass(eq=False)
class _OfDisk(Fault):
    """Strikes the volume of one node."""

    node: str

    @property
    def nodes(self) -> tuple[str, ...]:
        return (self.node,)

    def available(self, cluster: Cluster) -> str | None:
        if not isinstance(cluster.machine, machine.Disk):
            return inside.not_ours(cluster, "volume", "have no volume of their own")
        return None

    def volume(self, cluster: Cluster) -> machine.Volume:
        assert isinstance(cluster.machine, machine.Disk)
        return cluster.machine.volume(self.node)

    def folder(self, cluster: Cluster) -> Path:
        """The volume, by a path that leads into the node's mount namespace (proc(5), /proc/PID/root)."""
        volume = self.volume(cluster)
        return Path(f"/proc/{volume.pid}/root{volume.path}")

    def refusal(self, cluster: Cluster) -> int:
        """The errno with which a new file is refused there; 0: it is not."""
        probe = self.folder(cluster) / _PROBE
        try:
            probe.write_bytes(bytes(_PROBE_BYTES))
        except OSError as error:
            return error.errno or errno.EIO
        finally:
            if probe.exists():
                probe.unlink()
        return 0

    def verify_healed(self, cluster: Cluster) -> None:
        refusal = self.refusal(cluster)
        require(not refusal, f"the volume of {self.node} still refuses files ({os.strerror(refusal)})")


@dataclass(eq=False)
class DiskFull(_OfDisk):
    """The node's volume has no byte left: a file takes what there is. What needs no new block still works."""

    name: ClassVar[str] = "disk-full"

    def start(self, cluster: Cluster) -> None:
        folder = self.folder(cluster)
        fd = os.open(folder / _BALLAST, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for size in (1 << 20, 1 << 12):
                _grow(fd, size)
        finally:
            os.close(fd)

    def verify(self, cluster: Cluster) -> None:
        require(self.refusal(cluster) == errno.ENOSPC, f"the volume of {self.node} still has room")

    def heal(self, cluster: Cluster) -> None:
        (self.folder(cluster) / _BALLAST).unlink(missing_ok=True)


@dataclass(eq=False)
class ReadOnly(_OfDisk):
    """The node is killed, and comes up on a volume that it cannot write. Healed by a stop, a remount and a start.

    Not under a running node: the kernel remounts no file system read-only that has a file open for writing.
    """

    name: ClassVar[str] = "read-only"

    def start(self, cluster: Cluster) -> None:
        cluster.kill(self.node)
        self._remount(cluster, "ro")
        cluster.restart(self.node)

    def verify(self, cluster: Cluster) -> None:
        require(self.refusal(cluster) == errno.EROFS, f"the volume of {self.node} can be written")

    def heal(self, cluster: Cluster) -> None:
        cluster.stop_node(self.node)
        self._remount(cluster, "rw")
        cluster.restart(self.node)

    def _remount(self, cluster: Cluster, mode: str) -> None:
        volume = self.volume(cluster)
        # The options that it has are not given again: among them is a user of whom a user namespace may not know.
        command = ["mount", "--options-mode", "ignore", "-o", f"remount,{mode}", str(volume.path)]
        inside.entered(volume.pid, "-m", command)


def _grow(fd: int, step: int) -> None:
    """Takes blocks of `step` bytes until there is none."""
    size = os.fstat(fd).st_size
    try:
        while True:
            os.posix_fallocate(fd, size, step)
            size += step
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
