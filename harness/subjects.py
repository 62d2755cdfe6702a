"""Who a task is: the subject that a login asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsm.modules.capability import ALL, NUMBER
from lsm.objects import Caps, Subject

# Capabilities as a mask, or by name without `cap_`; "all" are all of them.
CapSpec = int | str | Iterable[str]


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """A security context with the credentials of its task. `caps` is the effective and permitted set, a mask."""

    context: str | None
    uid: int = 1000
    gid: int = 1000
    groups: tuple[int, ...] = ()
    caps: int = 0
    fscreate: str | None = None
    comm: str = "test"

    def subject(self) -> Subject:
        """The value that travels; a `context` of None is a subject without labels."""
        labels = {"selinux": self.context} if self.context is not None else {}
        caps = Caps(effective=self.caps, permitted=self.caps, bounding=ALL)
        return Subject(
            self.uid, self.gid, self.groups, caps, comm=self.comm, labels=labels, fscreate=self.fscreate
        )  # fmt: skip


def mask(caps: CapSpec) -> int:
    """The mask of capabilities given as one, or by name; ValueError names one that there is not."""
    if isinstance(caps, int):
        return caps
    if caps == "all":
        return ALL
    names = [caps] if isinstance(caps, str) else list(caps)
    if unknown := [name for name in names if name not in NUMBER]:
        raise ValueError(f"no capability {unknown[0]!r}; they are named as in capabilities(7), without cap_")
    return sum(1 << NUMBER[name] for name in set(names))
