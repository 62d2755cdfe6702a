"""Connect, the root, and the filesystem's own figures."""

from __future__ import annotations

from host.stripes import BLOCK_BYTES, OBJECT_BYTES_MAX
from labelproof.v1 import mds_pb2
from lsm import vfs
from mds.entries import NAME_BYTES_MAX
from mds.mdt import ROOT
from mds.ops.base import Base
from rpc import Call

FEATURES: tuple[str, ...] = ()


class Session(Base):
    """What names no object but the filesystem."""

    async def connect(self, call: Call, req: mds_pb2.ConnectRequest) -> mds_pb2.ConnectReply:
        """Begins a session; tells the client the policy and its fingerprint. A restarted one is evicted first."""
        node = self._mdt.node
        if call.peer.role == "client":
            await self._mdt.clients.connected(call.peer.node, req.started_ns)
        return mds_pb2.ConnectReply(
            nodemap=call.nodemap.name, last_committed=self._mdt.store.last_committed, policy_seqno=node.policy.seqno,
            policy_digest=node.policy.digest, sepol=node.policy.sepol, labels=list(self._mdt.modules),
            features=[name for name in FEATURES if name in req.features],
        )  # fmt: skip

    async def get_root(self, call: Call, req: mds_pb2.GetRootRequest) -> mds_pb2.LookupReply:
        """The root directory: filesystem{mount}."""
        call.takes("mount")
        with self._mdt.store.op(call) as txn:
            vfs.run("mount", call.lsm, fs=self._mdt.fs)
            root = self._mdt.inode(txn, ROOT)
            reply = mds_pb2.LookupReply(entry=self.entry(root), ticket=self._mdt.ticket(call, ROOT))
        await self._mdt.store.settled()
        return reply

    async def statfs(self, call: Call, req: mds_pb2.StatfsRequest) -> mds_pb2.StatfsReply:
        """Figures by what the layout allows and what the inodes say; no disk is asked."""
        call.takes("statfs")
        with self._mdt.store.op(call) as txn:
            vfs.run("statfs", call.lsm, fs=self._mdt.fs)
            files, used = txn.read("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM inodes").fetchone()
        blocks = len(self._mdt.node.peers("oss")) * OBJECT_BYTES_MAX // BLOCK_BYTES
        reply = mds_pb2.StatfsReply(block_size=BLOCK_BYTES, blocks=blocks, files=files, name_max=NAME_BYTES_MAX)
        reply.blocks_free = max(blocks - used // BLOCK_BYTES, 0)
        await self._mdt.store.settled()
        return reply
