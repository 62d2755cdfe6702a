"""What the client knows of an object that it walked to: enough to run its own checks, and the ticket to name it."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from labelproof.v1 import context_pb2
from lsm import Fid, Obj, file_class


class Entry(NamedTuple):
    """An object by FID with its walk `ticket`. `labels` maps xattr -> context; None: the attribute is absent."""

    fid: Fid
    mode: int
    uid: int
    gid: int
    labels: Mapping[str, str | None]
    version: int
    ticket: bytes = b""
    acl: bytes = b""

    @classmethod
    def of(cls, message: context_pb2.Entry, ticket: bytes = b"") -> Entry:
        """The entry of a reply."""
        fid = Fid(message.fid.seq, message.fid.oid, message.fid.ver)
        labels = texts(message.labels)
        return cls(fid, message.mode, message.uid, message.gid, labels, message.label_version, ticket, message.acl)

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)

    def obj(self, role: str, modules: Mapping[str, str], name: bytes = b"") -> Obj:
        """The object as hooks take it; `modules` maps the xattr of each enabled module to the module's name."""
        labels = {module: self.labels.get(xattr) for xattr, module in modules.items()}
        return Obj(
            role,
            file_class(self.mode),
            labels,
            self.version,
            self.uid,
            self.gid,
            self.mode,
            self.fid,
            decoded(name),
            acl=self.acl,
        )


def texts(labels: Iterable[context_pb2.Label]) -> dict[str, str | None]:
    """The labels of a reply by xattr; None where the attribute is absent."""
    return {label.name: decoded(label.value) if label.HasField("value") else None for label in labels}


def decoded(name: bytes) -> str:
    """Bytes as text that turns back into the same bytes (PEP 383)."""
    return name.decode("utf-8", "surrogateescape")
