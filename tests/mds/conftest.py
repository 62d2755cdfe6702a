"""A small cluster on the memory transport: one MDS, two OSS, and clients that speak the protocol by hand."""

import asyncio
import json
import os
import random
import zlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import lsm
import mds.app
import oss.app
import rpc
import rpc.context
from harness import policies
from host.config import NodeConfig
from host.node import Node, PeerAddress
from host.serve import Server
from host.store import Txn
from labelproof.v1 import context_pb2, mds_pb2, oss_pb2
from mds import entries, inodes
from oss import objects
from rpc import memory
from sepol import compile_cil, flatten

CLUSTER = "labelproof"
KEY = bytes(range(32))
XATTR = "security.selinux"
ROOT = lsm.Fid(0x200000007, 1)
ALL = (1 << 41) - 1
# Who loads policies.
BOOT = rpc.context.named(lsm.Subject(0, 0, comm="harness"))
APPS = {"mds": mds.app.App, "oss": oss.app.App}


@pytest.fixture(scope="session")
def policy() -> tuple[str, bytes]:
    """Digest and packed text of the project's targeted policy."""
    flat = flatten(compile_cil(policies.source("targeted")))
    return flat.digest, zlib.compress(flat.cil.encode())


class Clock:
    """Moves by a millisecond each time it is asked."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def wall_ns(self) -> int:
        self.now += 1_000_000
        return self.now

    mono_ns = wall_ns


@dataclass
class Machine:
    """The environment of one node: its own clock and generators, and the network of all."""

    network: memory.Network
    clock: Clock
    role: str = ""

    def rng(self, name: str) -> random.Random:
        return random.Random(name)

    def connect(self, node: Node, peer: PeerAddress) -> rpc.Channel:
        local = rpc.Peer(CLUSTER, node.role, node.name)
        to = rpc.Peer(CLUSTER, peer.role, peer.node)
        return self.network.connect(peer.address, local=local, peer=to, recorder=node.recorder)


class World:
    """The cluster. Nodes are started and stopped one by one; `events(node)` is what a node recorded."""

    def __init__(self, folder: Path, policy: tuple[str, bytes]) -> None:
        self.folder = folder
        self.policy = policy
        self.clock = Clock()
        self.network = memory.Network(random.Random(1))
        self.servers: dict[str, Server] = {}
        self.listeners: dict[str, memory.Listener] = {}
        self.recorder = rpc.Recorder("client0", None, self.clock)
        self.root_context: str | None = "system_u:object_r:root_t:s0"

    async def boot(self, *, oss: int = 2, stripe_size: int = 4) -> None:
        self.stripe_size = stripe_size
        names = ["mds0", *(f"oss{n}" for n in range(oss))]
        for name in names:
            await self.start(name)
        for name in names:
            await self.join(name)
            await self.load(name)

    async def start(self, name: str) -> Server:
        role = name.rstrip("0123456789")
        config = NodeConfig(
            name=name, role=role, cluster=CLUSTER, data_dir=self.folder / name, key=KEY,
            history=self.folder / f"{name}.jsonl", stripe_size=self.stripe_size, root_context=self.root_context,
        )  # fmt: skip
        server = Server(config, Machine(self.network, self.clock), APPS[role])
        await server.start()
        self.servers[name] = server
        self.listeners[name] = self.network.listen(f"{name}:1", server.tables)
        return server

    async def join(self, name: str) -> None:
        server = self.servers[name]
        peers = [
            PeerAddress(n, n.rstrip("0123456789"), f"{n}:1") for n in ("mds0", "oss0", "oss1") if n in self.servers
        ]
        server.node.join([peer for peer in peers if peer.node != name])
        await server.app.joined()

    async def load(self, name: str) -> None:
        server = self.servers[name]
        digest, packed = self.policy
        server.node.policy.load("targeted", digest, 33, packed, enforcing=True, by=BOOT)
        await server.app.policy_loaded()

    async def kill(self, name: str) -> None:
        """As kill -9: nothing is closed or written any more but what the disk already has."""
        self.listeners.pop(name).kill()
        server = self.servers.pop(name)
        app = server.app
        target = app.mdt if name.startswith("mds") else app.ost
        if name.startswith("mds"):
            await target.reaper.stop()
        target.store.db.close()
        server.node.recorder.close()
        server.node.audit.close()
        await asyncio.sleep(0)

    async def restart(self, name: str) -> None:
        await self.kill(name)
        await self.back(name)

    async def back(self, name: str) -> None:
        """A node that was killed is there again."""
        await self.start(name)
        for each in self.servers:
            await self.join(each)
        await self.load(name)

    def check_memory(self) -> None:
        """What the targets remember is what their tables say."""
        for name in self.servers:
            store = (self.mdt if name == "mds0" else self.ost(name)).store
            raw = store.view(raw=True)
            assert store._kept == {key: _read(raw, key) for key in store._kept}

    async def stop(self) -> None:
        for name, listener in self.listeners.items():
            await listener.stop()
            await self.servers[name].stop()

    @property
    def mdt(self) -> Any:
        return self.servers["mds0"].app.mdt

    def ost(self, name: str) -> Any:
        return self.servers[name].app.ost

    def events(self, node: str, e: str | None = None) -> list[dict[str, Any]]:
        lines = (self.folder / f"{node}.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if e in (None, event["e"])]

    def user(self, node: str = "client0", *, type_: str = "user_t", role: str = "user", **subject: Any) -> "User":
        """A task of that domain on a client node; uid 1000 unless said otherwise."""
        label = f"{role}_u:{role}_r:{type_}:s0"
        values = {"uid": 1000, "gid": 1000, "comm": "test", "labels": {"selinux": label}, "nid": node, **subject}
        return User(self, node, rpc.context.named(lsm.Subject(**values)))

    def admin(self, node: str = "client0") -> "User":
        """Root with every capability, in the domain that may relabel."""
        return self.user(node, type_="admin_t", role="staff", uid=0, gid=0, caps=lsm.Caps(ALL, ALL, 0, ALL, 0))

    def bounded(self) -> "User":
        """Root, whom the policy gives no CAP_FSETID, in the users' group."""
        return self.user(type_="bounded_t", uid=0, gid=1000, caps=lsm.Caps(ALL, ALL, 0, ALL, 0))


