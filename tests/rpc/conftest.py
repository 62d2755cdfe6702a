"""A small cluster of one MDS with fake operations and its clients, behind either transport."""

import asyncio
import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

import lsm
import rpc
from labelproof.v1 import context_pb2, mds_pb2
from lsm.hooks import Hooks
from lsm.objects import Caps, Fid, Obj, Subject
from rpc import memory, methods, status, tls, transport_grpc

MDS = mds_pb2.DESCRIPTOR.services_by_name["Mds"]
ROOT = Fid(1, 1)
PARENT = Obj("parent", "dir", fid=ROOT)
SEPOL = "1:targeted:33:abc"


class FakeClock:
    """Stands still; what is ordered is ordered by the Lamport clock."""

    now = 1_700_000_000_000_000_000

    def wall_ns(self) -> int:
        return self.now

    def mono_ns(self) -> int:
        return self.now


class FakeSelinux(Hooks):
    """A module that keeps labels and refuses the capabilities, names and hooks that a test names."""

    name = "selinux"
    xattr = "security.selinux"

    def __init__(self) -> None:
        self.capable_uid: int | None = None

    def capable(self, subject, cap):
        yield lsm.Decision(
            "",
            "",
            ("dac_read_search",),
            (),
            subject.labels["selinux"],
            "",
            "capability",
            subject.uid == self.capable_uid,
        )

    def inode_permission(self, subject, obj, mask):
        yield lsm.Decision("", "", ("search",), (), subject.labels["selinux"], "root_t", "dir", True)


class Ops:
    """Handlers of every Mds rpc; all but a few refuse. `seen` keeps the calls, `act` replaces lookup's way."""

    def __init__(self) -> None:
        self.seen: list[rpc.Call] = []
        self.made = 0
        self.act: Callable[[rpc.Call], Any] = self.search
        self.gate: asyncio.Event | None = None

    @staticmethod
    def search(call: rpc.Call) -> None:
        call.takes("name")
        call.lsm.check("inode_permission", PARENT, 1)

    async def lookup(self, call: rpc.Call, req: mds_pb2.LookupRequest) -> mds_pb2.LookupReply:
        self.seen.append(call)
        if self.gate is not None:
            await self.gate.wait()
        result = self.act(call)
        return result if result is not None else mds_pb2.LookupReply(ticket=req.name.name)

    async def mkdir(self, call: rpc.Call, req: mds_pb2.MkdirRequest) -> mds_pb2.AttrReply:
        self.seen.append(call)
        call.takes("new", walk=True)
        for _ in range(2):
            call.lsm.check("inode_permission", PARENT, 1)
        call.lsm.check("inode_mkdir", PARENT, PARENT, PARENT)
        call.lsm.labels("inode_init_security", PARENT, PARENT)
        if self.gate is not None:
            await self.gate.wait()
        self.made += 1
        call.transno, call.fid = self.made, Fid(2, self.made)
        call.batch.label(
            call.fid, role="mdt", target="mdt0", name="security.selinux", old=None, new="x_t", version=1,
            why="transition", tclass="dir", mode=0o40755, subject=call.subject, rpc=call.rpc, transno=call.transno,
        )  # fmt: skip
        return mds_pb2.AttrReply(attr=context_pb2.Attr(nlink=self.made))

    async def connect(self, call: rpc.Call, req: mds_pb2.ConnectRequest) -> mds_pb2.ConnectReply:
        self.act(call)
        return mds_pb2.ConnectReply()

    async def getattr(self, call: rpc.Call, req: mds_pb2.GetattrRequest) -> mds_pb2.AttrReply:
        call.takes("stat")
        call.lsm.check("inode_getattr", Obj("object", "file"))
        return mds_pb2.AttrReply()


async def _refuse(self, call: rpc.Call, req: Any) -> Any:
    raise OSError(95, "not in this fake")


for _method in methods.methods(MDS):
    if _method.handler not in vars(Ops):
        setattr(Ops, _method.handler, _refuse)


