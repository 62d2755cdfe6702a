"""Faults on real nodes: each starts, is verified in place, is healed and verified healed (clusters/injected.py).

In reading order:
  process.py     kill, pause, stop, restart
  partition.py   partition, per direction and per peer; link-down
  shape.py       delay, jitter, loss, bandwidth of what a node sends; nfqueue.py does it where the kernel has no netem
  disk.py        disk-full, read-only
  inside.py      commands in a node's namespaces, rules of its packet filter

    with Partition("client0", "mds0").on(cluster): ...

Network faults ask the machine for a process in the node's namespace, and so serve every runtime that has one. A fault
is one class and its name in FAULTS.
"""

from harness.clusters.injected import Fault
from harness.faults.disk import DiskFull, ReadOnly
from harness.faults.partition import LinkDown, Partition
from harness.faults.process import Kill, Pause, Restart, Stop
from harness.faults.shape import Bandwidth, Delay, Jitter, Loss, Netem

__all__ = [
    "FAULTS", "Bandwidth", "Delay", "DiskFull", "Fault", "Jitter", "Kill", "LinkDown", "Loss", "Netem", "Partition",
    "Pause", "ReadOnly", "Restart", "Stop",
]  # fmt: skip

FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (Kill, Pause, Stop, Restart, Partition, LinkDown, Delay, Jitter, Loss, Bandwidth, DiskFull, ReadOnly)
}