@dataclass
class User:
    """One subject on one client node: rpcs by hand, tickets remembered by FID."""

    world: World
    node: str
    subject: lsm.Subject

    def __post_init__(self) -> None:
        self.tickets: dict[bytes, bytes] = {}
        self.channels: dict[str, rpc.Channel] = {}
        self.op = ""

    def changed(self, **changes: Any) -> "User":
        """The same user after a change of its subject."""
        subject = rpc.context.named(replace(self.subject, **changes))
        return User(self.world, self.node, subject)

    def caller(self, ticket: bytes = b"") -> rpc.Caller:
        node = self.world.servers["mds0"].node
        return rpc.Caller.of(self.subject, ticket=ticket, sepol=node.policy.sepol, op=self.op)

    def channel(self, node: str) -> rpc.Channel:
        if node not in self.channels:
            role = node.rstrip("0123456789")
            self.channels[node] = self.world.network.connect(
                f"{node}:1", local=rpc.Peer(CLUSTER, "client", self.node), peer=rpc.Peer(CLUSTER, role, node),
                recorder=self.world.recorder,
            )  # fmt: skip
        return self.channels[node]

    async def mds(self, method: str, request: Any, ticket: bytes = b"", **options: Any) -> Any:
        stub = rpc.Stub(mds_pb2.DESCRIPTOR.services_by_name["Mds"], self.channel("mds0"))
        reply = await getattr(stub, method)(request, self.caller(ticket), **options)
        self._learn(reply)
        return reply

    async def oss(self, node: str, method: str, request: Any, **options: Any) -> Any:
        stub = rpc.Stub(oss_pb2.DESCRIPTOR.services_by_name["Oss"], self.channel(node))
        return await getattr(stub, method)(request, self.caller(), **options)

    def _learn(self, reply: Any) -> None:
        if getattr(reply, "ticket", b""):
            entry = reply.entry if hasattr(reply, "entry") else reply.attr.entry
            self.tickets[entry.fid.SerializeToString()] = reply.ticket

    # --- the walk ----------------------------------------------------------------------------------------------

    async def at(self, path: str) -> context_pb2.Fid:
        """Walks to a path; its FID."""
        reply = await self.mds("get_root", mds_pb2.GetRootRequest())
        for part in [p for p in path.split("/") if p]:
            name = mds_pb2.Name(parent=reply.entry.fid, name=part.encode())
            reply = await self.mds("lookup", mds_pb2.LookupRequest(name=name), reply.ticket)
        return reply.entry.fid

    async def name(self, path: str) -> tuple[mds_pb2.Name, bytes]:
        """The name in its parent, and the parent's ticket."""
        parent, _, last = path.rpartition("/")
        fid = await self.at(parent)
        return mds_pb2.Name(parent=fid, name=os.fsencode(last)), self.tickets[fid.SerializeToString()]

    # --- operations --------------------------------------------------------------------------------------------

    async def mkdir(self, path: str, mode: int = 0o777, umask: int = 0, **more: Any) -> Any:
        name, ticket = await self.name(path)
        return await self.mds("mkdir", mds_pb2.MkdirRequest(name=name, mode=mode, umask=umask, **more), ticket)

    async def open(self, path: str, flags: int = os.O_RDONLY, mode: int = 0o666, umask: int = 0, **more: Any) -> Any:
        name, ticket = await self.name(path)
        place = mds_pb2.Place(name=name)
        request = mds_pb2.OpenRequest(place=place, flags=flags, mode=mode, umask=umask, **more)
        return await self.mds("open", request, ticket)

    async def open_root(self, flags: int) -> Any:
        fid = await self.at("/")
        request = mds_pb2.OpenRequest(place=mds_pb2.Place(fid=fid), flags=flags, mode=0o666)
        return await self.mds("open", request, self.tickets[fid.SerializeToString()])

    async def create(self, path: str, mode: int = 0o666) -> Any:
        """Creates a file and closes it."""
        reply = await self.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        await self.close(reply)
        return reply

    async def close(self, opened: Any) -> Any:
        return await self.mds("close", mds_pb2.CloseRequest(handle=opened.handle))

    async def by_name(self, method: str, path: str, request: Any, **fields: Any) -> Any:
        """An operation on a place that is given by name."""
        name, ticket = await self.name(path)
        return await self.mds(method, request(place=mds_pb2.Place(name=name), **fields), ticket)

    async def stat(self, path: str) -> context_pb2.Attr:
        if not path.strip("/"):
            fid = await self.at("/")
            place = mds_pb2.Place(fid=fid)
            ticket = self.tickets[fid.SerializeToString()]
            return (await self.mds("getattr", mds_pb2.GetattrRequest(place=place), ticket)).attr
        return (await self.by_name("getattr", path, mds_pb2.GetattrRequest)).attr

    async def setattr(self, path: str, **fields: Any) -> context_pb2.Attr:
        return (await self.by_name("setattr", path, mds_pb2.SetattrRequest, **fields)).attr

    async def remove(self, path: str, method: str = "unlink") -> Any:
        name, ticket = await self.name(path)
        return await self.mds(method, mds_pb2.UnlinkRequest(name=name), ticket)

    async def rename(self, source: str, target: str, flags: int = 0) -> Any:
        old, ticket = await self.name(source)
        new, target_ticket = await self.name(target)
        request = mds_pb2.RenameRequest(source=old, target=new, target_ticket=target_ticket, flags=flags)
        return await self.mds("rename", request, ticket)

    async def link(self, source: str, target: str) -> Any:
        fid = await self.at(source)
        name, ticket = await self.name(target)
        object_ticket = self.tickets[fid.SerializeToString()]
        return await self.mds("link", mds_pb2.LinkRequest(object=fid, object_ticket=object_ticket, name=name), ticket)

    async def setxattr(self, path: str, name: str, value: bytes, flags: int = 0) -> Any:
        return await self.by_name("setxattr", path, mds_pb2.SetxattrRequest, name=name, value=value, flags=flags)

    async def getxattr(self, path: str, name: str) -> bytes | None:
        label = (await self.by_name("getxattr", path, mds_pb2.GetxattrRequest, name=name)).label
        return label.value if label.HasField("value") else None

    async def listxattr(self, path: str) -> list[str]:
        return list((await self.by_name("listxattr", path, mds_pb2.ListxattrRequest)).names)

    async def relabel(self, path: str, type_: str) -> Any:
        return await self.setxattr(path, XATTR, f"system_u:object_r:{type_}:s0".encode())

    async def readdir(self, path: str, *, plus: bool = False, count: int = 0, cookie: int = 0) -> Any:
        fid = await self.at(path)
        ticket = self.tickets[fid.SerializeToString()]
        request = mds_pb2.OpenRequest(place=mds_pb2.Place(fid=fid), flags=os.O_RDONLY | os.O_DIRECTORY)
        opened = await self.mds("open", request, ticket)
        asked = mds_pb2.ReaddirRequest(handle=opened.handle, plus=plus, count=count, cookie=cookie)
        return await self.mds("readdir", asked)

    # --- data --------------------------------------------------------------------------------------------------

    async def write(self, opened: Any, offset: int, data: bytes) -> None:
        for stripe, at, piece in _pieces(opened.layout, offset, data):
            request = oss_pb2.WriteRequest(token=opened.token, stripe=stripe, offset=at, data=piece)
            await self.oss(opened.layout.osts[stripe], "write", request)

    async def read(self, opened: Any, offset: int, length: int) -> bytes:
        """What the objects hold there; holes and what lies behind an object's end as NUL."""
        found = []
        for stripe, at, piece in _pieces(opened.layout, offset, bytes(length)):
            request = oss_pb2.ReadRequest(token=opened.token, stripe=stripe, offset=at, length=len(piece))
            reply = await self.oss(opened.layout.osts[stripe], "read", request)
            found.append(bytes(reply.data).ljust(len(piece), b"\0"))
        return b"".join(found)


