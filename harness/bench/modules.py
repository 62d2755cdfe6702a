"""What registered modules cost: the mediation of one operation with 0, 1 and 3 modules beside capability and SELinux.

The extra modules answer every check that these operations ask with one decision of theirs, so each is as busy as a
module can be that decides nothing itself.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from typing import Any

from harness import profile
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import POLICY
from harness.policy import Policy
from host.node import FSTYPE
from lsm import Framework, Mediator, Obj, Subject, dac, vfs
from lsm.hooks import Checks, Hooks
from lsm.modules.capability import Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy as Rules
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Decision

EXTRA = (0, 1, 3)


def run(bench: Bench) -> Iterator[Row]:
    """Rows for stat, open and create, each against the same with fewer modules."""
    server = SecurityServer(Rules.parse(Policy.own(POLICY).cil))
    frameworks = {f"{n} extra": Framework(_modules(server, n)) for n in EXTRA}
    frameworks = {"capability only": Framework([Capability(frozenset())]), **frameworks}
    for op, steps in _operations(Mediator(frameworks["0 extra"], Subject(0, 0))).items():
        taken = measure.turns({name: _mediating(f, steps) for name, f in frameworks.items()}, bench.effort)
        for name in list(frameworks)[1:]:
            yield row(f"{op}, {name}", name, taken, beside=("capability only", "0 extra"), note=f"{len(steps)} steps")


class Extra(Hooks):
    """A module that is asked everything and allows it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def inode_permission(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        yield self._allowed(obj, "permission")

    def inode_getattr(self, subject: Subject, obj: Obj) -> Checks:
        yield self._allowed(obj, "getattr")

    def inode_create(self, subject: Subject, parent: Obj, new: Obj, fs: Obj) -> Checks:
        yield self._allowed(parent, "create")

    def file_open(self, subject: Subject, obj: Obj, mask: int) -> Checks:
        yield self._allowed(obj, "open")

    def _allowed(self, obj: Obj, what: str) -> Decision:
        return Decision("", self.name, (what,), (), "", "", obj.tclass, True)


def _modules(server: SecurityServer, extra: int) -> list[Hooks]:
    return [Capability(frozenset()), Selinux(server), *(Extra(f"extra{n}") for n in range(extra))]


def _operations(mediator: Mediator) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Each operation as the steps of lsm.vfs that its rpcs ask."""
    who = profile.of(POLICY)
    fs = Obj("fs", "filesystem", name=FSTYPE)
    fs = fs._replace(labels=mediator.labels("sb_set_mnt_opts", fs))
    root = Obj("parent", "dir", {"selinux": who.root}, mode=stat.S_IFDIR | 0o1777)
    home = Obj("parent", "dir", {"selinux": who.directories["inherit"]}, 1, 1000, 1000, stat.S_IFDIR | 0o755)
    file = Obj("object", "file", {"selinux": who.directories["inherit"]}, 1, 1000, 1000, stat.S_IFREG | 0o644)
    new = Obj("new", "file", mode=stat.S_IFREG | 0o644, name="new")
    walk = [("lookup", {"parent": root}), ("lookup", {"parent": home})]
    opening = {"object": file, "flags": os.O_RDONLY, "mask": dac.file_mask(os.O_RDONLY)}
    return {
        "stat": [*walk, ("getattr", {"object": file})],
        "open": [*walk, ("open", opening)],
        "create": [*walk, ("create", {"parent": home, "new": new, "exists": False, "fs": fs})],
    }


def _mediating(framework: Framework, steps: list[tuple[str, dict[str, Any]]]) -> measure.Run:
    subject = Subject(1000, 1000, labels={"selinux": profile.of(POLICY).user})

    def run(count: int) -> float:
        begin = time.perf_counter()
        for _ in range(count):
            for op, objects in steps:
                vfs.run(op, Mediator(framework, subject), **objects)
        return time.perf_counter() - begin

    return run
