"""The containers of one cluster as a machine: started and ended side by side, and removed by their label."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from harness.clusters import docker_networks, engine, loops, real
from harness.clusters.docker_away import Away
from harness.clusters.docker_near import Near
from harness.clusters.docker_networks import Network
from harness.clusters.docker_nodes import PORT, Container, Ground, Way, volume
from harness.clusters.engine import Engine, refusals
from harness.clusters.machine import Volume
from harness.clusters.mirror import Mirror
from harness.clusters.reaper import Reaper, remove
from host.config import NodeConfig
from rpc import Channel, Clock, Peer, Recorder, SystemClock
from rpc.identity import Identity

T = TypeVar("T")
U = TypeVar("U")

_THREADS = 8
_VOLUMES = PurePosixPath("/volumes")


class DockerMachine(ABC):
    """See machine.Machine, Kill and Pause."""

    def __init__(self, there: Engine, image: str, identity: Identity, run_dir: Path) -> None:
        self.clock: Clock = SystemClock()
        self._engine, self._image, self._identity, self._run_dir = there, image, identity, run_dir
        self._cluster = f"labelproof-{secrets.token_hex(4)}"
        self._labels = engine.labels(_run(run_dir), self._cluster)
        self._reaper: Reaper | None = None
        self._containers: dict[str, Container] = {}
        self._running: set[str] = set()
        self._paused: set[str] = set()
        self._keeper: Future[str] | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "labelproof-docker")
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return loops.shared().run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        names = [config.name for config in configs]
        with refusals("the cluster's containers cannot be started"):
            if not self._containers:
                self._make(configs)
            self._all(lambda name: self._containers[name].start(self._identity), names)
            self._running.update(names)
            self._keeper = self._keeper or self._threads.submit(self._keep)
        return {name: f"{self._containers[name].ip}:{PORT}" for name in names}

    def stop(self, names: Sequence[str]) -> None:
        with refusals("the nodes cannot be stopped"):
            self._await_keeper()
            self._all(self._stop, [name for name in names if name in self._running])

    def kill(self, name: str) -> None:
        container = self._container(name)
        with refusals(f"node {name} cannot be killed"):
            self._await_keeper()
            if name in self._paused:
                # The engine kills nobody who is frozen.
                self._strike(container)
                self.resume(name)
            container.kill()
        self._down(name)

    def pause(self, name: str) -> None:
        container = self._container(name)
        with refusals(f"node {name} cannot be paused"):
            self._engine.api.pause(container.id)
        self._paused.add(name)

    def resume(self, name: str) -> None:
        if name in self._paused:
            with refusals(f"node {name} cannot be resumed"):
                self._engine.api.unpause(self._containers[name].id)
            self._paused.discard(name)

    def paused(self, name: str) -> bool:
        return name in self._running and self._containers[name].paused()

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        return real.connect(self._identity, self._containers[peer.node].address, peer, recorder)

    def fallen(self) -> str | None:
        errors = (self._containers[name].ending() for name in sorted(self._running))
        return next((str(error) for error in errors if error), None)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._threads.shutdown()
        with refusals("the cluster's containers cannot be removed"):
            remove(self._engine.api, f"{engine.CLUSTER}={self._cluster}")
        if self._reaper:
            self._reaper.dismiss()
        self._engine.api.close()

    @abstractmethod
    def _way(self, nodes: int) -> Way:
        """The harness's way to so many nodes; made beside the nodes' own network."""

    @abstractmethod
    def _strike(self, container: Container) -> None:
        """SIGKILL past the engine, where that is possible."""

    def _down(self, name: str) -> None:
        self._running.discard(name)
        self._paused.discard(name)

    def _container(self, name: str) -> Container:
        """KeyError if the node does not run."""
        if name not in self._running:
            raise KeyError(name)
        return self._containers[name]

    def _make(self, configs: Sequence[NodeConfig]) -> None:
        """Networks and containers; none is started yet."""
        self._reaper = Reaper(f"{engine.CLUSTER}={self._cluster}", self._engine.environ)
        count = len(configs)
        way = self._threads.submit(self._way, count)
        network = self._network("nodes", count, internal=True)
        ground = Ground(self._engine, self._cluster, self._image, self._labels, network, self._run_dir / "logs")
        found = way.result()
        made = self._all(lambda item: Container(ground, found, item[1], item[0]), enumerate(configs))
        self._containers = {container.name: container for container in made}

    def _network(self, name: str, nodes: int, *, internal: bool) -> Network:
        return docker_networks.make(self._engine, f"{self._cluster}-{name}", self._labels, nodes, internal=internal)

    def _keep(self) -> str:
        """Starts a container that has every node's volume mounted: what is in one lives as long as somebody has it."""
        mounts = [volume(c.volume, _VOLUMES / c.name, self._labels) for c in self._containers.values()]
        api = self._engine.api
        keeper = api.create_container(
            self._image, name=f"{self._cluster}-keeper", labels=self._labels, entrypoint=["sleep", "infinity"],
            healthcheck={"test": ["NONE"]}, stop_signal="SIGKILL",
            host_config=api.create_host_config(network_mode="none", mounts=mounts, cap_drop=["ALL"]),
        )  # fmt: skip
        api.start(keeper["Id"])
        ident: str = keeper["Id"]
        return ident

    def _await_keeper(self) -> str:
        """The keeper's id, once it has the volumes: before that no node may go."""
        return self._keeper.result() if self._keeper else ""

    def _stop(self, name: str) -> None:
        self.resume(name)
        self._containers[name].stop()
        self._down(name)

    def _all(self, work: Callable[[U], T], items: Iterable[U]) -> list[T]:
        """`work` of each, side by side; the first error, once all have ended."""
        begun = [self._threads.submit(work, item) for item in items]
        for one in begun:
            one.exception()
        return [one.result() for one in begun]


