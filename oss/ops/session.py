"""Connect."""

from __future__ import annotations

from labelproof.v1 import oss_pb2
from oss.ops.base import Base
from rpc import Call


class Session(Base):
    """What names no object."""

    async def connect(self, call: Call, req: oss_pb2.OssConnectRequest) -> oss_pb2.OssConnectReply:
        """Begins a session; tells the client the policy's fingerprint."""
        policy = self._ost.node.policy
        return oss_pb2.OssConnectReply(
            nodemap=call.nodemap.name, last_committed=self._ost.store.last_committed, policy_seqno=policy.seqno,
            sepol=policy.sepol,
        )  # fmt: skip
