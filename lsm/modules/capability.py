"""The capability module: what security/commoncap.c overrides, and no more."""

from __future__ import annotations

import errno

from lsm.hooks import Checks, Hooks
from lsm.objects import Decision, Obj, Subject

# include/uapi/linux/capability.h, in bit order.
NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip
NUMBER = {name: number for number, name in enumerate(NAMES)}
ALL = (1 << len(NAMES)) - 1


class Capability(Hooks):
    """capable() from the effective set; security.* xattrs need CAP_SYS_ADMIN unless a module guards them itself.

    `guarded` are those xattrs: the enabled modules' own (their inode_xattr_skipcap).
    """

    name = "capability"

    def __init__(self, guarded: frozenset[str] = frozenset()) -> None:
        self._guarded = guarded

    def capable(self, subject: Subject, cap: int) -> Checks:
        yield _capable(subject, cap)

    def inode_setxattr(self, subject: Subject, obj: Obj, name: str, value: bytes, fs: Obj) -> Checks:
        return self._security_xattr(subject, name)

    def inode_removexattr(self, subject: Subject, obj: Obj, name: str) -> Checks:
        return self._security_xattr(subject, name)

    def _security_xattr(self, subject: Subject, name: str) -> Checks:
        """cap_inode_setxattr and cap_inode_removexattr: only the security namespace."""
        if name not in self._guarded and (cap := xattr_capability(name)):
            yield _capable(subject, NUMBER[cap])


def xattr_capability(name: str) -> str | None:
    """The capability that setting or removing a security.* xattr needs; None for other namespaces."""
    if not name.startswith("security."):
        return None
    return "setfcap" if name == "security.capability" else "sys_admin"


def has(subject: Subject, cap: str) -> bool:
    """Whether the effective set holds `cap`; a module that decides on it asks its own policy besides."""
    return bool(subject.caps.effective >> NUMBER[cap] & 1)


def _capable(subject: Subject, cap: int) -> Decision:
    name = NAMES[cap]
    allowed = has(subject, name)
    who = f"uid={subject.uid} caps={subject.caps.effective:#x}"
    missing = () if allowed else (name,)
    reason = "" if allowed else "capability"
    tclass = "capability" if cap < 32 else "capability2"
    return Decision("capable", "capability", (name,), missing, who, who, tclass, allowed, reason, errno=errno.EPERM)
