"""The role mds on its node: one MDT."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from host.node import Node
from host.store import Store, Txn
from labelproof.v1 import admin_pb2, context_pb2, mds_pb2
from lsm import Fid, Subject
from mds import entries, inodes, labels
from mds.inodes import Inode
from mds.mdt import ROOT, ROOT_MODE, SCHEMA, Mdt
from mds.ops import Ops
from rpc import ReplyCache, fid_message


class App:
    """One metadata server."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.replies = ReplyCache()
        self._mdt: Mdt | None = None
        self._ops = Ops(self)
        node.policy.on_change(self._policy_changed)

    @property
    def mdt(self) -> Mdt:
        """The target; OSError(ENOTCONN) before start."""
        if self._mdt is None:
            raise OSError(errno.ENOTCONN, f"{self._node.name} has not started")
        return self._mdt

    @property
    def last_committed(self) -> int:
        return self._mdt.store.last_committed if self._mdt else 0

    def services(self) -> list[tuple[ServiceDescriptor, object]]:
        """The service Mds."""
        return [(mds_pb2.DESCRIPTOR.services_by_name["Mds"], self._ops)]

    async def start(self) -> None:
        """Opens the MDT. What was without a name is to go, since there are no handles yet. OSError says why not."""
        node = self._node
        node.config.data_dir.mkdir(parents=True, exist_ok=True)
        store = Store(node.config.data_dir / "mdt.db", node.name, SCHEMA, node.recorder, self.replies)
        self._mdt = Mdt(node, store)
        with store.op(None) as txn:
            self._mdt.reaper.adopt(txn)
        await store.settled()

    async def joined(self) -> None:
        """The OSTs can be reached: what a crash left is undone and destroyed, if there is a policy to do it under."""
        self._recover()

    async def policy_loaded(self) -> None:
        """Makes the root directory if the MDT is new. OSError(EINVAL) if its context is none under the policy."""
        mdt = self.mdt
        with mdt.store.op(None) as txn:
            new = inodes.get(txn, ROOT) is None
            if new:
                inodes.insert(txn, self._root())
        await mdt.store.settled()
        if new:
            self._record_root()
        self._recover()

    async def stop(self) -> None:
        """Closes the MDT."""
        if self._mdt is not None:
            await self._mdt.reaper.stop()
            self._mdt.store.close()

    def counters(self) -> Mapping[str, int]:
        """`open_files` and `locks` (those waited for and leases too) of all clients."""
        if self._mdt is None:
            return {}
        return {"open_files": len(self._mdt.handles), "locks": len(self._mdt.flocks) + len(self._mdt.leases)}

    def collect(self, only: Collection[Fid] = ()) -> Iterable[admin_pb2.RawObject]:
        """Every inode with its labels as stored, and a path; or `only` those."""
        txn = self.mdt.store.view(raw=True)
        return [self._raw(txn, inode) for inode in inodes.everything(txn, only)]

    def _policy_changed(self, why: str, by: Subject) -> None:
        if self._mdt is not None:
            self._mdt.policy_changed()

    def _recover(self) -> None:
        if self._node.policy.loaded and self._node.peers("oss"):
            self.mdt.reaper.wake()

    def _root(self) -> Inode:
        node = self._node
        given = node.config.root_context
        stored = {}
        for xattr in node.framework.kept:
            label = labels.default(node, xattr) if given is None else self._canonical(given)
            if label is not None:
                stored[xattr] = label
        root = self.mdt.blank(ROOT, ROOT_MODE, 0, 0)
        return root._replace(labels=stored)

    def _canonical(self, context: str) -> bytes:
        server = self._node.policy.server
        assert server is not None
        try:
            return server.sid_to_context(server.context_to_sid(context)).encode()
        except ValueError as error:
            raise OSError(errno.EINVAL, f"root_context {context!r} is none under the policy: {error}") from None

    def _record_root(self) -> None:
        root = self.mdt.inode(self.mdt.store.view(), ROOT)
        batch = self._node.recorder.batch()
        for xattr in root.labels:
            labels.record(self._node, batch, root, xattr, None, "root", self.mdt.store.last_committed, name=b"/")
        batch.flush()

    def _raw(self, txn: Txn, inode: Inode) -> admin_pb2.RawObject:
        names = dict.fromkeys([*(self._node.framework.kept if self._node.policy.loaded else ()), *inode.labels])
        return admin_pb2.RawObject(
            fid=fid_message(inode.fid), target=self._node.name, path=entries.path(txn, inode.fid, ROOT),
            mode=inode.mode, labels=[context_pb2.Label(name=name, value=inode.labels.get(name)) for name in names],
            label_version=inode.label_version,
        )  # fmt: skip
