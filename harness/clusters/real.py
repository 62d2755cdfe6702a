"""What the runtimes over real sockets share: keys of the machine, TLS identities, gRPC channels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harness.clusters import plan
from harness.clusters.boot import booted
from harness.clusters.cluster import Cluster
from harness.clusters.history import HARNESS
from harness.clusters.machine import Machine
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import Channel, Peer, Recorder, tls, transport_grpc
from rpc.channel import TIMEOUT_S
from rpc.identity import Identity

KEY_BYTES = 32


def boot(spec: ClusterSpec, run_dir: Path, runs: plan.Runs, machine: Callable[[Identity], Machine]) -> Cluster:
    """A running cluster on the machine, with keys and certificates of its own; errors as boot.booted."""

    def build(data: Path) -> Cluster:
        authority = tls.make_ca(spec.name)
        configs = plan.configs(spec, run_dir, data, runs, os.urandom(KEY_BYTES), authority.issue)
        return Cluster(runs.runtime, machine(authority.issue("harness", HARNESS)), spec, run_dir, data, configs)

    return booted(spec, run_dir, build)


def connect(identity: Identity, address: str, peer: Peer, recorder: Recorder, timeout_s: float = TIMEOUT_S) -> Channel:
    """A gRPC channel with mutual TLS."""
    return transport_grpc.connect(address, identity=identity, peer=peer, recorder=recorder, timeout_s=timeout_s)


def own_config(spec: ClusterSpec, identity: Identity) -> NodeConfig:
    """The harness as a peer of nodes in its own process; it stores nothing."""
    return NodeConfig(HARNESS, HARNESS, spec.name, Path(), b"", identity=identity)
