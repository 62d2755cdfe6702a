"""Nodes on an engine elsewhere: each is reached at a port that the engine publishes, and its files are copied."""

from __future__ import annotations

import io
import socket
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.clusters.docker_networks import Network
from harness.clusters.docker_nodes import CONFIG, DATA, FOLDER, PORT, UID
from harness.clusters.engine import Engine
from host.config import NodeConfig

# On no volume, so that it can be read while the container is stopped, and a full disk does not silence a node.
_EVIDENCE = FOLDER / "evidence"
_CONNECT_S_MAX = 1.0


class Away:
    """See docker_nodes.Way. `control` is the network through which ports are published; no fault breaks it."""

    def __init__(self, engine: Engine, control: Network) -> None:
        self._engine = engine
        self._control = control

    def host_config(self, config: NodeConfig) -> dict[str, Any]:
        return {"port_bindings": {PORT: (_published(self._engine.host),)}}

    def place(self, ident: str, config: NodeConfig) -> None:
        inside = replace(
            config, data_dir=Path(DATA), listen=f"0.0.0.0:{PORT}", ephemeral=False,
            history=config.history and Path(_EVIDENCE / f"{config.name}.jsonl"),
            audit=config.audit and Path(_EVIDENCE / f"{config.name}.log"),
        )  # fmt: skip
        # In an archive: it holds a private key, which no command line, label or variable may show.
        self._engine.api.put_archive(ident, "/", _archive(inside.to_json().encode()))
        self._engine.api.connect_container_to_network(ident, self._control.id)

    def address(self, name: str, state: Mapping[str, Any]) -> str:
        bound = (state["NetworkSettings"]["Ports"].get(f"{PORT}/tcp") or [{"HostPort": "0"}])[0]
        return f"{self._engine.host}:{bound['HostPort']}"

    def listens(self, address: str) -> bool:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_S_MAX).close()
        except OSError:
            return False
        return True

    def evidence(self, ident: str, name: str) -> tuple[bytes, bytes]:
        """History and audit log of a node that does not run, whole."""
        import docker

        try:
            stream, _ = self._engine.api.get_archive(ident, str(_EVIDENCE))
        except docker.errors.NotFound:
            return b"", b""
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            return _content(archive, f"{name}.jsonl"), _content(archive, f"{name}.log")


def _published(host: str) -> str:
    """Where ports are published of an engine at `host`: no wider than it takes to be reached from here."""
    return "127.0.0.1" if host in {"127.0.0.1", "localhost"} else "0.0.0.0"  # noqa: S104  # mutual TLS guards them


def _archive(config: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, _EVIDENCE, tarfile.DIRTYPE, 0o700, b"")
        _add(archive, CONFIG, tarfile.REGTYPE, 0o400, config)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: PurePosixPath, kind: bytes, mode: int, content: bytes) -> None:
    entry = tarfile.TarInfo(str(path.relative_to("/")))
    entry.type, entry.mode, entry.size, entry.uid, entry.gid = kind, mode, len(content), UID, UID
    archive.addfile(entry, io.BytesIO(content))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(f"{_EVIDENCE.name}/{name}")
    except KeyError:
        return b""
    return file.read() if file else b""
