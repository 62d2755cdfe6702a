"""One node with an app that does nothing, over memory; the harness's way to its Admin service."""

import asyncio
import random
import zlib
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

import rpc
import sepol
from harness import policies
from host.config import NodeConfig
from host.node import Node, PeerAddress
from host.serve import Server
from labelproof.v1 import admin_pb2
from lsm.objects import Fid, Subject
from rpc import memory

ADMIN = admin_pb2.DESCRIPTOR.services_by_name["Admin"]
KEY = b"k" * 32


class FakeClock:
    """Stands still."""

    def wall_ns(self) -> int:
        return 1_700_000_000_000_000_000

    def mono_ns(self) -> int:
        return 0


class FakeApp:
    """A role without services; `told` is what the host told it."""

    last_committed = 0

    def __init__(self, node: Node) -> None:
        self.node = node
        self.replies = rpc.ReplyCache()
        self.told: list[str] = []

    def services(self) -> list:
        return []

    async def start(self) -> None:
        self.told.append("start")

    async def joined(self) -> None:
        self.told.append("joined")

    async def policy_loaded(self) -> None:
        self.told.append("policy_loaded")

    async def stop(self) -> None:
        self.told.append("stop")

    def counters(self) -> dict[str, int]:
        return {"open_files": 2}

    def collect(self, only: Collection[Fid] = ()) -> list[admin_pb2.RawObject]:
        fids = [(str(n), fid) for n, fid in enumerate((Fid(1, 1), Fid(1, 2))) if not only or fid in only]
        return [admin_pb2.RawObject(fid=rpc.fid_message(fid), path=path) for path, fid in fids]


class Bench:
    """The environment of a node, and the node."""

    def __init__(self, config: NodeConfig) -> None:
        self.clock = FakeClock()
        self.network = memory.Network(random.Random(1))
        self.connected: list[str] = []
        # What the harness records of its calls.
        self.sent: list[bytes] = []
        self.server = Server(config, self, FakeApp)
        self.node, self.app = self.server.node, self.server.app

    def rng(self, name: str) -> random.Random:
        return random.Random(name)

    def connect(self, node: Node, peer: PeerAddress) -> rpc.Channel:
        self.connected.append(peer.address)
        to = rpc.Peer("lp", peer.role, peer.node)
        local = rpc.Peer("lp", node.role, node.name)
        return self.network.connect(peer.address, local=local, peer=to, recorder=node.recorder)

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.listener = self.network.listen("n0:0", self.server.tables)
        self._channel = self._dial("harness", rpc.Recorder("h", self.sent.append, self.clock))
        self.admin = rpc.Stub(ADMIN, self._channel)
        return self

    def as_client(self) -> rpc.Stub:
        """The same service, asked by a node that is no harness."""
        return rpc.Stub(ADMIN, self._dial("client", rpc.Recorder("c", None, self.clock)))

    def _dial(self, role: str, recorder: rpc.Recorder) -> rpc.Channel:
        local, peer = rpc.Peer("lp", role, recorder.node), rpc.Peer("lp", "mds", "mds0")
        return self.network.connect(self.listener.address, local=local, peer=peer, recorder=recorder)

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        await self.listener.stop(0)
        await self.server.stop()


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    return NodeConfig("mds0", "mds", "lp", tmp_path / "data", KEY)


@pytest.fixture(scope="session")
def cil() -> str:
    """The policy `targeted`, flattened."""
    if reason := sepol.available():
        pytest.skip(reason)
    return sepol.flatten(sepol.compile_cil(policies.source("targeted"))).cil


@pytest.fixture(scope="session")
def packed(cil: str) -> bytes:
    return zlib.compress(cil.encode())


@pytest.fixture
def bench(config: NodeConfig):
    """Runs `async def test(bench)` with a node that serves; what it returns comes back."""

    def run(test: Callable[[Bench], Any], **changes: Any) -> Any:
        async def whole() -> Any:
            async with Bench(replace(config, **changes)) as bench:
                return await test(bench)

        return asyncio.run(whole())

    return run


@pytest.fixture
def boot(packed: bytes) -> admin_pb2.LoadPolicyRequest:
    return admin_pb2.LoadPolicyRequest(digest="d1", name="targeted", cil=packed, version=33, enforcing=True)


def as_caller(context: str) -> rpc.Caller:
    return rpc.Caller.of(Subject(0, 0, comm="harness", nid="h", labels={"selinux": context}))


@pytest.fixture
def admin() -> rpc.Caller:
    """A logged-in administrator."""
    return as_caller("staff_u:staff_r:admin_t:s0")


@pytest.fixture
def user() -> rpc.Caller:
    return as_caller("user_u:user_r:user_t:s0")


@pytest.fixture
def nobody() -> rpc.Caller:
    """The harness without a context: how it boots a node."""
    return rpc.Caller(b"")
