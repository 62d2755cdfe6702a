"""Runtime `docker`: each node a container of its own on an engine, reached by the harness on a network of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from harness.clusters import debris, docker_image, docker_networks, engine, loops, real
from harness.clusters.cluster import Cluster
from harness.clusters.docker_nodes import PORT, Container, Ground, volume
from harness.clusters.engine import Engine, refusals
from harness.clusters.errors import last_line
from harness.clusters.machine import Volume
from harness.clusters.mirror import Mirror
from harness.clusters.plan import Runs
from harness.clusters.reaper import Reaper, remove
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import Channel, Clock, Peer, Recorder, SystemClock
from rpc.identity import Identity

T = TypeVar("T")
U = TypeVar("U")

_THREADS = 8
_VOLUMES = PurePosixPath("/volumes")


class Docker:
    """What is tested is what would be deployed: the image, non-root, on networks that lead nowhere else."""

    name = "docker"

    def available(self) -> str | None:
        """None, or why no engine can be used here, and the remedy."""
        return engine.problem()

    def start(self, spec: ClusterSpec, run_dir: Path) -> Cluster:
        """A running cluster; errors as boot.booted."""
        spec.validate()
        there = engine.connect()
        with refusals("what killed runs left cannot be removed"):
            debris.prune(there)
        image = docker_image.ready(there, run_dir / "logs")
        # Of an engine elsewhere nobody knows here what its clock says.
        runs = Runs(self.name, real.boot_id() if there.local else f"engine {there.id}")
        kind = LocalMachine if there.local and os.geteuid() == 0 else DockerMachine
        return real.boot(spec, run_dir, runs, lambda identity: kind(there, image, identity, run_dir))


class DockerMachine:
    """See machine.Machine, Kill, Pause and Mirrored."""

    def __init__(self, there: Engine, image: str, identity: Identity, run_dir: Path) -> None:
        self.clock: Clock = SystemClock()
        self._engine, self._image, self._identity, self._run_dir = there, image, identity, run_dir
        self._cluster = f"labelproof-{secrets.token_hex(4)}"
        self._labels = engine.labels(_run(run_dir), self._cluster)
        self._reaper = Reaper(f"{engine.CLUSTER}={self._cluster}", there.environ)
        self._containers: dict[str, Container] = {}
        self._running: set[str] = set()
        self._paused: set[str] = set()
        # Whose evidence is not yet fetched since they stopped.
        self._unread: set[str] = set()
        self._channels: dict[str, Channel] = {}
        self._mirror: Mirror | None = None
        self._keeper: Future[str] | None = None
        self._threads = ThreadPoolExecutor(_THREADS, "labelproof-docker")
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return loops.shared().run(work)

    def start(self, configs: Sequence[NodeConfig]) -> dict[str, str]:
        with refusals("the cluster's containers cannot be started"):
            if not self._containers:
                self._make(configs)
            names = [config.name for config in configs]
            self._all(lambda name: self._containers[name].start(self._identity), names)
        self._running.update(names)
        self._unread.difference_update(names)
        self._keeper = self._keeper or self._threads.submit(self._keep)
        return {name: f"{self._containers[name].ip}:{PORT}" for name in names}

    def stop(self, names: Sequence[str]) -> None:
        running = [name for name in names if name in self._running]
        with refusals("a node cannot be stopped"):
            self._keeping()
            self._all(self._stopped, running)

    def kill(self, name: str) -> None:
        container = self._ready(name)
        with refusals(f"node {name} cannot be killed"):
            self._keeping()
            if name in self._paused:
                # The engine kills nobody who is frozen. A signal that waits is the first that one who thaws hears.
                self._signal(container, signal.SIGKILL)
                self.resume(name)
            self._killed(container)
        self._down(name)

    def pause(self, name: str) -> None:
        container = self._ready(name)
        with refusals(f"node {name} cannot be paused"):
            self._engine.api.pause(container.id)
        self._paused.add(name)

    def resume(self, name: str) -> None:
        if name in self._paused:
            with refusals(f"node {name} cannot be resumed"):
                self._engine.api.unpause(self._containers[name].id)
            self._paused.discard(name)

    def paused(self, name: str) -> bool:
        return name in self._running and bool(self._containers[name].state()["State"]["Paused"])

    def connect(self, address: str, peer: Peer, recorder: Recorder) -> Channel:
        channel = real.connect(self._identity, self._containers[peer.node].control, peer, recorder)
        self._channels[peer.node] = channel
        return channel

    def fetch(self) -> None:
        if self._mirror is None:
            return
        awake = self._running - self._paused
        errors = self.run(self._mirror.fetch({n: c for n, c in self._channels.items() if n in awake}))
        for name, error in errors.items():
            state = self._containers[name].state()["State"]
            if state["Running"] and not state["Paused"]:
                raise error
            if not state["Running"]:
                self._unread.add(name)
        self._all(self._read, sorted(self._unread))
        self._unread &= self._running

    def fallen(self) -> str | None:
        for name in sorted(self._running):
            state = self._containers[name].state()["State"]
            if not state["Running"]:
                self._containers[name].save_log()
                said = last_line(self._containers[name].log)
                return f"node {name} ended with status {state['ExitCode']}" + (f": {said}" if said else "")
        return None

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._threads.shutdown()
        remove(self._engine.api, f"{engine.CLUSTER}={self._cluster}")
        self._reaper.dismiss()
        self._engine.api.close()

    # --- making ---------------------------------------------------------------------------------------------------

    def _make(self, configs: Sequence[NodeConfig]) -> None:
        count, local = len(configs), self._engine.local
        network, control = self._all(
            lambda net: docker_networks.make(self._engine, net[0], self._labels, count, internal=net[1]),
            [(f"{self._cluster}-nodes", True), (f"{self._cluster}-control", local)],
        )
        ground = Ground(
            self._engine, self._cluster, self._image, self._labels, network, control, self._run_dir / "logs"
        )
        made = self._all(lambda item: Container(ground, item[1], item[0]), list(enumerate(configs)))
        self._containers = {container.name: container for container in made}
        self._mirror = Mirror(self._run_dir, self._containers)

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

    def _keeping(self) -> str:
        """The keeper's id, once it has the volumes: no node may go before."""
        return self._keeper.result() if self._keeper else ""

    def _all(self, work: Callable[[U], T], items: Iterable[U]) -> list[T]:
        """`work` of each, side by side; the first error, once all have ended."""
        begun = [self._threads.submit(work, item) for item in items]
        for one in begun:
            one.exception()
        return [one.result() for one in begun]

    # --- ending ---------------------------------------------------------------------------------------------------

    def _ready(self, name: str) -> Container:
        if name not in self._running:
            raise KeyError(name)
        return self._containers[name]

    def _stopped(self, name: str) -> None:
        self.resume(name)
        self._containers[name].stop()
        self._down(name)

    def _down(self, name: str) -> None:
        self._running.discard(name)
        self._paused.discard(name)
        self._unread.add(name)

    def _read(self, name: str) -> None:
        assert self._mirror is not None
        self._mirror.take(name, *self._containers[name].evidence())

    def _killed(self, container: Container) -> None:
        import docker

        try:
            self._engine.api.kill(container.id)
        except docker.errors.APIError:
            if container.state()["State"]["Running"]:
                raise
        self._engine.api.wait(container.id)
        container.save_log()

    def _signal(self, container: Container, number: signal.Signals) -> None:
        """A signal past the engine, where the engine's processes are ours to see."""


class LocalMachine(DockerMachine):
    """Of an engine on this machine, used by root: see machine.Network and Disk besides."""

    def namespace(self, name: str) -> int:
        return self._ready(name).pid

    def interface(self, name: str) -> str:
        return self._ready(name).interface()

    def ip(self, name: str) -> str:
        return self._containers[name].ip

    def volume(self, name: str) -> Volume:
        self._containers[name]
        pid = self._engine.api.inspect_container(self._keeping())["State"]["Pid"]
        return Volume(pid, Path(_VOLUMES / name))

    def _signal(self, container: Container, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(container.pid, number)


def _run(run_dir: Path) -> str:
    """The id of the run: a cluster after the first has a folder in the run's own."""
    return run_dir.parent.name if run_dir.name.startswith("cluster-") else run_dir.name