class Cluster:
    """One MDS behind a transport; `lines(node)` is what a node recorded."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.clock = FakeClock()
        self.ops = Ops()
        self.selinux = FakeSelinux()
        self.ready: str | None = None
        self.written: dict[str, list[bytes]] = {}
        self.seal = rpc.Seal(b"k" * 32)
        self.replies = rpc.ReplyCache()
        self.admission = rpc.Admission(
            "lp", lsm.Framework([self.selinux]), sepol=lambda: SEPOL, ready=lambda: self.ready
        )
        self.network = memory.Network(random.Random(7))
        self.ca = tls.make_ca("lp") if transport == "grpc" else None
        self.peer = rpc.Peer("lp", "mds", "mds0")
        self.channels: list[rpc.Channel] = []

    def recorder(self, node: str) -> rpc.Recorder:
        return rpc.Recorder(node, self.written.setdefault(node, []).append, self.clock)

    def lines(self, node: str) -> list[dict]:
        return [json.loads(line) for data in self.written.get(node, []) for line in data.splitlines()]

    async def start(self) -> None:
        self.table = rpc.bind(
            MDS, self.ops, self.admission, self.recorder("mds0"), seal=self.seal, target="mdt0",
            last_committed=lambda: self.ops.made, replies=self.replies,
        )  # fmt: skip
        if self.ca is not None:
            self.server = await transport_grpc.serve("127.0.0.1:0", self.ca.issue("mds", "mds0"), [self.table])
        else:
            self.server = self.network.listen("mds0:0", [self.table])

    async def stop(self) -> None:
        for channel in self.channels:
            await channel.close()
        await self.server.stop(0)

    def channel(self, node: str = "c0", role: str = "client", cluster: str = "lp") -> rpc.Channel:
        if self.ca is not None:
            ca = self.ca if cluster == "lp" else dataclasses.replace(self.ca, cluster=cluster)
            channel = transport_grpc.connect(
                self.server.address, identity=ca.issue(role, node), peer=self.peer, recorder=self.recorder(node)
            )
        else:
            local = rpc.Peer(cluster, role, node)
            channel = self.network.connect(
                self.server.address, local=local, peer=self.peer, recorder=self.recorder(node)
            )
        self.channels.append(channel)
        return channel

    def stub(self, node: str = "c0", role: str = "client", cluster: str = "lp") -> rpc.Stub:
        return rpc.Stub(MDS, self.channel(node, role, cluster))

    async def raw(
        self, metadata, body: bytes = b"", method: str = "Mds/Lookup", node: str = "c0", role: str = "client"
    ):
        """A call with metadata as given: its reply's bytes, or its OSError raised."""
        path = methods.method(method).path
        if self.ca is None:
            answer = await self.table.serve(path, body, tuple(metadata), rpc.Peer("lp", role, node))
            return status.unpacked(answer.body, answer.trailing)[0]
        wire = self.channel(node, role)._wire
        return (await wire.exchange(path, body, tuple(metadata), 5.0))[0]


@pytest.fixture
def subject() -> Subject:
    """An ordinary task of c0."""
    caps = Caps(effective=0b110, permitted=0b110, bounding=(1 << 41) - 1)
    return Subject(1000, 100, (4, 24), caps, 4711, "cat", "c0", {"selinux": "staff_u:staff_r:staff_t:s0-s3"})


@pytest.fixture
def caller(subject: Subject) -> rpc.Caller:
    return rpc.Caller.of(subject, op="op1", test="t1", sepol=SEPOL)


@pytest.fixture
def mkdir() -> mds_pb2.MkdirRequest:
    return mds_pb2.MkdirRequest(name=mds_pb2.Name(parent=context_pb2.Fid(seq=1, oid=1), name=b"d"))


@pytest.fixture
def lookup() -> mds_pb2.LookupRequest:
    return mds_pb2.LookupRequest(name=mds_pb2.Name(parent=context_pb2.Fid(seq=1, oid=1), name=b"f"))


def _run(transport: str):
    def run(test: Callable[[Cluster], Any]) -> Any:
        """Runs a coroutine function against a started cluster; its Cluster stays readable afterwards."""

        async def whole() -> Any:
            cluster = Cluster(transport)
            await cluster.start()
            try:
                return await test(cluster)
            finally:
                await cluster.stop()

        return asyncio.run(whole())

    return run


@pytest.fixture(params=["memory", "grpc"])
def run(request: pytest.FixtureRequest):
    """Runs `async def test(cluster)` behind each transport."""
    return _run(request.param)


@pytest.fixture
def run_memory():
    """Runs `async def test(cluster)` over memory: what the transports share need not be seen twice."""
    return _run("memory")


@pytest.fixture
def run_grpc():
    return _run("grpc")
