"""A server that stores the label that the client claims, instead of the one that it computes itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from google.protobuf.message import Message

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from lsm import Mediator
from rpc import Call


@dataclass(frozen=True, slots=True)
class TrustClaim:
    """Each new object comes with a lying client's claim of `label`, and the server believes it."""

    label: str = "user_u:object_r:secret_t:s0"
    methods: tuple[str, ...] = ("Mds/Mkdir", "Mds/Mknod", "Mds/Symlink", "Mds/Open")
    node: str = "mds0"

    name: ClassVar[str] = "trust_claim"
    ticket: ClassVar[str] = "LU-15420: a label was taken from the server or from the client without telling them apart"
    rule: ClassVar[str] = (
        "A new object's label is computed from subject, parent and name (security/selinux/hooks.c, "
        "determine_inode_label); a claim is not evidence."
    )
    noticed_by: ClassVar[tuple[Notice, ...]] = (Notice("propagation", "new-label"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        xattr = server.node.xattr_of("selinux")

        def around(handler: seams.Handler) -> seams.Handler:
            async def serve(call: Call, request: Any) -> Message:
                request.claim.label.name, request.claim.label.value = xattr, self.label.encode()
                call.lsm = Trusting(call.lsm, request.claim.label.value.decode())
                return await handler(call, request)

            return serve

        with seams.handled(server, around, *self.methods):
            yield


class Trusting(seams.Bent):
    """Computes nothing: the label of a new object is the one claimed."""

    __slots__ = ("_claimed",)

    def __init__(self, own: Mediator, claimed: str) -> None:
        super().__init__(own)
        self._claimed = claimed

    def labels(self, hook: str, *args: object) -> dict[str, str]:
        computed = super().labels(hook, *args)
        return dict.fromkeys(computed, self._claimed) if hook == "inode_init_security" else computed
