"""Where nodes are that somebody else started: at addresses, or in the containers of a compose project."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from harness.clusters.engine import Engine, refusals
from harness.clusters.errors import ClusterError
from harness.containers.labels import ONEOFF, PROJECT, SERVICE
from host.config import ROLES

PORT = 7000
STOP_S = 5


class Place(Protocol):
    """`name` is how messages call it. Who is at an address, its certificate says."""

    name: str

    def open(self, wanted: Mapping[str, int]) -> None:
        """Makes sure that so many nodes of each role are there, or on their way. ClusterError if not."""
        ...

    def candidates(self) -> list[str]:
        """The addresses at which nodes may listen now."""
        ...

    def fallen(self) -> str | None:
        """Which container ended by itself; None: none, or nobody can tell."""
        ...

    def close(self) -> None:
        """Leaves it as it was found. May be called again."""
        ...


@runtime_checkable
class Containers(Place, Protocol):
    """A place whose nodes can be ended and begun, by the address at which each listens; `begin` takes what `end` gave.

    `restore`: what was ended or paused runs again. `log`: what a node printed since that time.
    """

    def end(self, address: str, *, kill: bool = False) -> str: ...
    def begin(self, container: str) -> None: ...
    def pause(self, address: str) -> None: ...
    def resume(self, address: str) -> None: ...
    def restore(self) -> None: ...
    def log(self, address: str, since_s: float) -> bytes: ...


class Addresses:
    """Given by whoever is in the network: "mds:7000,oss:7000". A name that stands for many counts as all of them."""

    def __init__(self, text: str) -> None:
        """ValueError for what is not host:port."""
        self.name = text
        self._pairs = [_pair(item.strip()) for item in text.split(",") if item.strip()]

    def open(self, wanted: Mapping[str, int]) -> None:
        """Nobody knows here how many nodes there are to be."""

    def candidates(self) -> list[str]:
        return sorted({address for host, port in self._pairs for address in _resolved(host, port)})

    def fallen(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing of ours is there."""


class Project:
    """A compose project that runs on the engine: the containers of its services mds, oss and client."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.name = f"project {name}"
        self._engine = engine
        self._project = name
        # Container by address, as last seen; and those that we ended or paused.
        self._containers: dict[str, str] = {}
        self._ended: set[str] = set()
        self._paused: set[str] = set()

    def open(self, wanted: Mapping[str, int]) -> None:
        self._revive(wanted)
        there = self._running()
        if not there:
            remedy = "`docker-compose up -d` starts it; without --cluster one is brought up for the run"
            raise ClusterError(f"{self.name} does not run on this engine; {remedy}")
        for role in ROLES:
            if there[role] != wanted[role]:
                remedy = f"docker-compose -p {self._project} up -d --scale {role}={wanted[role]}"
                raise ClusterError(f"{self.name} runs {there[role]} {role} and {wanted[role]} are wanted; {remedy}")

    def candidates(self) -> list[str]:
        running = [one for one in self._found() if one["State"] == "running"]
        self._containers = {address: one["Id"] for one in running if (address := _address(one))}
        return sorted(self._containers)

    def fallen(self) -> str | None:
        for one in self._found():
            if one["State"] in ("exited", "dead") and one["Id"] not in self._ended:
                return f"container {one['Names'][0].lstrip('/')} ended: {one['Status']}"
        return None

    def end(self, address: str, *, kill: bool = False) -> str:
        container = self._containers[address]
        self._ended.add(container)
        with refusals(f"ending {address}"):
            self._resumed(container)
            if kill:
                self._engine.api.kill(container)
                self._engine.api.wait(container)
            else:
                self._engine.api.stop(container, timeout=STOP_S)
        return container

    def begin(self, container: str) -> None:
        with refusals("starting a container"):
            self._engine.api.start(container)
        self._ended.discard(container)

    def pause(self, address: str) -> None:
        container = self._containers[address]
        with refusals(f"pausing {address}"):
            self._engine.api.pause(container)
        self._paused.add(container)

    def resume(self, address: str) -> None:
        with refusals(f"letting {address} go on"):
            self._resumed(self._containers[address])

    def restore(self) -> None:
        for container in list(self._paused):
            self._resumed(container)
        for container in list(self._ended):
            self.begin(container)

    def log(self, address: str, since_s: float) -> bytes:
        with refusals(f"reading the log of {address}"):
            found: bytes = self._engine.api.logs(self._containers[address], since=since_s, timestamps=True)
        return found

    def close(self) -> None:
        self.restore()

    def _running(self) -> Counter[str]:
        """How many containers of each service."""
        return Counter(one["Labels"][SERVICE] for one in self._found() if one["State"] == "running")

    def _revive(self, wanted: Mapping[str, int]) -> None:
        """What a harness that was killed left paused or ended goes on, of a project that is up and as far as wanted."""
        running, api = self._running(), self._engine.api
        ways = {"paused": api.unpause, "exited": api.start}
        halted = sorted(
            (one for one in self._found() if one["State"] in ways), key=lambda one: list(ways).index(one["State"])
        )
        for one in halted if running else ():
            service = one["Labels"][SERVICE]
            if running[service] < wanted[service]:
                with refusals(f"a container of {self.name} that is {one['State']} does not go on"):
                    ways[one["State"]](one["Id"])
                running[service] += 1

    def _resumed(self, container: str) -> None:
        if container in self._paused:
            self._engine.api.unpause(container)
            self._paused.discard(container)

    def _found(self) -> list[dict[str, Any]]:
        wanted = [f"{PROJECT}={self._project}", f"{ONEOFF}=False"]
        with refusals(f"looking for {self.name}"):
            found = self._engine.api.containers(all=True, filters={"label": wanted})
        return [one for one in found if one["Labels"].get(SERVICE) in ROLES]


def _pair(item: str) -> tuple[str, int]:
    host, _, port = item.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"{item!r} is no address; give host:port, as in mds:7000,oss:7000,client:7000")
    return host.strip("[]"), int(port)


def _resolved(host: str, port: int) -> Iterable[str]:
    """Every address of a name; a service that is not up yet has none."""
    try:
        found = socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return {f"{info[4][0]}:{port}" for info in found}


def _address(container: Mapping[str, Any]) -> str | None:
    """Its address in the first of its networks that has one for it."""
    networks = container["NetworkSettings"]["Networks"].values()
    return next((f"{network['IPAddress']}:{PORT}" for network in networks if network["IPAddress"]), None)
