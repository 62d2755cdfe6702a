"""The container of one node: made, started, watched until the node serves, and heard at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from harness.clusters import loops
from harness.clusters.docker_networks import Network
from harness.clusters.engine import Engine
from harness.clusters.errors import ClusterError, failed
from host.config import NodeConfig
from rpc import Peer, health
from rpc.identity import Identity

PORT = 7000
# The image's user `labelproof` (Dockerfile).
UID = 10001
# Where a node finds what it is told: a folder of the image's that is no volume.
FOLDER = PurePosixPath("/run/labelproof")
CONFIG = FOLDER / "node.json"
DATA = PurePosixPath("/var/lib/labelproof/data")
# A volume's limit, not what it takes: it is memory, as far as it is filled.
VOLUME_BYTES = 128 << 20
READY_S_MAX = 60.0
STOP_S_MAX = 4
_POLL_S = 0.01
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Ground:
    """What the containers of one cluster stand on: their engine, image, labels, network, and where their logs go."""

    engine: Engine
    cluster: str
    image: str
    labels: Mapping[str, str]
    network: Network
    logs: Path


class Way(Protocol):
    """How the harness reaches the nodes, past the network that faults break, and gives each its configuration."""

    def host_config(self, config: NodeConfig) -> dict[str, Any]:
        """What the way needs of a container, as arguments of the SDK's create_host_config."""
        ...

    def place(self, ident: str, config: NodeConfig) -> None:
        """Puts into the container, made but not started, what the node is told."""
        ...

    def address(self, name: str, state: Mapping[str, Any]) -> str:
        """Where the harness calls the node; `state` is what the engine says of its container, which runs."""
        ...

    def listens(self, address: str) -> bool:
        """Whether somebody listens there: found out cheaply, since for long nobody does."""
        ...


class Container:
    """One node's container, made but not started. `ip` is its own on the cluster's network, and stays."""

    def __init__(self, ground: Ground, way: Way, config: NodeConfig, number: int) -> None:
        self.name = config.name
        self.ip = ground.network.address(number)
        self.volume = f"{ground.cluster}-{config.name}"
        self.pid = 0
        self.address = ""
        self.log = ground.logs / f"{self.name}.log"
        self._ground, self._way = ground, way
        self._api = ground.engine.api
        self._peer = Peer(config.cluster, config.role, config.name)
        self.id = self._made(config)
        way.place(self.id, config)

    def start(self, identity: Identity) -> None:
        """Starts it, and returns when the node serves. ClusterError: it does not, and why."""
        self._api.start(self.id)
        state = self.state()
        self.pid = state["State"]["Pid"]
        self.address = self._way.address(self.name, state)
        deadline, look = time.monotonic() + READY_S_MAX, time.monotonic() + _LOOK_S
        while not self._serves(identity):
            if time.monotonic() > look:
                self._require_running()
                look = time.monotonic() + _LOOK_S
            if time.monotonic() > deadline:
                self.save_log()
                raise failed(self.name, f"did not serve at {self.address} in {READY_S_MAX:g} s", self.log)
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not heard."""
        self._api.stop(self.id, timeout=STOP_S_MAX)
        self.save_log()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. It may have ended by itself meanwhile."""
        import docker

        try:
            self._api.kill(self.id)
        except docker.errors.APIError:
            if self.running():
                raise
        self._api.wait(self.id)
        self.save_log()

    def running(self) -> bool:
        return bool(self.state()["State"]["Running"])

    def paused(self) -> bool:
        return bool(self.state()["State"]["Paused"])

    def state(self) -> dict[str, Any]:
        """What the engine says of it now."""
        found: dict[str, Any] = self._api.inspect_container(self.id)
        return found

    def save_log(self) -> None:
        """Writes what the node has said so far into the run's logs."""
        self.log.write_bytes(self._api.logs(self.id, stdout=True, stderr=True))

    def ending(self) -> ClusterError | None:
        """The error of a node that ended by itself; None while it runs."""
        state = self.state()["State"]
        if state["Running"]:
            return None
        self.save_log()
        return failed(self.name, state["Error"] or f"ended with status {state['ExitCode']}", self.log)

    def interface(self) -> str:
        """The name of its end of the cluster's network."""
        mac = self.state()["NetworkSettings"]["Networks"][self._ground.network.name]["MacAddress"]
        for path in sorted(Path(f"/proc/{self.pid}/root/sys/class/net").glob("*/address")):
            if path.read_text().strip() == mac:
                return path.parent.name
        raise ClusterError(f"node {self.name} has no interface with the address {mac}")

    def _made(self, config: NodeConfig) -> str:
        ground, api = self._ground, self._api
        own: Any = {ground.network.name: api.create_endpoint_config(ipv4_address=self.ip, aliases=[self.name])}
        special = self._way.host_config(config)
        made = api.create_container(
            ground.image, name=self.volume, hostname=self.name, user=f"{UID}:{UID}", labels=dict(ground.labels),
            command=[config.role, "--config", str(CONFIG)], ports=list(special.get("port_bindings", ())),
            # The harness asks by itself, and more often than the engine would start a process to ask.
            healthcheck={"test": ["NONE"]}, networking_config=api.create_networking_config(own),
            host_config=api.create_host_config(
                network_mode=ground.network.name, mounts=[volume(self.volume, DATA, ground.labels)],
                cap_drop=["ALL"], security_opt=["no-new-privileges:true"], **special,
            ),
        )  # fmt: skip
        ident: str = made["Id"]
        return ident

    def _serves(self, identity: Identity) -> bool:
        """Whether the node says so itself."""
        if not self._way.listens(self.address):
            return False
        try:
            loops.shared().run(health.check(self.address, identity, self._peer))
        except OSError:
            return False
        return True

    def _require_running(self) -> None:
        if error := self.ending():
            raise error


def volume(name: str, target: PurePosixPath, labels: Mapping[str, str]) -> Any:
    """A node's volume as a mount: of limited size, so that it can be full, and of no other medium than memory."""
    import docker

    limited = {"type": "tmpfs", "device": "tmpfs", "o": f"size={VOLUME_BYTES},uid={UID},gid={UID},mode=700"}
    return docker.types.Mount(
        str(target), name, "volume", labels=dict(labels), driver_config=docker.types.DriverConfig("local", limited)
    )
