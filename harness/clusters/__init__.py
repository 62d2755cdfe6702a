"""Clusters of nodes on a runtime, behind one synchronous API.

In reading order:
  machine.py     the seam: where nodes run, and what more it may be able to do
  boot.py        booting on any runtime; what goes wrong leaves nothing
  cluster.py     Cluster: boots, tells nodes of one another, sets the policy, collects, stops
  inforce.py     what the nodes decide by, and who has set it
  contacts.py    the harness's ways to the nodes
  plan.py        from a ClusterSpec to each node's configuration
  processes.py   runtime `processes`, the default; supervisor.py starts, watches and ends the processes, freezer.py
                 lets them stand still
  netns.py       runtime `netns`: such processes as hosts of a network; netns_lab.py has the hosts, netns_links.py the
                 cables between them
  docker.py      runtime `docker`: a machine of containers (docker_machine.py), each with its node (docker_nodes.py) and
                 a way for the harness to it (docker_near.py, docker_away.py); docker_networks.py;
                 docker_image.py: their image, of what docker_sources.py finds
  engine.py      the container engine and the labels of what is ours on it; reaper.py removes by label when the owner
                 dies, debris.py what dead owners left; mirror.py: copies of evidence that is elsewhere
  compose.py     runtime `compose`: nodes that run already, taken over (takeover.py) wherever they are (places.py), or
                 in a project of our own (raised.py)
  inprocess.py   runtime `inprocess`; simulated.py: runtime `sim`; hosted.py: nodes inside this process, for both
  apps.py        the roles' apps, the one place where the harness touches a role
  real.py, loops.py     what real sockets need: keys, identities, the thread that speaks gRPC
  clean.py       a cluster made clean between two tests, and the proof
  history.py, evidence.py     the history files as they grow; stored labels and the merged audit log
  errors.py      a cluster that cannot be had, in one line

A runtime is one file and one line in RUNTIMES.
"""

from pathlib import Path
from typing import Protocol

from harness.clusters.cluster import Cluster
from harness.clusters.compose import Compose
from harness.clusters.docker import Docker
from harness.clusters.errors import ClusterError
from harness.clusters.inprocess import InProcess
from harness.clusters.netns import Netns
from harness.clusters.processes import Processes
from harness.clusters.simulated import Sim
from harness.spec import ClusterSpec

__all__ = ["RUNTIMES", "SINGLE", "Cluster", "ClusterError", "Runtime"]


class Runtime(Protocol):
    """A way to run a cluster; made without arguments, and without effect until `start`."""

    name: str

    def available(self) -> str | None:
        """None, or the sentence that says what this machine lacks."""
        ...

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster, its history in `run_dir`.

        ValueError for a spec that cannot run, ClusterError for a cluster that does not come up; nothing of it is left.
        """
        ...


RUNTIMES: dict[str, type[Runtime]] = {
    "processes": Processes,
    "netns": Netns,
    "inprocess": InProcess,
    "sim": Sim,
    "docker": Docker,
    "compose": Compose,
}
# Those whose clusters may all be the same nodes, begun anew: one at a time.
SINGLE = frozenset({Compose.name})
