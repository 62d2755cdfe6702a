"""The mount and the filesystem, the task's own attributes, and the capabilities that overrule DAC."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

from harness.model import access
from harness.suites.scenarios.scenario import Act, Scenario, capability, opening

# FS_IMMUTABLE_FL needs the capability first; FS_SECRM_FL is kept by nobody.
_FIBMAP, _SETFLAGS, _IMMUTABLE = 1, 0x40086602, 0x10 | 0x01


def rows() -> Iterator[Scenario]:
    yield from _filesystem()
    yield from _task()
    yield from _overruling()
    yield from _guarded_ioctls()


def _filesystem() -> Iterator[Scenario]:
    yield Scenario(
        "mount", "getroot", "mount", "file", lambda t, p: t.lstat(p.object), then=(("getattr", "stat", {}),), walk=False
    )
    yield Scenario("statfs", "statfs", "statfs", "file", lambda t, p: t.statfs("/"), lays=(), walk=False)


def _task() -> Iterator[Scenario]:
    """What a task sets for itself; a context that the policy does not know needs mac_admin besides."""

    def row(name: str, attr: str, act: Act, **more: Any) -> Scenario:
        return Scenario(
            name, "setprocattr", "attr", "process", act, lays=(), params={"attr": attr}, walk=False, **more
        )  # fmt: skip

    unknown = (capability("mac_admin", "setprocattr"),)
    becoming = access.Check("setprocattr", "subject", "subject", "become", "process", frozenset({"dyntransition"}))
    yield row("setfscreate", "fscreate", lambda t, p: t.setfscreate(p.new_label))
    yield row(
        "setfscreate-unknown", "fscreate", lambda t, p: t.setfscreate(p.new_label), asks=unknown, becomes="unlabeled"
    )
    yield row("setexec", "exec", lambda t, p: t.setexec(p.context))
    making = access.Check("setprocattr", "subject", "subject", "become", "key", frozenset({"create"}))
    yield row("setkeycreate", "keycreate", lambda t, p: t.setkeycreate(p.context), asks=(making,))
    yield row("setsockcreate", "sockcreate", lambda t, p: t.setsockcreate(p.context))
    yield row("setcon", "current", lambda t, p: t.setcon(p.context), asks=(becoming,))


def _overruling() -> Iterator[Scenario]:
    """DAC refuses unless a capability overrules it, which the policy must grant too."""
    owners: dict[str, Act] = {
        "chmod": lambda t, p: t.chmod(p.object, 0o700), "utimes": lambda t, p: t.utimes(p.object, 1, 1),
    }  # fmt: skip
    for name, act in owners.items():
        yield Scenario(
            f"{name}-of-another", "setattr", "attr", "file", act, owner=False, asks=(capability("fowner"),)
        )  # fmt: skip
    yield Scenario(
        "noatime-of-another", "open", "existing", "file", opening(os.O_NOATIME), owner=False,
        asks=(capability("fowner"),),
    )  # fmt: skip
    yield Scenario(
        "write-of-another", "open", "existing", "file", opening(os.O_WRONLY), params={"access": "w"}, owner=False,
        asks=(capability("dac_override"),),
    )  # fmt: skip
    yield Scenario(
        "read-of-another", "open", "existing", "file", opening(os.O_RDONLY), owner=False, mode=0o700,
        asks=(capability("dac_read_search"),),
    )  # fmt: skip
    yield Scenario(
        "search-of-another", "access", "chdir", "dir", lambda t, p: t.chdir(p.object), owner=False, mode=0o700,
        asks=(capability("dac_read_search"),),
    )  # fmt: skip


def _guarded_ioctls() -> Iterator[Scenario]:
    """Commands that need a capability after the hook; who has it learns that this filesystem does neither."""
    yield Scenario(
        "ioctl-immutable", "ioctl", "setattr", "file", lambda t, p: t.ioctl(p.fd, _SETFLAGS, _IMMUTABLE),
        asks=(capability("linux_immutable"),), opens=os.O_RDONLY, answers=errno.EOPNOTSUPP,
    )  # fmt: skip
    yield Scenario(
        "ioctl-fibmap", "ioctl", "getattr", "file", lambda t, p: t.ioctl(p.fd, _FIBMAP),
        asks=(capability("sys_rawio"),), opens=os.O_RDONLY, answers=errno.EINVAL,
    )  # fmt: skip
