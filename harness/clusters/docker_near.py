"""Nodes on an engine of this machine: each shares a folder with the harness, and in it the socket to reach it by."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.clusters.docker_nodes import CONFIG, DATA, FOLDER, PORT, UID
from host.config import NodeConfig

_EVIDENCE = PurePosixPath("/var/lib/labelproof")
_SOCKET = "control.sock"


class Near:
    """See docker_nodes.Way. History and audit log are the run's own files; a node's folder is its `data_dir` here."""

    def __init__(self) -> None:
        # Open folders: through them a socket has a short name, wherever it lies (sun_path of unix(7) holds 107 bytes).
        self._folders: dict[str, int] = {}

    def close(self) -> None:
        """Gives the folders up. May be called again."""
        while self._folders:
            os.close(self._folders.popitem()[1])

    def host_config(self, config: NodeConfig) -> dict[str, Any]:
        self._folders[config.name] = os.open(config.data_dir, os.O_PATH | os.O_CLOEXEC)
        shared = {config.data_dir: FOLDER}
        for path, inside in _evidence(config):
            if path:
                # The engine makes a folder of what is not there.
                path.touch()
                os.chown(path, UID, UID)
                shared[path] = inside
        # Z: where SELinux is on, the container's alone.
        return {"binds": [f"{path.absolute()}:{inside}:Z" for path, inside in shared.items()]}

    def place(self, ident: str, config: NodeConfig) -> None:
        history, audit = (path and Path(inside) for path, inside in _evidence(config))
        inside = replace(
            config, data_dir=Path(DATA), listen=f"0.0.0.0:{PORT}", control=f"unix:{FOLDER / _SOCKET}",
            history=history, audit=audit, ephemeral=False,
        )  # fmt: skip
        # Not before the container is made, or what fails here would leave a key on the disk.
        told = config.data_dir / CONFIG.name
        told.touch(0o400)
        told.write_text(inside.to_json(), encoding="utf-8")
        for path in (told, config.data_dir):
            os.chown(path, UID, UID)

    def address(self, name: str, state: Mapping[str, Any]) -> str:
        return f"unix:/proc/self/fd/{self._folders[name]}/{_SOCKET}"

    def listens(self, address: str) -> bool:
        with socket.socket(socket.AF_UNIX) as there:
            return there.connect_ex(address.removeprefix("unix:")) == 0


def _evidence(config: NodeConfig) -> list[tuple[Path | None, PurePosixPath]]:
    """History and audit log: where they are here, and where in the container."""
    return [(config.history, _EVIDENCE / "history.jsonl"), (config.audit, _EVIDENCE / "audit.log")]
