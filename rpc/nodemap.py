"""Who a peer's subjects may be: a nodemap turns the claimed subject into the admitted one (spec: Lustre's nodemaps).

The order is Lustre's: id map, squash (which drops capabilities and supplementary groups), root squash, capability mask.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase

from labelproof.v1 import admin_pb2
from lsm.objects import Caps, Subject

# Lustre's default for squash_uid and squash_gid.
NOBODY = 65534
ANY = "*"


@dataclass(frozen=True, slots=True)
class Nodemap:
    """See admin.proto. `sepol`: empty asks for the server's own fingerprint, `*` for any, else for exactly that one."""

    name: str = "default"
    nodes: frozenset[str] = frozenset()
    trusted: bool = True
    uids: Mapping[int, int] = field(default_factory=dict)
    gids: Mapping[int, int] = field(default_factory=dict)
    squash: bool = False
    squash_uid: int = NOBODY
    squash_gid: int = NOBODY
    cap_mask: int | None = None
    subject: str | None = None
    contexts: tuple[str, ...] = ()
    sepol: str = ""
    read_only: bool = False
    fileset: str = ""
    audit_mode: str = ""

    @classmethod
    def from_proto(cls, message: admin_pb2.Nodemap) -> Nodemap:
        """The nodemap of a message; ValueError without a name. A squash id of 0 means NOBODY, never root."""
        if not message.name:
            raise ValueError("a nodemap has no name")
        return cls(
            name=message.name,
            nodes=frozenset(message.nodes),
            trusted=message.trusted,
            uids={pair.client: pair.server for pair in message.uids},
            gids={pair.client: pair.server for pair in message.gids},
            squash=message.squash,
            squash_uid=message.squash_uid or NOBODY,
            squash_gid=message.squash_gid or NOBODY,
            cap_mask=message.cap_mask if message.HasField("cap_mask") else None,
            subject=message.subject if message.HasField("subject") else None,
            contexts=tuple(message.contexts),
            sepol=message.sepol,
            read_only=message.read_only,
            fileset=message.fileset,
            audit_mode=message.audit_mode,
        )

    def admitted(self, claimed: Subject, modules: Iterable[str]) -> Subject:
        """The subject that a claim becomes here; `modules` are those that need a label.

        EPERM for a client that does not speak labels and has no fixed subject, EACCES for a context outside what
        its subjects may claim: refused, never clipped.
        """
        labels = {module: self._label(claimed, module) for module in modules}
        return self._masked(self._mapped(replace(claimed, labels=labels)))

    def _label(self, claimed: Subject, module: str) -> str:
        label = claimed.labels.get(module, self.subject)
        if label is None:
            raise OSError(errno.EPERM, f"client does not speak labels: its context has none for {module}")
        if self.subject is not None and label != self.subject:
            raise OSError(errno.EACCES, f"nodemap {self.name} fixes the subject {self.subject}, not {label}")
        if self.contexts and not any(_matches(label, pattern) for pattern in self.contexts):
            raise OSError(errno.EACCES, f"nodemap {self.name} does not let its subjects claim {label}")
        return label

    def _mapped(self, s: Subject) -> Subject:
        if self.squash and s.uid == 0:
            return self._squashed(s)
        if self.trusted:
            return s
        if s.uid not in self.uids:
            return self._squashed(s)
        groups = tuple(self.gids[gid] for gid in s.groups if gid in self.gids)
        return replace(s, uid=self.uids[s.uid], gid=self.gids.get(s.gid, self.squash_gid), groups=groups)

    def _squashed(self, s: Subject) -> Subject:
        return replace(s, uid=self.squash_uid, gid=self.squash_gid, groups=(), caps=Caps())

    def _masked(self, s: Subject) -> Subject:
        if self.cap_mask is None:
            return s
        masked = {f.name: getattr(s.caps, f.name) & self.cap_mask for f in fields(Caps)}
        return replace(s, caps=Caps(**masked))


def _matches(label: str, pattern: str) -> bool:
    """Globs over user, role, type and range; what a pattern leaves out may be anything."""
    parts = label.split(":", 3)
    globs = pattern.split(":", 3)
    parts += [""] * (4 - len(parts))
    globs += [ANY] * (4 - len(globs))
    return all(map(fnmatchcase, parts, globs))
