"""Runtime `netns`: each node a process on a host of its own: network namespace, address, cable, volume of limited size.

The harness reaches the nodes through sockets in the file system, so that it still does when their network is broken.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.clusters import real
from harness.clusters.cluster import Cluster
from harness.clusters.errors import ClusterError
from harness.clusters.machine import Volume
from harness.clusters.netns_lab import Lab
from harness.clusters.plan import Runs
from harness.clusters.processes import ProcessMachine
from harness.clusters.supervisor import Supervisor
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import Channel, Peer, Recorder
from rpc.clock import boot_id
from rpc.identity import Identity

TOOLS = ("unshare", "nsenter", "mount")
# linux/capability.h: what making namespaces, links and mounts takes.
_CAPS = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}


class Netns:
    """What is broken here is a real network and a real file system, without any engine."""

    name = "netns"

    def available(self) -> str | None:
        """None, or why nodes cannot have namespaces here, and the remedy."""
        if sys.platform != "linux":
            return "network namespaces need Linux; use the runtime inprocess"
        if lacking := [tool for tool in TOOLS if shutil.which(tool) is None]:
            return f"{', '.join(lacking)} not found; install util-linux and mount"
        if importlib.util.find_spec("pyroute2") is None:
            return "pyroute2 is not installed; pip install pyroute2"
        if lacking := [name for name, number in _CAPS.items() if not _capable(number)]:
            remedy = "run as root, or as the root of a user namespace: unshare -Ur labelproof ..."
            return f"network namespaces need {' and '.join(lacking)}; {remedy}"
        return None

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""
        # A node begins in another working directory than ours.
        folder = run_dir.absolute()
        return real.boot(spec, folder, Runs(self.name, boot_id()), lambda identity: _Machine(identity, folder))


class _Machine(ProcessMachine):
    """See machine.Machine, Kill, Pause, Network and Disk."""

    def __init__(self, identity: Identity, run_dir: Path) -> None:
        self._lab = Lab()
        self._controls: dict[str, str] = {}
        super().__init__(identity, Supervisor(run_dir / "logs", entering=self._lab.entering))

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        try:
            self._lab.raise_hosts({config.name: config.data_dir for config in configs})
        except OSError as error:
            raise ClusterError(str(error.strerror or error)) from error
        return super().start([self._placed(config) for config in configs])

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return super().connect(self._controls[peer.node], peer, recorder)

    def close(self) -> None:
        super().close()
        self._lab.close()

    def namespace(self, name: str) -> int:
        return self._lab.pid(name)

    def interface(self, name: str) -> str:
        return self._lab.interface(name)

    def ip(self, name: str) -> str:
        return self._lab.ip(name)

    def volume(self, name: str) -> Volume:
        return self._lab.volume(name)

    def _placed(self, config: NodeConfig) -> NodeConfig:
        """The node on its host. Its control socket lies beside its volume: what is on that, only the host sees.

        It is named by the holder's working directory, since a socket's name has room for 107 characters (unix(7)).
        """
        name = config.name
        self._controls[name] = f"unix:/proc/{self._lab.pid(name)}/cwd/{name}.sock"
        return replace(config, listen=f"{self._lab.ip(name)}:0", control=self._controls[name])


def _capable(number: int) -> bool:
    """Whether the capability is in the effective set of this process (proc(5))."""
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(effective, 16) >> number & 1)
