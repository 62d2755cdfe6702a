"""An OST that makes the objects of a file with another label than the file's, or with none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from harness.clusters import Cluster
from harness.mutants import seams
from harness.mutants.mutant import Notice
from labelproof.v1 import context_pb2
from rpc import Call, Seal


@dataclass(frozen=True, slots=True)
class OstLabel:
    """Each label that a data token brings is replaced by `label`; None drops it."""

    label: str | None = None
    node: str = "oss0"

    rule: ClassVar[str] = "An OST object carries its file's labels, set before the first byte is stored."

    @property
    def name(self) -> str:
        return "ost_unlabelled" if self.label is None else "ost_label"

    @property
    def ticket(self) -> str:
        if self.label is None:
            return "LU-16091: a file's flag was not propagated to its OST objects"
        return "LU-20420: an OST object took its owner from whoever truncated the file, not from the file"

    @property
    def noticed_by(self) -> tuple[Notice, ...]:
        return (Notice("propagation", "data-before-label" if self.label is None else "ost-label"),)

    def available(self, cluster: Cluster) -> str | None:
        return seams.unreachable(cluster, self.node)

    @contextmanager
    def plant(self, cluster: Cluster) -> Iterator[None]:
        server = seams.server(cluster, self.node)
        with seams.sealed(server, Relabelling(server.config.key, self.label)):
            yield


class Relabelling(Seal):
    """Opens a token, and changes the labels in it."""

    def __init__(self, key: bytes, label: str | None) -> None:
        super().__init__(key)
        self._label = label

    def check_token(self, call: Call, data: bytes, now_ns: int) -> context_pb2.Token:
        token = context_pb2.Token()
        token.CopyFrom(super().check_token(call, data, now_ns))
        if self._label is None:
            del token.entry.labels[:]
        else:
            for label in token.entry.labels:
                label.value = self._label.encode()
        return token