class AwayMachine(DockerMachine):
    """On an engine elsewhere, or one that does not see our files: see machine.Mirrored besides."""

    def __init__(self, there: Engine, image: str, identity: Identity, run_dir: Path) -> None:
        super().__init__(there, image, identity, run_dir)
        self._away: Away | None = None
        self._mirror: Mirror | None = None
        self._channels: dict[str, Channel] = {}
        # Whose files are to be read because they stopped since.
        self._unread: set[str] = set()

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        self._mirror = self._mirror or Mirror(self._run_dir, [config.name for config in configs])
        addresses = super().start(configs)
        self._unread -= addresses.keys()
        return addresses

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        channel = self._channels[peer.node] = super().connect(address, peer, recorder)
        return channel

    def fetch(self) -> None:
        if self._mirror is None or self._away is None:
            return
        awake = self._running - self._paused
        errors = self.run(self._mirror.fetch({name: c for name, c in self._channels.items() if name in awake}))
        with refusals("the nodes' histories cannot be read"):
            fallen = {name for name in errors if not self._containers[name].running()}
            for name in errors.keys() - fallen:
                if not self._containers[name].paused():
                    raise errors[name]
            self._all(self._read, self._unread | fallen)
        self._unread.clear()

    def _way(self, nodes: int) -> Way:
        self._away = Away(self._engine, self._network("control", nodes, internal=False))
        return self._away

    def _strike(self, container: Container) -> None:
        """Its processes are elsewhere: a frozen node has to thaw, and is killed then."""

    def _down(self, name: str) -> None:
        super()._down(name)
        self._unread.add(name)

    def _read(self, name: str) -> None:
        assert self._mirror is not None
        assert self._away is not None
        self._mirror.take(name, *self._away.evidence(self._containers[name].id, name))


class NearMachine(DockerMachine):
    """On an engine of this machine, used by root: see machine.Network and Disk besides."""

    def __init__(self, there: Engine, image: str, identity: Identity, run_dir: Path) -> None:
        super().__init__(there, image, identity, run_dir)
        self._near = Near()

    def namespace(self, name: str) -> int:
        return self._container(name).pid

    def interface(self, name: str) -> str:
        return self._container(name).interface()

    def ip(self, name: str) -> str:
        return self._containers[name].ip

    def volume(self, name: str) -> Volume:
        self._containers[name]
        with refusals(f"the volume of {name} cannot be reached"):
            pid = self._engine.api.inspect_container(self._await_keeper())["State"]["Pid"]
        return Volume(pid, Path(_VOLUMES / name))

    def close(self) -> None:
        super().close()
        self._near.close()

    def _way(self, nodes: int) -> Way:
        return self._near

    def _strike(self, container: Container) -> None:
        # A signal that waits is the first thing that one who thaws hears.
        with contextlib.suppress(ProcessLookupError):
            os.kill(container.pid, signal.SIGKILL)


def _run(run_dir: Path) -> str:
    """The id of the run: a cluster after the first has a folder in the run's own."""
    return run_dir.parent.name if run_dir.name.startswith("cluster-") else run_dir.name