def _read(txn: Txn, key: Any) -> Any:
    if isinstance(key, lsm.Fid):
        return inodes.get(txn, key)
    return entries.find(txn, *key) if isinstance(key[1], bytes) else objects.get(txn, *key)


def _pieces(layout: Any, offset: int, data: bytes) -> list[tuple[int, int, bytes]]:
    """(stripe, offset in the object, bytes) of a range of the file."""
    pieces = []
    while data:
        unit, within = divmod(offset, layout.stripe_size)
        piece, data = data[: layout.stripe_size - within], data[layout.stripe_size - within :]
        row, stripe = divmod(unit, len(layout.osts))
        pieces.append((stripe, row * layout.stripe_size + within, piece))
        offset += len(piece)
    return pieces


Scenario = Callable[[World], Coroutine[Any, Any, None]]


@pytest.fixture
def run(tmp_path: Path, policy: tuple[str, bytes]) -> Callable[..., None]:
    """Runs a scenario on a cluster of its own, which is booted before and stopped after."""

    def runner(scenario: Scenario, **options: Any) -> None:
        async def whole() -> None:
            world = World(tmp_path, policy)
            await world.boot(**options)
            try:
                await scenario(world)
                world.check_memory()
            finally:
                await world.stop()

        asyncio.run(whole())

    return runner
