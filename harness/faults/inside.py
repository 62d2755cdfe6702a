"""Commands in a node's namespaces, and the rules of its packet filter."""

from __future__ import annotations

import errno
import itertools
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from harness.clusters import machine
from harness.clusters.cluster import Cluster

TOOLS = ("nsenter", "ip", "tc", "iptables")
_S_MAX = 10.0
_numbers = itertools.count(1)


def network(cluster: Cluster) -> machine.Network:
    """The cluster's machine; OSError(EOPNOTSUPP) if its nodes have no network of their own."""
    if not isinstance(cluster.machine, machine.Network):
        raise OSError(errno.EOPNOTSUPP, _no_network(cluster))
    return cluster.machine


def lacking(cluster: Cluster, *tools: str) -> str | None:
    """Why no network fault can be done on the cluster; None: it can, and the tools are there."""
    if not isinstance(cluster.machine, machine.Network):
        return _no_network(cluster)
    return missing("nsenter", *tools)


def missing(*tools: str) -> str | None:
    """Which of the tools this machine does not have, and the remedy."""
    found = [tool for tool in tools if shutil.which(tool) is None]
    return f"{', '.join(found)} not found; install util-linux, iproute2 and iptables" if found else None


def in_network(cluster: Cluster, node: str, *command: str) -> str:
    """What a command says, run in the node's network namespace; OSError(EIO) with what it complains of."""
    return entered(network(cluster).namespace(node), "-n", command)


def entered(pid: int, namespace: str, command: Sequence[str]) -> str:
    """The same in one namespace (an option of nsenter(1)) of process `pid`."""
    done = _run(pid, namespace, command)
    if done.returncode:
        raise OSError(errno.EIO, f"{' '.join(command)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def mark() -> str:
    """A comment for rules that is nobody else's: two faults may ask for the same rule, and each heals its own."""
    return f"labelproof:{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the packet filter of `node`: what it matches, and where it sends that. `comment`: see `mark`."""

    node: str
    chain: str
    match: tuple[str, ...]
    target: tuple[str, ...]
    comment: str

    def add(self, cluster: Cluster) -> None:
        in_network(cluster, self.node, *self._command("-A"))

    def there(self, cluster: Cluster) -> bool:
        """Whether the kernel has it. OSError(EIO) if it cannot be asked."""
        done = _run(network(cluster).namespace(self.node), "-n", self._command("-C"))
        if done.returncode not in (0, 1):
            raise OSError(errno.EIO, f"iptables -C: {done.stderr.strip()}")
        return done.returncode == 0

    def remove(self, cluster: Cluster) -> None:
        """Without effect if it is not there."""
        if self.there(cluster):
            in_network(cluster, self.node, *self._command("-D"))

    def _command(self, action: str) -> list[str]:
        comment = ("-m", "comment", "--comment", self.comment)
        return ["iptables", "-w", action, self.chain, *self.match, *comment, "-j", *self.target]


def require(condition: bool, told: str) -> None:
    """OSError(EBUSY) with what was found instead."""
    if not condition:
        raise OSError(errno.EBUSY, told)


def _run(pid: int, namespace: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["nsenter", "-t", str(pid), namespace, "--", *command], capture_output=True, text=True, timeout=_S_MAX,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimeoutError(errno.ETIMEDOUT, f"{' '.join(command)} did not end in {_S_MAX:g} s") from None


def _no_network(cluster: Cluster) -> str:
    return not_ours(cluster, "network", "have no network of their own")


def not_ours(cluster: Cluster, what: str, lacking: str) -> str:
    """The sentence that says why `what` of this cluster cannot be broken, and where it can."""
    if isinstance(cluster.machine, machine.Adopted):
        why = f"the {what} of {cluster.machine.adopted} is not the harness's to break"
    else:
        why = f"nodes of runtime {cluster.runtime} {lacking}"
    return f"{why}; use netns or docker"
