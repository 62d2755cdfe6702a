"""A mount: the servers behind it, its client LSM switch, and the root that each subject may begin at."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from client.devices import Devices
from client.entry import Entry
from host.node import Node
from labelproof.v1 import mds_pb2, oss_pb2
from lsm import Subject
from rpc import Caller, Stub

_MDS = mds_pb2.DESCRIPTOR.services_by_name["Mds"]
_OSS = oss_pb2.DESCRIPTOR.services_by_name["Oss"]


@dataclass(slots=True)
class Cwd:
    """A task's working directory on a mount. `path` leads there from the root, as far as is known: by it the walk is
    done again when the ticket is of no use any more, and only the same directory will do then."""

    entry: Entry
    subject: bytes
    path: bytes | None


class Mount:
    """One mount of the filesystem on a client node. `lsm`: the node's own modules are asked before each rpc.

    `started_ns`: when the node began, by which the MDS tells a restarted client from one that mounts once more.
    `devices`: the node's drivers, for all of its mounts.
    """

    def __init__(
        self, node: Node, name: str, *, lsm: bool, started_ns: int = 0, devices: Devices | None = None
    ) -> None:
        self.name = name
        self.devices = devices or Devices()
        self.lsm = lsm
        self._started_ns = started_ns
        # By the subject's digest. An entry goes when its ticket is refused as stale.
        self.roots: dict[bytes, Entry] = {}
        # Where the paths of a task begin, by its id, once it has changed that; before, at the root.
        self.cwds: dict[str, Cwd] = {}
        self._node = node
        self._watches: dict[bytes, int] = {}
        self._stubs: dict[str, Stub] = {}

    async def connect(self) -> str:
        """Connects the node to every server; the policy fingerprint that the MDS told. ENOTCONN without an MDS."""
        caller = self._node.caller()
        reply = await self.mds.connect(
            mds_pb2.ConnectRequest(client=self._node.name, started_ns=self._started_ns), caller
        )
        for name in self._node.peers("oss"):
            await self.ost(name).connect(oss_pb2.OssConnectRequest(client=self._node.name), caller)
        return str(reply.sepol)

    @property
    def mds(self) -> Stub:
        """The MDS that holds the root: the first by name."""
        names = self._node.peers("mds")
        if not names:
            raise OSError(errno.ENOTCONN, f"{self._node.name} knows no MDS; join it to the cluster first")
        return self._stub(names[0], _MDS)

    def ost(self, name: str) -> Stub:
        """The server of the OST `name`; ENOTCONN if its address is not known."""
        return self._stub(name, _OSS)

    def watch(self, fid: bytes) -> int:
        """The number of the watch on an object; the same again for the same object (inotify_add_watch)."""
        return self._watches.setdefault(fid, len(self._watches) + 1)

    @property
    def modules(self) -> Mapping[str, str]:
        """xattr -> module name of the node's modules that keep labels, in call order."""
        return self._node.framework.kept

    def caller(self, context: bytes, subject: Subject, op: str, test: str) -> Caller:
        """A task of this node as the caller."""
        return Caller(context, subject, op, test, sepol=self._node.policy.sepol)

    def _stub(self, name: str, service: Any) -> Stub:
        channel = self._node.channel(name)
        stub = self._stubs.get(name)
        if stub is None or stub.channel is not channel:
            stub = self._stubs[name] = Stub(service, channel)
        return stub
