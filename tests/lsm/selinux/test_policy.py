from collections.abc import Callable

import pytest

from lsm.modules.selinux.policy import GenfsEntry, Policy
from lsm.modules.selinux.server import SecurityServer

MakePolicy = Callable[..., Policy]


def test_classes_have_the_commons_permissions_first(make_policy: MakePolicy) -> None:
    """A class's bits are its common's permissions, then its own; either part may be empty."""
    policy = make_policy()

    assert policy.classes["file"] == ("ioctl", "read", "write", "create", "execute", "entrypoint")
    assert policy.classes["fifo_file"] == ("ioctl", "read", "write", "create")
    assert list(policy.classes) == ["process", "file", "dir", "tcp_socket", "fifo_file", "key"]


def test_mask_and_names_are_inverse(make_policy: MakePolicy) -> None:
    """Bit i is the i-th permission, and names come back in bit order."""
    policy = make_policy()

    mask = policy.mask("file", ["execute", "read"])

    assert mask == 0b10010
    assert policy.names("file", mask) == ("read", "execute")


@pytest.mark.parametrize(("handling", "allowed"), [("allow", True), ("deny", False), ("reject", False)])
def test_unknown_permissions_follow_handle_unknown(make_policy: MakePolicy, handling: str, allowed: bool) -> None:
    """A permission or class that the policy does not define is allowed only where handle_unknown says allow."""
    policy = make_policy(f"(handleunknown {handling})")
    server = SecurityServer(policy)
    ssid = server.initial_sid("kernel")

    for tclass, perm in [("file", "watch_mountns"), ("memfd_file", "read")]:
        requested = policy.mask(tclass, [perm])
        decision = server.compute_av(ssid, ssid, tclass)
        assert (not requested & ~decision.allowed) is allowed
        assert policy.names(tclass, requested) == (perm,)


def test_unknown_permissions_do_not_take_known_bits(make_policy: MakePolicy) -> None:
    """Each unknown permission has a bit of its own above the 32 of the policy."""
    policy = make_policy()

    first, second = policy.mask("file", ["x"]), policy.mask("file", ["y"])

    assert first != second
    assert not (first | second) & 0xFFFFFFFF


def test_attributes_and_names(make_policy: MakePolicy) -> None:
    """Types, attributes, roles and users are there by name."""
    policy = make_policy("(typeattribute both)", "(typeattributeset both (or domain (and data (not (tmp_t)))))")

    assert policy.attributes["both"] == {"user_t", "child_t", "home_t"}
    assert policy.attributes_of["home_t"] == ("home_t", "data", "both")
    assert policy.roles["user_r"] == {"user_t", "child_t"}
    assert policy.users["alice"].roles == {"user_r", "admin_r", "object_r"}


def test_initial_sids_keep_the_policys_order(make_policy: MakePolicy) -> None:
    """Initial SIDs come in sidorder, with canonical contexts."""
    policy = make_policy()

    assert list(policy.initial_sids.items()) == [
        ("kernel", "system_u:system_r:kernel_t:s0-s1:c0.c2"),
        ("unlabeled", "system_u:object_r:unlabeled_t:s0"),
        ("file", "system_u:object_r:unlabeled_t:s0"),
    ]


def test_fs_use_and_genfs(make_policy: MakePolicy) -> None:
    """fs_use and genfscon are tables by filesystem type; the longest path of a fitting class wins."""
    home = "(system_u object_r home_t ((s0) (s0)))"
    tmp = "(system_u object_r tmp_t ((s0) (s0)))"
    policy = make_policy(
        f"(fsuse xattr lustre {home})",
        f'(genfscon proc "/" {home})',
        f'(genfscon proc "/a b" dir {tmp})',
        f'(genfscon proc "/a b" {home})',
    )

    assert policy.fs_use == {"lustre": ("xattr", "system_u:object_r:home_t:s0")}
    assert policy.genfs["proc"][0] == GenfsEntry("/a b", "dir", "system_u:object_r:tmp_t:s0")
    assert policy.genfs_context("proc", "//a b/c", "dir") == "system_u:object_r:tmp_t:s0"
    assert policy.genfs_context("proc", "/a b/c", "file") == "system_u:object_r:home_t:s0"
    assert policy.genfs_context("sysfs", "/", "dir") is None


def test_policy_facts(make_policy: MakePolicy) -> None:
    """Permissive types, booleans, capabilities, bounds and the digest are there as written."""
    text = ("(typepermissive user_t)", "(boolean b true)", "(policycap open_perms)", "(typebounds user_t child_t)")
    policy = make_policy(*text)

    assert policy.permissive == {"user_t"}
    assert policy.booleans == {"b": True}
    assert policy.policycaps == {"open_perms"}
    assert policy.bounds == {"child_t": "user_t"}
    assert Policy.parse("", digest="abc").digest == "abc"
