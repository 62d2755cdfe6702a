"""audit: each decision that is to be audited has its AVC line, in the kernel's own form, and no other decision has one.

Rules: security/selinux/include/avc.h (avc_audit_required: auditdeny for denials, auditallow for grants),
security/selinux/avc.c (avc_xperms_audit_required, avc_audit_pre_callback, avc_audit_post_callback: the line),
security/lsm_audit.c (dump_common_audit_data: what it is about).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.checkers.verdict import Checker, Verdict
from harness.model.fs import Event
from harness.model.world import World, is_by_command, is_query

# Two blanks after `avc:`, after the result and before pid; text is quoted, or upper-case hex where it is untrusted.
_TEXT = r'(?:"[\x21\x23-\x7e]*"|[0-9A-F]+|\(null\))'
_LINE = re.compile(
    r"(?:node=\S+ )?type=AVC msg=audit\(\d+\.\d{3}:\d+\): avc:  (?P<result>denied|granted) "
    r" \{ (?P<perms>[a-z_]+(?: [a-z_]+)*) \} for  pid=\d+ comm=TEXT"
    r"(?: capability=\d+ ?)?(?: path=TEXT)?(?: name=TEXT)?(?: dev=TEXT)?(?: ino=\d+)?"
    r"(?: ioctlcmd=(?P<ioctlcmd>0x[0-9a-f]{1,4}))?"
    r" scontext=(?P<scontext>\S+) tcontext=(?P<tcontext>\S+) tclass=(?P<tclass>\w+)"
    r"(?: permissive=(?P<permissive>[01]))?\Z".replace("TEXT", _TEXT)
)


@dataclass(frozen=True, slots=True)
class Line:
    """What an AVC line says."""

    granted: bool
    perms: frozenset[str]
    scontext: str
    tcontext: str
    tclass: str
    permissive: bool | None
    ioctlcmd: str | None = None

    def __str__(self) -> str:
        result = "granted" if self.granted else "denied"
        words = f"avc:  {result}  {{ {' '.join(sorted(self.perms))} }}"
        command = f" ioctlcmd={self.ioctlcmd}" if self.ioctlcmd else ""
        return f"{words}{command} scontext={self.scontext} tcontext={self.tcontext} tclass={self.tclass}"


class Audit(Checker):
    """Findings: audit-missing, audit-unexpected (the decision's own flag), line-grammar, line-missing, line-extra.

    The lines come by `feed_audit`; without them the verdict is unknown. They are matched by what they say, since no
    line names its decision.
    """

    name = "audit"
    needs = frozenset({"avc", "policy"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._wanted: dict[Line, list[Event]] = defaultdict(list)
        self._fed = False

    def feed(self, event: Event) -> None:
        if event["e"] != "avc" or not is_query(event):
            return
        perms = self._perms(event)
        if perms is None:
            self.unknown(f"the policy that {event['n']} decided on, or the command of its ioctl, is not in the run")
            return
        self.judged += 1
        audited = bool(event.get("audited"))
        asked = f"{event['scontext']} {event['tclass']} {{ {' '.join(event['requested'])} }} {event['tcontext']}"
        # The kernel asks for capabilities without a record where a denial only chooses another way.
        quiet = event["tclass"].startswith("capability") and not audited
        if bool(perms) != audited and not quiet:
            kind, what = ("audit-missing", "left out of") if perms else ("audit-unexpected", "put into")
            because = f"{event['n']} {what} the audit log what the policy says otherwise of: {asked}"
            self.find(kind, because, event, expected=bool(perms), actual=audited)
        if audited:
            said = perms or frozenset(event.get("denied") or event["requested"])
            self._wanted[_line_of(event, said, self.world.command(event))].append(event)

    def feed_audit(self, lines: Iterable[str]) -> None:
        """Takes all lines of the run's audit.log, after its last event. Records of other types are left alone."""
        self._fed, found = True, Counter[Line]()
        for line in lines:
            if "type=AVC " not in line and "avc:" not in line:
                continue
            match = _LINE.match(line.rstrip("\n"))
            if match is None or (match["result"] == "denied") != (match["permissive"] is not None):
                self.find("line-grammar", f"not an AVC line in the kernel's form: {line.strip()!r}")
            else:
                found[_parsed(match)] += 1
        self._compare(found)

    def verdict(self) -> Verdict:
        if not self._fed:
            self.unknown("the run has no audit.log")
        return super().verdict()

    def _compare(self, found: Counter[Line]) -> None:
        for line, events in self._wanted.items():
            lacking = len(events) - found[line]
            if lacking > 0:
                because = f"{lacking} audited decisions of {events[0]['n']} have no line in the audit log: {line}"
                self.find("line-missing", because, *events[-lacking:], expected=line, actual="none")
        for line, count in found.items():
            known = len(self._wanted.get(line, ()))
            if count > known:
                because = f"the audit log has a line that no decision accounts for: {line}"
                self.find("line-extra", because, expected=f"x {known}", actual=f"x {count}")

    def _perms(self, event: Event) -> frozenset[str] | None:
        """The permissions that the line of a decision has to name; empty: no line; None: that cannot be told."""
        mode = self.world.mode(event["n"], event.get("seqno"))
        policy = self.world.policies.policy(mode.digest) if mode else None
        command = self.world.command(event)
        if mode is None or policy is None or (command is None and is_by_command(event)):
            return None
        answer = policy.access(event["scontext"], event["tcontext"], event["tclass"], event["requested"], mode, command)
        denied = frozenset(event.get("denied") or ())
        if denied and self._only_asked(event):
            contexts = event["scontext"], event["tcontext"], event["tclass"]
            if policy.hushes(*contexts, "audit_access", mode):
                return frozenset()
        return denied - answer.hushed if denied else answer.told

    def _only_asked(self, event: Event) -> bool:
        """Whether access(2) asked, whose denials dontaudit of `audit_access` silences (selinux_inode_permission)."""
        rpc = self.world.rpc(event)
        op = self.world.op_of(event)
        asked = rpc is not None and rpc.recv["method"] == "Mds/Access" and event.get("role") == "object"
        return asked and op is not None and op.invoke["f"] == "access"


def _line_of(event: Event, perms: frozenset[str], command: int | None) -> Line:
    """An ioctl that was decided by `ioctl` names its command, as a short (LSM_AUDIT_DATA_IOCTL_OP)."""
    denied = bool(event.get("denied"))
    permissive = bool(event["allowed"]) if denied else None
    told = None if command is None else f"{command & 0xFFFF:#x}"
    return Line(not denied, perms, event["scontext"], event["tcontext"], event["tclass"], permissive, told)


def _parsed(found: re.Match[str]) -> Line:
    permissive = None if found["permissive"] is None else found["permissive"] == "1"
    perms = frozenset(found["perms"].split())
    ends = found["scontext"], found["tcontext"], found["tclass"]
    return Line(found["result"] == "granted", perms, *ends, permissive, found["ioctlcmd"])
