"""One OSS on the memory transport, and tokens made by hand with the cluster's key."""

import asyncio
import json
import random
import zlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import lsm
import oss.app
import rpc
import rpc.context
from harness import policies
from host.config import NodeConfig
from host.serve import Server
from labelproof.v1 import context_pb2, oss_pb2
from rpc import memory
from sepol import compile_cil, flatten

CLUSTER = "labelproof"
KEY = bytes(range(32))
XATTR = "security.selinux"
ALL = (1 << 41) - 1
FID = lsm.Fid(0x200000400, 1)


@pytest.fixture(scope="session")
def policy() -> tuple[str, bytes]:
    """Digest and packed text of the project's targeted policy."""
    flat = flatten(compile_cil(policies.source("targeted")))
    return flat.digest, zlib.compress(flat.cil.encode())


class Machine:
    """The environment of the one node; it calls nobody. Its clock moves when it is asked."""

    def __init__(self) -> None:
        self.clock = self
        self.now = 1_700_000_000_000_000_000

    def wall_ns(self) -> int:
        self.now += 1_000_000
        return self.now

    mono_ns = wall_ns

    def rng(self, name: str) -> random.Random:
        return random.Random(name)

    def connect(self, node: Any, peer: Any) -> rpc.Channel:
        raise AssertionError("an OSS calls nobody")


class World:
    """oss0, and rpcs to it from `client0` and `mds0`."""

    def __init__(self, folder: Path, policy: tuple[str, bytes]) -> None:
        self.folder, self.policy = folder, policy
        self.machine = Machine()
        self.network = memory.Network(random.Random(1))
        self.seal = rpc.Seal(KEY)
        self.channels: dict[str, rpc.Channel] = {}
        self.user = self.subject("user_u:user_r:user_t:s0", uid=1000, gid=1000, nid="client0")
        self.kernel = self.subject("system_u:system_r:kernel_t:s0", nid="mds0", caps=lsm.Caps(ALL, ALL, 0, ALL, 0))

    def subject(self, label: str, **values: Any) -> lsm.Subject:
        return rpc.context.named(lsm.Subject(**{"uid": 0, "gid": 0, "labels": {"selinux": label}, **values}))

    async def start(self) -> None:
        config = NodeConfig(
            name="oss0", role="oss", cluster=CLUSTER, data_dir=self.folder / "oss0", key=KEY,
            history=self.folder / "oss0.jsonl",
        )  # fmt: skip
        self.server = Server(config, self.machine, oss.app.App)
        await self.server.start()
        self.listener = self.network.listen("oss0:1", self.server.tables)
        boot = rpc.context.named(lsm.Subject(0, 0, comm="harness"))
        digest, packed = self.policy
        self.server.node.policy.load("targeted", digest, 33, packed, enforcing=True, by=boot)

    async def kill(self) -> None:
        """As kill -9."""
        self.listener.kill()
        self.ost.store.db.close()
        self.server.node.recorder.close()
        self.server.node.audit.close()
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await self.listener.stop()
        await self.server.stop()

    @property
    def ost(self) -> Any:
        return self.server.app.ost

    def events(self, e: str) -> list[dict[str, Any]]:
        lines = (self.folder / "oss0.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["e"] == e]

    def entry(self, type_: str = "home_t", version: int = 1, fid: lsm.Fid = FID) -> context_pb2.Entry:
        label = f"user_u:object_r:{type_}:s0".encode()
        return context_pb2.Entry(
            fid=rpc.fid_message(fid), mode=0o100644, uid=1000, gid=1000, label_version=version,
            labels=[context_pb2.Label(name=XATTR, value=label)],
        )  # fmt: skip

    def token(self, **changes: Any) -> bytes:
        """A token for the user, all of whose fields can be said otherwise."""
        fields = {
            "subject": self.user.digest, "rights": 6, "policy": self.server.node.policy.stamp,
            "expires_ns": self.machine.now + 10**12, "entry": self.entry(),
            "layout": context_pb2.Layout(stripe_size=4, osts=["oss0", "oss1"]), **changes,
        }  # fmt: skip
        return self.seal.token(context_pb2.Token(fid=fields["entry"].fid, **fields))

    async def call(
        self, method: str, request: Any, *, role: str = "client", subject: lsm.Subject | None = None,
        behalf: lsm.Subject | None = None, ticket: bytes = b"", **options: Any,
    ) -> Any:  # fmt: skip
        node = f"{role}0"
        if node not in self.channels:
            recorder = rpc.Recorder(node, None, self.machine)
            self.channels[node] = self.network.connect(
                "oss0:1", local=rpc.Peer(CLUSTER, role, node), peer=rpc.Peer(CLUSTER, "oss", "oss0"), recorder=recorder
            )
        who = subject or (self.kernel if role == "mds" else self.user)
        caller = rpc.Caller.of(who, behalf=behalf, sepol=self.server.node.policy.sepol, ticket=ticket)
        stub = rpc.Stub(oss_pb2.DESCRIPTOR.services_by_name["Oss"], self.channels[node])
        return await getattr(stub, method)(request, caller, **options)

    async def write(self, offset: int, data: bytes, stripe: int = 0, token: bytes | None = None, **options: Any) -> Any:
        token = self.token() if token is None else token
        request = oss_pb2.WriteRequest(token=token, stripe=stripe, offset=offset, data=data)
        return await self.call("write", request, **options)

    async def read(self, offset: int, length: int, stripe: int = 0, token: bytes | None = None) -> bytes:
        token = self.token() if token is None else token
        request = oss_pb2.ReadRequest(token=token, stripe=stripe, offset=offset, length=length)
        return bytes((await self.call("read", request)).data)

    async def seek(self, offset: int, *, hole: bool, token: bytes | None = None) -> Any:
        """Whoever has the file open may, whatever it is open for."""
        token = self.token(rights=0) if token is None else token
        return await self.call("seek", oss_pb2.SeekRequest(token=token, stripe=0, offset=offset, hole=hole))

    async def punch(self, size: int, **options: Any) -> Any:
        request = oss_pb2.PunchRequest(stripe=0, size=size, entry=self.entry())
        return await self.call("punch", request, **{"role": "mds", "behalf": self.user, **options})

    async def setattr(self, mode: int, version: int, gid: int = 1000, *, closed: bool = False, **options: Any) -> Any:
        """The file's mode and group, as of that change."""
        request = oss_pb2.OssSetattrRequest(stripe=0, entry=self.entry(), closed=closed)
        request.entry.mode, request.entry.gid, request.entry.attr_version = 0o100000 | mode, gid, version
        return await self.call("setattr", request, **{"role": "mds", **options})

    async def set_label(self, type_: str, version: int, behalf: lsm.Subject | None) -> Any:
        """A relabel to `type_` of a file that was home_t."""
        entry, label = self.entry(version=version - 1), self.entry(type_).labels[0]
        request = oss_pb2.SetLabelRequest(fid=entry.fid, stripe=0, label=label, label_version=version, entry=entry)
        return await self.call("set_label", request, role="mds", behalf=behalf)


@pytest.fixture
def run(tmp_path: Path, policy: tuple[str, bytes]) -> Callable[..., None]:
    """Runs a scenario on an OSS of its own, which is booted before and stopped after."""

    def runner(scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            world = World(tmp_path, policy)
            await world.start()
            try:
                await scenario(world)
            finally:
                await world.stop()

        asyncio.run(whole())

    return runner
