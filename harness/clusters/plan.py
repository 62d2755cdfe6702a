"""From a spec to the configuration of each node."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc.identity import Identity

Issue = Callable[[str, str], Identity | None]


@dataclass(frozen=True, slots=True)
class Runs:
    """What a runtime says of itself to the nodes: its name, its clock domain, and whether nodes outlive a parent."""

    runtime: str
    clock_domain: str
    ephemeral: bool = False


def configs(spec: ClusterSpec, run_dir: Path, data: Path, runs: Runs, key: bytes, issue: Issue) -> list[NodeConfig]:
    """One a node, servers first. Makes the folders that they write to; OSError names one that cannot be made."""
    for folder in ("history", "audit", "logs"):
        (run_dir / folder).mkdir(parents=True, exist_ok=True)
    return [_config(spec, run_dir, data, runs, key, issue(role, name), name, role) for name, role in spec.nodes()]


def sim_key(seed: int) -> bytes:
    """The cluster's MAC key in the simulator, where nothing is secret and everything repeats."""
    return random.Random(f"{seed}:key").randbytes(32)  # noqa: S311  # repeats by design


def _config(
    spec: ClusterSpec, run_dir: Path, data: Path, runs: Runs, key: bytes, identity: Identity | None, name: str,
    role: str,
) -> NodeConfig:  # fmt: skip
    folder = data / name
    folder.mkdir()
    return NodeConfig(
        name=name, role=role, cluster=spec.name, data_dir=folder, key=key,
        history=run_dir / "history" / f"{name}.jsonl" if spec.recording else None,
        audit=run_dir / "audit" / f"{name}.log", lsm=spec.stack, seed=spec.seed, identity=identity,
        root_context=spec.root_context, stripe_size=spec.stripe_size, rpc_timeout_s=spec.rpc_timeout_s,
        ephemeral=runs.ephemeral, runtime=runs.runtime, clock_domain=runs.clock_domain,
    )  # fmt: skip
