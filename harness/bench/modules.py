"""What registered modules and hooks cost: an operation's mediation with more of them beside capability and SELinux.

Extra modules answer each check that they register for with one decision of theirs, so each is as busy as a module can
be that decides nothing itself. One that registers for hooks that an operation never calls should cost it nothing.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from harness import profile
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import POLICY
from harness.policy import Policy
from host.node import FSTYPE
from lsm import Framework, Mediator, Obj, Subject, dac, vfs
from lsm.hooks import HOOKS, Checks, Hooks
from lsm.modules.capability import Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy as Rules
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Decision

EXTRA = (1, 3)
Steps = Sequence[tuple[str, dict[str, Any]]]
# A check says in its annotation what it gives (lsm/hooks.py).
_CHECKS = [hook for hook in HOOKS if getattr(Hooks, hook).__annotations__["return"] == "Checks"]


def run(bench: Bench) -> Iterator[Row]:
    """Rows for stat, open and create: SELinux beside capability only, then more modules and hooks beside these two."""
    server = security_server()
    plain = framework(server)
    for op, steps in operations(Mediator(plain, Subject(0, 0))).items():
        calls = _calls(plain, steps)
        fired, others = list(calls), [hook for hook in _CHECKS if hook not in calls]
        extra = {f"{n} more": [fired] * n for n in EXTRA}
        extra |= {f"{len(others)} hooks not called": [others], "1 hook more": [fired[:1]], "all hooks": [_CHECKS]}
        frameworks = {"capability only": Framework([Capability(frozenset())]), "SELinux": plain}
        frameworks |= {name: framework(server, *hooks) for name, hooks in extra.items()}
        taken = measure.turns({name: _mediating(f, steps) for name, f in frameworks.items()}, bench.effort)
        note = f"{calls.total()} hooks called"
        yield row(f"{op}, SELinux", "SELinux", taken, beside=("capability only",), note=note)
        for name in extra:
            yield row(f"{op}, {name}", name, taken, beside=("SELinux",))


def security_server() -> SecurityServer:
    """A server with the benchmarks' policy."""
    return SecurityServer(Rules.parse(Policy.own(POLICY).cil))


def framework(server: SecurityServer, *extra: Collection[str]) -> Framework:
    """Capability and SELinux, and for each of `extra` a module that answers those hooks."""
    more = [_module(f"extra{n}", hooks) for n, hooks in enumerate(extra)]
    return Framework([Capability(frozenset()), Selinux(server), *more])


def _module(name: str, hooks: Collection[str]) -> Hooks:
    """A module that is asked at `hooks` and allows it."""
    module: Hooks = type("Extra", (Hooks,), {"name": name, **{hook: _allowing(hook) for hook in hooks}})()
    return module


def _allowing(hook: str) -> Callable[..., Checks]:
    def answer(self: Hooks, subject: Subject, *args: object) -> Checks:
        about = next((each for each in args if isinstance(each, Obj)), None)
        yield Decision("", self.name, (hook,), (), "", "", about.tclass if about else "process", True)

    return answer


def operations(mediator: Mediator) -> dict[str, Steps]:
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


def _calls(framework: Framework, steps: Steps) -> Counter[str]:
    """How often each check hook is called by the steps."""
    asked: Counter[str] = Counter()
    for mediator in mediated(framework, steps):
        asked.update({hook: n for (hook, _, _), n in mediator.fired.items() if hook in _CHECKS})
    return asked


def mediated(framework: Framework, steps: Steps) -> list[Mediator]:
    """What was asked in each step."""
    subject = Subject(1000, 1000, labels={"selinux": profile.of(POLICY).user})
    mediators = [Mediator(framework, subject) for _ in steps]
    for mediator, (op, objects) in zip(mediators, steps, strict=True):
        vfs.run(op, mediator, **objects)
    return mediators


def _mediating(framework: Framework, steps: Steps) -> measure.Run:
    def run(count: int) -> float:
        begin = time.perf_counter()
        for _ in range(count):
            mediated(framework, steps)
        return time.perf_counter() - begin

    return run
