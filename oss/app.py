"""The role oss on its node: one OST."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from host.node import Node
from host.store import Store
from labelproof.v1 import admin_pb2, context_pb2, oss_pb2
from lsm import Fid, Subject
from oss import objects
from oss.files import Files
from oss.objects import Object
from oss.ops import Ops
from oss.ost import Ost
from rpc import ReplyCache, fid_message


class App:
    """One object-storage server."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.replies = ReplyCache()
        self._ost: Ost | None = None
        self._ops = Ops(self)
        node.policy.on_change(self._policy_changed)

    @property
    def ost(self) -> Ost:
        """The target; OSError(ENOTCONN) before start."""
        if self._ost is None:
            raise OSError(errno.ENOTCONN, f"{self._node.name} has not started")
        return self._ost

    @property
    def last_committed(self) -> int:
        return self._ost.store.last_committed if self._ost else 0

    def services(self) -> list[tuple[ServiceDescriptor, object]]:
        """The service Oss."""
        return [(oss_pb2.DESCRIPTOR.services_by_name["Oss"], self._ops)]

    async def start(self) -> None:
        """Opens the OST; object files that no row speaks of were never acknowledged, and go. OSError says why not."""
        node = self._node
        files = Files(node.config.data_dir / "objects")
        store = Store(node.config.data_dir / "ost.db", node.name, objects.SCHEMA, node.recorder, self.replies)
        files.keep_only((o.fid, o.stripe) for o in objects.everything(store.view(raw=True)))
        self._ost = Ost(node, store, files)

    async def joined(self) -> None:
        """An OST asks nothing of its peers."""

    async def policy_loaded(self) -> None:
        """An OST has no object of its own to make."""

    async def stop(self) -> None:
        """Closes the OST."""
        if self._ost is not None:
            self._ost.store.close()

    def counters(self) -> Mapping[str, int]:
        """A client holds nothing here: a data token is all that it has."""
        return {}

    def collect(self, only: Collection[Fid] = ()) -> Iterable[admin_pb2.RawObject]:
        """Every object with its labels as stored; or those of `only` these files."""
        return [self._raw(o) for o in objects.everything(self.ost.store.view(raw=True), only)]

    def _policy_changed(self, why: str, by: Subject) -> None:
        if self._ost is not None:
            self._ost.policy_changed()

    def _raw(self, o: Object) -> admin_pb2.RawObject:
        names = dict.fromkeys([*(self.ost.modules if self._node.policy.loaded else ()), *o.labels])
        return admin_pb2.RawObject(
            fid=fid_message(o.fid), target=self._node.name, mode=o.mode, label_version=o.label_version, stripe=o.stripe,
            labels=[context_pb2.Label(name=name, value=o.labels.get(name)) for name in names],
        )  # fmt: skip
