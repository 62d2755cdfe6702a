"""Runtime `compose`: nodes that a compose project or a stack runs, taken over for a run, and left up after it.

LABELPROOF_CLUSTER (`run --cluster`) says which: the name of a project that runs on the engine; the services' addresses,
"mds:7000,oss:7000,client:7000", from inside the network; a compose file; or nothing. Of the last two a project of our
own is brought up, and taken down after the run. LABELPROOF_SECRETS is the folder that `labelproof certs` made.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness import settings
from harness.clusters import engine, plan
from harness.clusters.boot import booted
from harness.clusters.cluster import Cluster
from harness.clusters.errors import ClusterError
from harness.clusters.places import Addresses, Place, Project
from harness.clusters.takeover import Controlled, Takeover
from harness.spec import ClusterSpec
from host.config import ROLES
from host.secrets import Secrets
from rpc.clock import boot_id
from rpc.identity import Identity

CLUSTER, SECRETS = "LABELPROOF_CLUSTER", "LABELPROOF_SECRETS"
SECRETS_FOLDER = ".labelproof/secrets"
# Nodes have the cluster's key from their own secrets; the harness never has it.
_NO_KEY = b"-"


class Compose:
    """A runtime whose nodes somebody else's tool runs."""

    name = "compose"

    def available(self) -> str | None:
        """None, or why such a project cannot be reached from here."""
        if _is_addresses(wanted("cluster", CLUSTER)):
            return None
        if reason := engine.problem():
            return reason
        try:
            _file(wanted("cluster", CLUSTER))
        except ClusterError as error:
            return str(error)
        return None

    def adopted(self) -> str:
        """What messages call the cluster that is taken over; empty where one is brought up for the run."""
        given = wanted("cluster", CLUSTER)
        if _is_addresses(given):
            return given
        return f"project {given}" if given and not Path(given).is_file() else ""

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A cluster of nodes that began anew; errors as boot.booted."""

        def build(data: Path) -> Cluster:
            place, secrets = _place(wanted("cluster", CLUSTER), spec, run_dir, data)
            named = replace(spec, name=secrets.cluster)
            runs = plan.Runs(self.name, boot_id())
            configs = plan.configs(named, run_dir, data, runs, _NO_KEY, lambda role, name: None)
            machine = _machine(place, next(iter(secrets.nodes.values())), run_dir, named)
            return Cluster(self.name, machine, named, run_dir, data, configs)

        return booted(spec, run_dir, build)


def wanted(setting: str, variable: str, default: str = "") -> str:
    """What the environment, else the project's settings, say."""
    return os.environ.get(variable) or str(settings.load(Path.cwd()).values.get(setting, default))


def _place(given: str, spec: ClusterSpec, run_dir: Path, data: Path) -> tuple[Place, Secrets]:
    from harness.containers import certs

    if _is_addresses(given):
        return Addresses(given), _secrets()
    there = engine.connect()
    if not there.local:
        raise ClusterError("the engine is on another machine: run inside its network, docker-compose run harness")
    file = _file(given)
    if file is None:
        return Project(there, given), _secrets()
    from harness.clusters.raised import Raised

    secrets = data / "secrets"
    certs.make(secrets, spec.name, {role: getattr(spec, role) for role in ROLES})
    return Raised(there, run_dir.name, data, file, secrets), certs.load(secrets)


def _file(given: str) -> Path | None:
    """The compose file to bring up; None where a running project is named. ClusterError where there is no file."""
    from harness.containers import project

    if given and not Path(given).is_file():
        return None
    project.tool()
    return project.file(given)


def _is_addresses(given: str) -> bool:
    return ":" in given and not Path(given).is_file()


def _secrets() -> Secrets:
    """The harness's own; ClusterError names what is wrong with them, and the remedy."""
    from harness.containers import certs

    try:
        return certs.load(Path(wanted("secrets", SECRETS, SECRETS_FOLDER)))
    except ValueError as error:
        raise ClusterError(f"{error}; {SECRETS} says in which folder they are") from None


def _machine(place: Place, identity: Identity, run_dir: Path, spec: ClusterSpec) -> Takeover:
    roles = dict(spec.nodes())
    if isinstance(place, Project):
        return Controlled(place, identity, run_dir, roles)
    return Takeover(place, identity, run_dir, roles)
