"""The container of one node: made with its configuration inside, started, watched until it serves, read at its end."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

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
CONFIG = PurePosixPath("/run/labelproof/node.json")
DATA = PurePosixPath("/var/lib/labelproof/data")
# Beside the volume, so that a full disk does not silence a node.
EVIDENCE = PurePosixPath("/var/lib/labelproof/evidence")
# A volume's limit, not what it takes: it is memory, as far as it is filled.
VOLUME_BYTES = 128 << 20
READY_S_MAX = 60.0
STOP_S_MAX = 4
_POLL_S = 0.01
_LOOK_S = 0.5
_CONNECT_S_MAX = 0.5


@dataclass(frozen=True, slots=True)
class Ground:
    """What the containers of one cluster stand on. `control` is the network that the harness uses, and no fault breaks.

    Of an engine elsewhere, it is the one through which ports are published.
    """

    engine: Engine
    cluster: str
    image: str
    labels: Mapping[str, str]
    network: Network
    control: Network
    logs: Path


class Container:
    """One node's container, made but not started. `ip` is its own on the cluster's network, and stays."""

    def __init__(self, ground: Ground, config: NodeConfig, number: int) -> None:
        self.name = config.name
        self.ip = ground.network.address(number)
        self.volume = f"{ground.cluster}-{config.name}"
        self.pid = 0
        self.control = ""
        self._ground = ground
        self._api = ground.engine.api
        self._control_ip = ground.control.address(number)
        self._peer = Peer(config.cluster, config.role, config.name)
        self.id = self._made(config)
        self._placed(config)

    @property
    def log(self) -> Path:
        return self._ground.logs / f"{self.name}.log"

    def start(self, identity: Identity) -> None:
        """Starts it, and returns when the node serves. ClusterError: it does not, and why."""
        self._api.start(self.id)
        found = self.state()
        self.pid = found["State"]["Pid"]
        self.control = f"{self._control_ip}:{PORT}"
        if not self._ground.engine.local:
            bound = (found["NetworkSettings"]["Ports"].get(f"{PORT}/tcp") or [{"HostPort": "0"}])[0]
            self.control = f"{self._ground.engine.host}:{bound['HostPort']}"
        self._await_serving(identity)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not heard; what it said is in its log then."""
        self._api.stop(self.id, timeout=STOP_S_MAX)
        self.save_log()

    def state(self) -> dict[str, Any]:
        """What the engine says of it now."""
        found: dict[str, Any] = self._api.inspect_container(self.id)
        return found

    def save_log(self) -> None:
        """Writes what the node has said so far into the run's logs."""
        self.log.write_bytes(self._api.logs(self.id, stdout=True, stderr=True))

    def evidence(self) -> tuple[bytes, bytes]:
        """History and audit log of a node that does not run, whole."""
        import docker

        try:
            stream, _ = self._api.get_archive(self.id, str(EVIDENCE))
        except docker.errors.NotFound:
            return b"", b""
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            return _content(archive, f"{self.name}.jsonl"), _content(archive, f"{self.name}.log")

    def interface(self) -> str:
        """The name of its end of the cluster's network: which one that is, depends on the engine."""
        networks = self.state()["NetworkSettings"]["Networks"]
        mac = networks[self._ground.network.name]["MacAddress"]
        for path in sorted(Path(f"/proc/{self.pid}/root/sys/class/net").glob("*/address")):
            if path.read_text().strip() == mac:
                return path.parent.name
        raise ClusterError(f"node {self.name} has no interface with the address {mac}")

    def _made(self, config: NodeConfig) -> str:
        ground, api = self._ground, self._api
        own = api.create_endpoint_config(ipv4_address=self.ip, aliases=[self.name])
        away = not ground.engine.local
        made = api.create_container(
            ground.image, name=self.volume, hostname=self.name, user=f"{UID}:{UID}", labels=dict(ground.labels),
            command=[config.role, "--config", str(CONFIG)], ports=[PORT] if away else None,
            # The harness asks by itself, and more often than the engine would start a process to ask.
            healthcheck={"test": ["NONE"]},
            networking_config=api.create_networking_config({ground.network.name: own}),
            host_config=api.create_host_config(
                network_mode=ground.network.name, mounts=[volume(self.volume, DATA, ground.labels)],
                cap_drop=["ALL"], security_opt=["no-new-privileges:true"],
                port_bindings={PORT: (_published(ground.engine.host),)} if away else None,
            ),
        )  # fmt: skip
        api.connect_container_to_network(made["Id"], ground.control.id, ipv4_address=self._control_ip)
        ident: str = made["Id"]
        return ident

    def _placed(self, config: NodeConfig) -> None:
        """Puts the configuration into the container: it holds a private key, so no command line or label has it."""
        inside = replace(
            config, data_dir=Path(DATA), listen=f"0.0.0.0:{PORT}", ephemeral=False,
            history=config.history and Path(EVIDENCE / f"{self.name}.jsonl"),
            audit=config.audit and Path(EVIDENCE / f"{self.name}.log"),
        )  # fmt: skip
        self._api.put_archive(self.id, "/", _archive(inside.to_json().encode()))

    def _await_serving(self, identity: Identity) -> None:
        deadline, look = time.monotonic() + READY_S_MAX, time.monotonic() + _LOOK_S
        while not self._serves(identity):
            if time.monotonic() > look:
                self._require_running()
                look = time.monotonic() + _LOOK_S
            if time.monotonic() > deadline:
                self.save_log()
                raise failed(self.name, f"did not serve at {self.control} in {READY_S_MAX:g} s", self.log)
            time.sleep(_POLL_S)

    def _serves(self, identity: Identity) -> bool:
        """Whether the node says so itself. Nobody listens for long: that is found out cheaply."""
        host, _, port = self.control.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_S_MAX).close()
            loops.shared().run(health.check(self.control, identity, self._peer))
        except OSError:
            return False
        return True

    def _require_running(self) -> None:
        state = self.state()["State"]
        if state["Running"]:
            return
        self.save_log()
        raise failed(self.name, state["Error"] or f"ended with status {state['ExitCode']}", self.log)


def volume(name: str, target: PurePosixPath, labels: Mapping[str, str]) -> Any:
    """A node's volume as a mount: of limited size, so that it can be full, and of no other medium than memory."""
    import docker

    limited = {"type": "tmpfs", "device": "tmpfs", "o": f"size={VOLUME_BYTES},uid={UID},gid={UID},mode=700"}
    return docker.types.Mount(
        str(target), name, "volume", labels=dict(labels), driver_config=docker.types.DriverConfig("local", limited)
    )


def _published(host: str) -> str:
    """Where ports are published of an engine at `host`: no wider than it takes to be reached from here."""
    return "127.0.0.1" if host in {"127.0.0.1", "localhost"} else "0.0.0.0"  # noqa: S104  # mutual TLS guards them


def _archive(config: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, EVIDENCE, tarfile.DIRTYPE, 0o700, b"")
        _add(archive, CONFIG, tarfile.REGTYPE, 0o400, config)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: PurePosixPath, kind: bytes, mode: int, content: bytes) -> None:
    entry = tarfile.TarInfo(str(path.relative_to("/")))
    entry.type, entry.mode, entry.size, entry.uid, entry.gid = kind, mode, len(content), UID, UID
    archive.addfile(entry, io.BytesIO(content))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(f"{EVIDENCE.name}/{name}")
    except KeyError:
        return b""
    return file.read() if file else b""
