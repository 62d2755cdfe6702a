"""A node with its role's app, bound: the same on every transport."""

from __future__ import annotations

import platform
import sys
import zlib
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from host.admin import AdminOps
from host.app import App
from host.auditlog import AuditLog
from host.config import NodeConfig
from host.node import Environment, Node
from host.policy import PolicyState
from labelproof.v1 import admin_pb2
from lsm.modules.selinux.module import Selinux
from rpc.bind import Table, bind
from rpc.record import Recorder

SCHEMA = 1

# A service and its handlers.
Service = tuple[ServiceDescriptor, object]


class Server:
    """One node, ready to be served: `tables` are the rpcs of its role, of Admin and of the `services` besides."""

    def __init__(
        self, config: NodeConfig, env: Environment, make_app: Callable[[Node], App], services: Sequence[Service] = ()
    ) -> None:
        self.config = config
        self._recorder = _recorder(config, env)
        self._log = AuditLog(config.audit, config.name, env.clock)
        self.node = Node(config, env, self._recorder, self._log)
        self.app = make_app(self.node)
        self.tables = tuple(self._bind(service, ops) for service, ops in (*self._services(), *services))

    async def start(self) -> None:
        """Opens the store; OSError says why it cannot."""
        await self.app.start()

    async def stop(self) -> None:
        """Ends what runs, closes store, channels and logs."""
        for table in self.tables:
            await table.drain()
        await self.app.stop()
        await self.node.close()
        self._log.close()
        self._recorder.close()

    def _services(self) -> list[Service]:
        admin = admin_pb2.DESCRIPTOR.services_by_name["Admin"]
        return [*self.app.services(), (admin, AdminOps(self.node, self.app, self._stats))]

    def _bind(self, service: ServiceDescriptor, ops: object) -> Table:
        return bind(
            service, ops, self.node.admission, self._recorder, seal=self.node.seal, target=self.config.name,
            last_committed=lambda: self.app.last_committed, replies=self.app.replies,
            audited=self._log.write,
        )  # fmt: skip

    def _stats(self) -> dict[str, int]:
        module = self.node.framework.module("selinux") if self.node.policy.loaded else None
        counted = {}
        if isinstance(module, Selinux):
            counted = {"avc_hits": module.avc.hits, "avc_misses": module.avc.misses}
        policy = self.node.policy
        counted |= {"policy_seqno": policy.seqno, "policy": _fingerprint(policy)}
        return {"last_committed": self.app.last_committed, **counted, **self.app.counters()}


def _fingerprint(policy: PolicyState) -> int:
    """Of mode, rules and booleans together: equal where two nodes decide by the same."""
    return zlib.crc32(f"{policy.sepol} {sorted(policy.booleans.items())}".encode())


def _recorder(config: NodeConfig, env: Environment) -> Recorder:
    if config.history is None:
        return Recorder(config.name, None, env.clock)
    recorder = Recorder.to_file(config.history, config.name, env.clock)
    if not recorder.fresh:
        return recorder
    recorder.header(
        schema=SCHEMA, role=config.role, versions=versions(), seed=config.seed, runtime=config.runtime,
        clock_domain=config.clock_domain,
    )  # fmt: skip
    return recorder


def versions() -> dict[str, str]:
    """What this node runs, as its history says it."""
    return {
        "labelproof": _version("labelproof"),
        "python": platform.python_version(),
        "grpc": _version("grpcio"),
        "protobuf": _version("protobuf"),
    }


def _version(distribution: str) -> str:
    """As the folder of its metadata says by its name (PEP 376): to read what is in there, importlib.metadata imports as
    much as a fourteenth of all that a node does, and each node starts anew."""
    places = (Path(place).glob(f"{distribution}-*.dist-info") for place in sys.path if place)
    found = next(chain.from_iterable(places), None)
    # None: a source tree that is only on the path, and nobody wrote down which version it is.
    return found.name.removesuffix(".dist-info").partition("-")[2] if found else "not installed"
