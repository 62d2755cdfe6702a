"""What the runtimes over real sockets share: keys of the machine, TLS identities, gRPC channels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness.clusters import owner, plan
from harness.clusters.cluster import HARNESS, Cluster, launched
from harness.clusters.machine import Machine
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import Channel, Peer, Recorder, tls, transport_grpc
from rpc.identity import Identity

KEY_BYTES = 32


def boot(spec: ClusterSpec, run_dir: Path, runs: plan.Runs, machine: Callable[[Identity], Machine]) -> Cluster:
    """Prunes what dead owners left, makes keys, certificates and folders, and boots the cluster on the machine.

    ValueError for a spec that cannot run, ClusterError for a cluster that does not come up; nothing of it is left.
    """
    spec.validate()
    owner.prune()
    authority = tls.make_ca(spec.name)
    data = owner.make(run_dir.name)
    try:
        configs = plan.configs(spec, run_dir, data, runs, os.urandom(KEY_BYTES), authority.issue)
        cluster = Cluster(runs.runtime, machine(authority.issue("harness", HARNESS)), spec, run_dir, data, configs)
    except BaseException:
        owner.remove(data)
        raise
    return launched(cluster)


def boot_id() -> str:
    """The clock domain of this machine: one boot, one wall clock."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def connect(identity: Identity, address: str, peer: Peer, recorder: Recorder) -> Channel:
    """A gRPC channel with mutual TLS."""
    return transport_grpc.connect(address, identity=identity, peer=peer, recorder=recorder)


def own_config(spec: ClusterSpec, identity: Identity) -> NodeConfig:
    """The harness as a peer of nodes in its own process; it stores nothing."""
    return NodeConfig(HARNESS, HARNESS, spec.name, Path(), b"", identity=identity)
