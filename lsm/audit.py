"""A decision as the kernel's own audit record, so that ausearch, audit2why and audit2allow read it.

Format of security/selinux/avc.c (avc_audit_pre_callback, avc_audit_post_callback) and security/lsm_audit.c:
two blanks after `avc:` and `for`, untrusted strings quoted, or in upper-case hex where quoting would not be safe.
"""

from __future__ import annotations

from lsm.modules.capability import NUMBER
from lsm.objects import Decision, Subject


def record(decision: Decision, subject: Subject, wall_ns: int, serial: int, node: str) -> str:
    """One line, without newline. `wall_ns` since the epoch; `serial` counts the node's records."""
    d = decision
    verdict, perms = ("denied", d.denied) if d.denied else ("granted", d.requested)
    perms = d.told or perms
    stamp = f"{wall_ns // 1_000_000_000}.{wall_ns // 1_000_000 % 1000:03d}"
    fields = [f"pid={subject.pid}", f"comm={untrusted(subject.comm)}"]
    if d.name:
        fields.append(f"name={untrusted(d.name)}")
    if d.fid is not None:
        fields.append(f"dev={untrusted(node)} ino={d.fid.oid}")
    if d.tclass in ("capability", "capability2"):
        fields.append(f"capability={NUMBER[d.requested[0]]} ")  # the kernel's own second blank
    if d.ioctlcmd is not None:
        fields.append(f"ioctlcmd={d.ioctlcmd & 0xFFFF:#x}")
    where = f"scontext={d.scontext} tcontext={d.tcontext} tclass={d.tclass}"
    mode = f" permissive={int(d.permissive)}" if d.denied else ""
    return (
        f"node={node} type=AVC msg=audit({stamp}:{serial}): avc:  {verdict}  {{ {' '.join(perms)} }} "
        f"for  {' '.join(fields)} {where}{mode}"
    )


def untrusted(text: str) -> str:
    """kernel/audit.c, audit_log_untrustedstring: quoted, or hex where it holds blanks, quotes or control bytes."""
    raw = text.encode("utf-8", "surrogateescape")
    if any(b < 0x21 or b > 0x7E or b == 0x22 for b in raw):
        return raw.hex().upper()
    return f'"{text}"'
