"""The container engine: where it is, whether it answers, and the labels of what is ours on it.

As with the `docker` command, DOCKER_HOST says where it is, else the context in use, else the socket that every client
knows. The SDK takes as long to import as a node to start, so it is imported when an engine is there to be used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness import owner
from harness.clusters.errors import ClusterError

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT = "unix:///var/run/docker.sock"
REMEDY = "start one: tools/engine-up (as root), or set DOCKER_HOST"
RUN, CLUSTER, OWNER, LEASE = "labelproof.run", "labelproof.cluster", "labelproof.owner", "labelproof.lease"
# Of one request: the engine does much else meanwhile. An answer to a ping is there at once, or the engine is no good.
TIMEOUT_S = 120
PING_S_MAX = 2.0
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    `host`: where its published ports are. `local`: it runs on this machine. `shares_files`: containers can be given
    what this process owns. `environ`: the variables by which any other client reaches the same engine.
    """

    api: APIClient
    id: str
    host: str
    local: bool
    shares_files: bool
    environ: Mapping[str, str]


def problem() -> str | None:
    """None, or why no engine can be used, with the remedy. Quick: a dead one is not waited for."""
    if importlib.util.find_spec("docker") is None:
        return "the docker SDK is not installed; pip install docker"
    try:
        environ = environment()
    except ClusterError as error:
        return str(error)
    url = environ.get("DOCKER_HOST") or DEFAULT
    if url.startswith("ssh://"):
        host = urlsplit(url).hostname
        remedy = f"run on {host} itself, or set DOCKER_HOST=tcp://{host}:2376 with TLS"
        return f"engines are not used over ssh ({url}); {remedy}"
    try:
        _ping(url, plain=not {"DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"} & set(environ))
    except PermissionError:
        return f"the engine at {url} is not for this user; join the group docker, or run as root"
    except (OSError, ValueError) as error:
        return f"no container engine answers at {url} ({_reason(error)}); {REMEDY}"
    return None


def connect() -> Engine:
    """The engine. ClusterError: none answers."""
    if reason := problem():
        raise ClusterError(reason)
    import docker

    environ = environment()
    url = environ.get("DOCKER_HOST") or DEFAULT
    try:
        client = docker.from_env(environment=dict(environ), timeout=TIMEOUT_S, max_pool_size=CONNECTIONS)
        info = client.api.info()
    except (docker.errors.DockerException, OSError) as error:
        raise ClusterError(f"no container engine answers at {url} ({_reason(error)}); {REMEDY}") from error
    here = info["Name"] == socket.gethostname() and info["KernelVersion"] == os.uname().release
    local = url.startswith("unix://") and here
    # Only root may give files away, and with user ids of its own the engine would not know to whom.
    shares = local and os.geteuid() == 0 and not _maps_users(info["SecurityOptions"] or ())
    return Engine(client.api, info["ID"], urlsplit(url).hostname or "127.0.0.1", local, shares, environ)


def environment() -> dict[str, str]:
    """DOCKER_HOST and its like: those set, or those that say the same as the docker context in use.

    Read as the `docker` command keeps it: the SDK looks for contexts only where there is a config.json beside them.
    """
    given = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    name = given.pop("DOCKER_CONTEXT", "") or _configured_context()
    if given.get("DOCKER_HOST") or name in {"", "default"}:
        return given
    contexts, ident = _settings() / "contexts", hashlib.sha256(name.encode()).hexdigest()
    try:
        endpoint = json.loads((contexts / "meta" / ident / "meta.json").read_bytes())["Endpoints"]["docker"]
    except (OSError, ValueError, KeyError):
        raise ClusterError(f"there is no docker context {name!r}; `docker context ls` names those there are") from None
    found = {**given, "DOCKER_HOST": str(endpoint.get("Host", ""))}
    keys = contexts / "tls" / ident / "docker"
    if keys.is_dir():
        verify = "" if endpoint.get("SkipTLSVerify") else "1"
        found |= {"DOCKER_CERT_PATH": str(keys), "DOCKER_TLS_VERIFY": verify}
    return found


def labels(run: str, cluster: str) -> dict[str, str]:
    """What everything carries that a cluster of this process makes on an engine."""
    pid = os.getpid()
    return {
        RUN: run, CLUSTER: cluster, OWNER: f"{owner.place()}:{pid}:{owner.start_time(pid)}",
        LEASE: str(int(time.time()) + owner.LEASE_S),
    }  # fmt: skip


def abandoned(found: Mapping[str, str]) -> bool:
    """Whether the labels are of something whose owner is gone: dead as seen here, or elsewhere and its lease over."""
    place, _, process = found.get(OWNER, "").partition(":")
    pid, _, start = process.partition(":")
    if not (pid.isdigit() and start.isdigit()):
        return False
    if place == owner.place():
        return not owner.runs(int(pid), int(start))
    lease = found.get(LEASE, "")
    return lease.isdigit() and int(lease) < time.time()


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """What the engine refuses becomes a ClusterError of one line: what was asked, and the engine's own words."""
    import docker

    try:
        yield
    except docker.errors.APIError as error:
        raise ClusterError(f"{what}: the engine says: {_reason(error)}") from error
    except OSError as error:
        raise ClusterError(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    told = getattr(error, "explanation", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(str(told).split())


def _maps_users(options: Iterable[str]) -> bool:
    return any(option in {"name=userns", "name=rootless"} for option in options)


def _settings() -> Path:
    """The folder of the `docker` command's own settings."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _configured_context() -> str:
    try:
        name: str = json.loads((_settings() / "config.json").read_bytes()).get("currentContext", "")
    except (OSError, ValueError):
        return ""
    return name


def _ping(url: str, *, plain: bool) -> None:
    """OSError, or ValueError, where nobody is at the other end who answers as an engine does; `plain`: without TLS."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        there = socket.socket(socket.AF_UNIX)
    elif parts.scheme == "tcp":
        there = socket.create_connection((parts.hostname or "", parts.port or 2375), timeout=PING_S_MAX)
    else:
        return
    with there:
        there.settimeout(PING_S_MAX)
        if parts.scheme == "unix":
            there.connect(parts.path)
        elif not plain:
            return  # the SDK has the keys; what is asked here is whether to wait for it
        there.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        if there.recv(64).split(b" ")[:2] not in ([b"HTTP/1.0", b"200"], [b"HTTP/1.1", b"200"]):
            raise ValueError("what listens there is no engine")
