"""Open files and access(2) in the SELinux module: commands, silence, raw labels."""

import pytest

from lsm.framework import Framework, Mediator
from lsm.hooks import MAY_ACCESS, MAY_READ, MAY_WRITE, Opened
from lsm.modules.capability import ALL, Capability
from lsm.modules.selinux.module import Selinux
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer
from lsm.objects import Caps, Denied, Obj, Subject

TEXT = """(handleunknown deny)
(mls false)
(class file (read write execute lock map execmod ioctl getattr setattr audit_access
  watch watch_mount watch_sb watch_with_perm watch_reads))
(class filesystem (watch))
(class fd (use))
(class capability2 (mac_admin))
(classorder (file filesystem fd capability2))
(sid kernel)
(sid file)
(sid unlabeled)
(sidorder (kernel file unlabeled))
(user u)
(role r)
(role object_r)
(userrole u r)
(userrole u object_r)
(type t)
(type o)
(type quiet)
(roletype r t)
(roletype object_r t)
(roletype object_r o)
(roletype object_r quiet)
(sidcontext kernel (u r t))
(sidcontext file (u object_r o))
(sidcontext unlabeled (u object_r quiet))
(allow t o (file (read ioctl getattr setattr)))
(allow t t (capability2 (mac_admin)))
(dontaudit t quiet (file (audit_access)))
(allowx t o (ioctl file ((range 0x6600 0x66ff))))
"""


@pytest.fixture
def mediator() -> Mediator:
    """A task of t with no capability."""
    framework = Framework([Capability(), Selinux(SecurityServer(Policy.parse(TEXT)))])
    return Mediator(framework, Subject(1000, 1000, labels={"selinux": "u:r:t"}))


def thing(kind: str) -> Obj:
    return Obj("object", "file", {"selinux": f"u:object_r:{kind}"}, mode=0o100666)


@pytest.mark.parametrize(
    ("kind", "mask", "audited"),
    [("quiet", MAY_WRITE | MAY_ACCESS, False), ("quiet", MAY_WRITE, True), ("o", MAY_WRITE | MAY_ACCESS, True)],
)
def test_what_access_is_denied_is_told_unless_the_policy_hushes_it(mediator, kind, mask, audited) -> None:
    """dontaudit of audit_access silences denials of access(2) alone (selinux_inode_permission)."""
    with pytest.raises(Denied) as denied:
        mediator.check("inode_permission", thing(kind), mask)

    assert (denied.value.decision.audited, denied.value.decision.denied) == (audited, ("write",))
    mediator.check("inode_permission", thing("o"), MAY_READ | MAY_ACCESS)


@pytest.mark.parametrize(
    ("cmd", "asked", "allowed"),
    [
        (0x80086601, ("getattr",), True), (0x40086602, ("setattr",), True), (0x5421, (), True),
        (0x00006605, ("ioctl",), True), (0x80016605, ("ioctl",), True), (0x801C581F, ("ioctl",), False),
    ],
)  # fmt: skip
def test_a_command_is_allowed_by_its_number(mediator, cmd, asked, allowed) -> None:
    """allowx narrows {ioctl} to the low 16 bits of the command that it names."""
    if allowed:
        mediator.check("file_ioctl", thing("o"), cmd)
    else:
        with pytest.raises(Denied) as denied:
            mediator.check("file_ioctl", thing("o"), cmd)
        assert denied.value.decision.audited

    assert [d.requested for d in mediator.decisions] == ([asked] if asked else [])
    assert [d.ioctlcmd for d in mediator.decisions] == [cmd & 0xFFFF if d == ("ioctl",) else None for d in [asked] if d]


@pytest.mark.parametrize(("caps", "shown"), [(0, b"u:object_r:quiet"), (ALL, b"u:object_r:tomorrow")])
def test_an_unknown_label_is_shown_as_it_is_to_mac_admin_only(mediator, caps, shown) -> None:
    """Others see what it counts as; nothing of the question is recorded (selinux_inode_getsecurity)."""
    module = mediator.framework.module("selinux")
    subject = Subject(0, 0, caps=Caps(caps, caps), labels={"selinux": "u:r:t"})

    value = module.inode_getsecurity(subject, thing("o"), "security.selinux", b"u:object_r:tomorrow")

    assert value == shown
    assert mediator.decisions == []


@pytest.mark.parametrize(
    ("mask", "mark", "asked"),
    [
        (0x02, 0, ["file watch"]),
        (0x10, 0, ["file watch watch_reads"]),
        (0x40000, 0, ["file watch watch_with_perm"]),
        (0x20000, 0x10, ["file watch_mount watch_with_perm watch_reads"]),
        (0x02, 0x100, ["filesystem watch", "file watch_sb"]),
    ],
)
def test_a_watch_is_asked_by_its_mark_and_its_events(mediator, mask, mark, asked) -> None:
    """The object, its mount or its filesystem; what waits for an answer, and what tells of reading (path_notify)."""
    module = mediator.framework.module("selinux")
    fs = Obj("fs", "filesystem", {"selinux": "u:object_r:o"})

    found = list(module.path_notify(mediator.subject, thing("o"), mask, mark, fs))

    assert [" ".join([decision.tclass, *decision.requested]) for decision in found] == asked


HELD = {
    "file_permission": ((MAY_READ, Opened(0, 0)), ["fd use", "file read"]),
    "file_lock": ((0,), ["fd use", "file lock"]),
    "file_fcntl": ((8, False), ["fd use"]),
    "file_ioctl": ((0x5421,), ["fd use"]),
    "mmap_file": ((1, True), ["file map", "fd use", "file read"]),
    "file_mprotect": ((5, False, True), ["fd use", "file execmod", "fd use", "file read execute"]),
}


@pytest.mark.parametrize("hook", HELD)
def test_what_another_context_opened_has_to_be_usable_first(mediator, hook) -> None:
    """fd {use} comes before what is asked of the file; whoever opened it himself is not asked (file_has_perm)."""
    args, asked = HELD[hook]
    module, own = mediator.framework.module("selinux"), thing("o")
    foreign = own._replace(opener={"selinux": "u:object_r:quiet"})

    found = list(getattr(module, hook)(mediator.subject, foreign, *args))
    mine = list(getattr(module, hook)(mediator.subject, own._replace(opener={"selinux": "u:r:t"}), *args))

    assert [" ".join([decision.tclass, *decision.requested]) for decision in found] == asked
    assert {d.role for d in found if d.tclass == "fd"} == {"opener"}
    assert {d.tcontext for d in found if d.tclass == "fd"} == {"u:object_r:quiet"}
    assert "fd" not in {decision.tclass for decision in mine}


@pytest.mark.parametrize("cmd", [15, 16, 1024, 1025])
def test_some_commands_do_not_even_ask_for_the_descriptor(mediator, cmd) -> None:
    """F_SETOWN_EX, F_GETOWN_EX and leases are unknown to selinux_file_fcntl."""
    foreign = thing("o")._replace(opener={"selinux": "u:object_r:quiet"})

    assert list(mediator.framework.module("selinux").file_fcntl(mediator.subject, foreign, cmd, False)) == []


def test_an_opener_without_a_label_is_not_taken_for_oneself(mediator) -> None:
    """It fails closed: what has no label counts as the initial SID `file`."""
    foreign = thing("o")._replace(opener={})

    (first, *_) = mediator.framework.module("selinux").file_lock(mediator.subject, foreign, 0)

    assert (first.tclass, first.tcontext, first.allowed) == ("fd", "u:object_r:o", False)
