from collections.abc import Callable

import pytest

from lsm.modules.selinux.server import SecurityServer
from lsm.modules.selinux.xperm import Kind, XpermDecision

MakeServer = Callable[..., SecurityServer]


def decide(server: SecurityServer, number: int, kind: Kind = "ioctl", target: str = "home_t") -> XpermDecision:
    ssid = server.context_to_sid("alice:user_r:user_t:s0")
    return server.xperm(ssid, server.context_to_sid(f"alice:object_r:{target}:s0"), "file", kind, number)


def test_without_rules_only_the_base_permission_counts(make_server: MakeServer) -> None:
    """A pair without any extended rule is left to the base permission."""
    server = make_server("(allowx user_t home_t (ioctl file (0x1234)))")

    decision = decide(server, 0x5678, target="tmp_t")

    assert decision == XpermDecision(defined=False, allowed=True, auditallow=True, dontaudit=False)


@pytest.mark.parametrize(
    ("numbers", "allowed", "denied"),
    [
        ("(0x1234)", [0x1234], [0x1235, 0x3412, 0]),
        ("((range 0x6600 0x66ff))", [0x6600, 0x66FF], [0x65FF, 0x6700]),
        ("(((range 0x1 0x2) (0x10)))", [1, 2, 0x10], [3]),
        ("(not (range 0x10 0xfff0))", [0, 0xF, 0xFFF1, 0xFFFF], [0x10, 0xFFF0]),
    ],
)
def test_numbers(make_server: MakeServer, numbers: str, allowed: list[int], denied: list[int]) -> None:
    """Numbers, ranges, nested lists and complements cover what they say."""
    server = make_server(f"(allowx user_t home_t (ioctl file {numbers}))")

    assert all(decide(server, number).allowed for number in allowed)
    assert not any(decide(server, number).allowed for number in denied)


def test_rules_of_attributes_add_up(make_server: MakeServer) -> None:
    """Rules of the type and of any attribute, on either side, count together."""
    server = make_server(
        "(allowx domain data (ioctl file (0x1)))",
        "(auditallowx user_t data (ioctl file (0x1)))",
        "(dontauditx domain home_t (ioctl file (0x2)))",
    )

    assert decide(server, 1) == XpermDecision(defined=True, allowed=True, auditallow=True, dontaudit=False)
    assert decide(server, 2) == XpermDecision(defined=True, allowed=False, auditallow=False, dontaudit=True)


def test_an_audit_rule_alone_makes_the_pair_defined(make_server: MakeServer) -> None:
    """A pair whose only extended rule is an audit rule allows no number at all, as in the kernel."""
    server = make_server("(auditallowx user_t home_t (ioctl file (0x1)))")

    assert not decide(server, 1).allowed


def test_kinds_are_apart(make_server: MakeServer) -> None:
    """A netlink message type is not an ioctl command."""
    server = make_server("(allowx user_t home_t (nlmsg file (0x1)))")

    assert decide(server, 1, "nlmsg").allowed
    assert not decide(server, 1, "ioctl").allowed


def test_number_out_of_range(make_server: MakeServer) -> None:
    """Commands are 16 bit numbers."""
    with pytest.raises(ValueError, match="16 bit"):
        decide(make_server(), 0x10000)
