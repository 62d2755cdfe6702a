import errno

import pytest

from lsm.framework import Framework, Mediator
from lsm.modules.capability import ALL, NAMES, NUMBER, Capability, xattr_capability
from lsm.objects import Caps, Denied, Obj, Subject

FILE = Obj("object", "file", mode=0o100666)


def test_the_numbers_are_the_kernels() -> None:
    """include/uapi/linux/capability.h: first, last, and where capability2 begins."""
    named = {name: NUMBER[name] for name in ("chown", "fowner", "sys_admin", "setfcap", "mac_admin")}

    assert named == {"chown": 0, "fowner": 3, "sys_admin": 21, "setfcap": 31, "mac_admin": 33}
    assert (len(NAMES), NUMBER["checkpoint_restore"], ALL) == (41, 40, (1 << 41) - 1)


@pytest.mark.parametrize(("cap", "tclass"), [("setfcap", "capability"), ("mac_override", "capability2")])
def test_capable_reads_the_effective_set(cap, tclass) -> None:
    """Permitted and uid 0 do not help; a refusal is EPERM and names the capability."""
    bit = 1 << NUMBER[cap]
    m = Mediator(Framework([Capability()]), Subject(0, 0, caps=Caps(ALL & ~bit, ALL, ALL, ALL, ALL)))

    with pytest.raises(Denied) as denied:
        m.check("capable", NUMBER[cap])
    refusal = denied.value.decision

    assert Mediator(m.framework, Subject(5, 5, caps=Caps(bit))).capable(NUMBER[cap])
    assert (refusal.denied, refusal.tclass, refusal.reason, denied.value.errno) == (
        (cap,), tclass, "capability", errno.EPERM,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cap"),
    [
        ("security.other", "sys_admin"),
        ("security.selinux", "sys_admin"),
        ("security.capability", "setfcap"),
        ("security.guarded", None),
        ("user.x", None),
        ("system.posix_acl_access", None),
    ],
)
@pytest.mark.parametrize("hook", ["inode_setxattr", "inode_removexattr"])
def test_security_xattrs_that_no_module_guards(hook, name, cap) -> None:
    """An enabled module guards its own; any other security.* needs a capability (cap_inode_setxattr)."""
    framework = Framework([Capability(frozenset({"security.guarded"}))])
    arguments = (FILE, name, b"", FILE) if hook == "inode_setxattr" else (FILE, name)
    able = Subject(0, 0, caps=Caps(1 << NUMBER[cap] if cap else 0))

    Mediator(framework, able).check(hook, *arguments)

    if cap:
        with pytest.raises(Denied) as denied:
            Mediator(framework, Subject(0, 0)).check(hook, *arguments)
        assert (denied.value.errno, denied.value.decision.denied) == (errno.EPERM, (cap,))


def test_only_the_security_namespace_has_a_capability_of_its_own() -> None:
    """trusted.* is the VFS's business."""
    assert xattr_capability("trusted.x") is None
    assert xattr_capability("securityx") is None
