"""A node process: its configuration on stdin or in a file, one ready line on stdout.

With its configuration on stdin it is gone when its parent is: stdin stays open while that lives, and its end, however
the parent ended, stops the node, which then removes its own data if that was meant to be ephemeral. (Not
PR_SET_PDEATHSIG: that fires when the thread that started us ends.) A node of a container has options instead
(standalone.py), looks at no stdin, and ends at SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Sequence

from host import memory, policy, standalone
from host.app import App
from host.config import NodeConfig
from host.lives import Lives, StandaloneOps
from host.node import Node, PeerAddress
from host.serve import Server, Service
from labelproof.v1 import standalone_pb2
from rpc import transport_grpc
from rpc.call import Peer
from rpc.channel import Channel
from rpc.clock import SystemClock

EXIT_USAGE = 2
EXIT_FAILED = 1
_STOP_S = 3.0
_LOADS = frozenset({"boot", "load"})


class Machine:
    """The environment of a node on this machine: its clock, gRPC with mutual TLS."""

    def __init__(self, config: NodeConfig) -> None:
        self.clock = SystemClock()
        self._config = config

    def rng(self, name: str) -> random.Random:
        """Seeded by the cluster's seed and the name alone."""
        return random.Random(f"{self._config.seed}:{name}")  # noqa: S311  # repeats by design

    def connect(self, node: Node, peer: PeerAddress) -> Channel:
        assert self._config.identity is not None
        to = Peer(self._config.cluster, peer.role, peer.node)
        return transport_grpc.connect(
            peer.address, identity=self._config.identity, peer=to, recorder=node.recorder,
            timeout_s=self._config.rpc_timeout_s,
        )  # fmt: skip


def main(make_app: Callable[[Node], App]) -> None:
    """Runs one node until its stdin ends or SIGTERM comes. Exit 0; 1 it cannot serve; 2 no usable configuration.

    With options (host/standalone.py) its configuration comes from files, and only SIGTERM ends it.
    """
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    alone = len(sys.argv) > 1
    try:
        found = standalone.found(sys.argv[1:]) if alone else NodeConfig.from_json(sys.stdin.readline())
        config = _config(found)
        policy.framework(config.lsm, None)
        if config.identity is None:
            raise ValueError("it has no certificate; only the memory transport needs none")
    except ValueError as error:
        sys.stderr.write(f"labelproof node: {error}{'' if alone else '; the harness starts nodes, people do not'}\n")
        sys.exit(EXIT_USAGE)
    memory.keep()
    sys.exit(asyncio.run(_run(found, make_app, alone)))


def _config(found: NodeConfig | Lives) -> NodeConfig:
    return found if isinstance(found, NodeConfig) else found.config()


async def _run(found: NodeConfig | Lives, make_app: Callable[[Node], App], alone: bool) -> int:
    config = _config(found)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    orphaned = asyncio.Event() if alone else _watch_parent(loop, stop)
    try:
        await (_serve(found, make_app, stop) if isinstance(found, NodeConfig) else _live(found, make_app, stop))
    except OSError as error:
        sys.stderr.write(f"{config.name}: {error.strerror or error}\n")
        return EXIT_FAILED
    finally:
        if orphaned.is_set() and config.ephemeral:
            _remove(config)
    return 0


async def _live(lives: Lives, make_app: Callable[[Node], App], stop: asyncio.Event) -> None:
    """Serves one life after another, until `stop`."""
    service = standalone_pb2.DESCRIPTOR.services_by_name["Standalone"]
    while not stop.is_set():
        over = asyncio.Event()
        await _serve(lives.config(), make_app, stop, over, [(service, StandaloneOps(lives, over))])


async def _serve(
    config: NodeConfig, make_app: Callable[[Node], App], stop: asyncio.Event, over: asyncio.Event | None = None,
    services: Sequence[Service] = (),
) -> None:  # fmt: skip
    assert config.identity is not None
    server = Server(config, Machine(config), make_app, services)
    server.node.policy.on_change(lambda why, _by: memory.settled() if why in _LOADS else None)
    await server.start()
    listener = await transport_grpc.serve(config.listen, config.identity, server.tables, config.control)
    ready = {"node": config.name, "address": listener.address, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await _first(stop, over or stop)
    server.node.stopping()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(listener.stop(), _STOP_S)
    await server.stop()


async def _first(*events: asyncio.Event) -> None:
    """Returns when one of them is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> asyncio.Event:
    """Sets the returned event, and `stop`, when stdin ends: nobody holds its other end any more."""
    orphaned = asyncio.Event()
    stdin = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            orphaned.set()
            stop.set()

    loop.add_reader(stdin, readable)
    return orphaned


def _remove(config: NodeConfig) -> None:
    """Removes the node's own data, and the folder around it once the last node has done so."""
    shutil.rmtree(config.data_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        config.data_dir.parent.rmdir()
