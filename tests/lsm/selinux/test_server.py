from collections.abc import Callable

import pytest

from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.policy import Policy
from lsm.modules.selinux.server import SecurityServer

MakePolicy = Callable[..., Policy]
MakeServer = Callable[..., SecurityServer]

USER = "alice:user_r:user_t:s0"
CHILD = "alice:user_r:child_t:s0"
HOME = "alice:object_r:home_t:s0"


def allowed(server: SecurityServer, tclass: str = "file", source: str = USER, target: str = HOME) -> tuple[str, ...]:
    decision = server.compute_av(server.context_to_sid(source), server.context_to_sid(target), tclass)
    return server.policy.names(tclass, decision.allowed)


def test_rules_of_types_and_attributes_add_up(make_server: MakeServer) -> None:
    """Allow rules of the types and of all their attributes are joined, in three vectors."""
    server = make_server(
        "(allow user_t home_t (file (read)))",
        "(allow domain data (file (write)))",
        "(auditallow user_t data (file (write)))",
        "(dontaudit domain home_t (file (execute)))",
    )

    decision = server.compute_av(server.context_to_sid(USER), server.context_to_sid(HOME), "file")

    mask = server.policy.mask
    assert decision.allowed == mask("file", ["read", "write"])
    assert decision.auditallow == mask("file", ["write"])
    assert decision.auditdeny == 0xFFFFFFFF & ~mask("file", ["execute"])
    assert (decision.seqno, decision.permissive) == (1, False)


def test_self_is_the_same_type(make_server: MakeServer) -> None:
    """A rule on self is for the source's own type."""
    server = make_server("(allow user_t self (process (fork)))")

    assert allowed(server, "process", USER, USER) == ("fork",)
    assert allowed(server, "process", USER, CHILD) == ()


def test_a_permissive_type_is_flagged(make_server: MakeServer) -> None:
    """The decision of a permissive source says so, and denies all the same."""
    server = make_server("(typepermissive user_t)")

    decision = server.compute_av(server.context_to_sid(USER), server.context_to_sid(HOME), "file")

    assert decision.permissive
    assert decision.allowed == 0


def test_neveraudit(make_server: MakeServer) -> None:
    """A neveraudit type is never audited, and with permissive it may do everything."""
    silent = make_server("(typeneveraudit user_t)")
    free = make_server("(typeneveraudit user_t)", "(typepermissive user_t)")

    decision = silent.compute_av(silent.context_to_sid(USER), silent.context_to_sid(HOME), "file")

    assert (decision.allowed, decision.auditdeny) == (0, 0)
    assert "read" in allowed(free)


def test_a_constraint_takes_bits_away(make_server: MakeServer) -> None:
    """A false constraint takes its own permissions away, and the reason says which kind it was."""
    server = make_server(
        "(allow user_t home_t (file (read write create)))",
        "(mlsconstrain (file (read)) (dom l1 l2))",
        "(constrain (file (write)) (eq u1 u2))",
    )
    target = "system_u:object_r:home_t:s1"
    ssid, tsid = server.context_to_sid(USER), server.context_to_sid(target)

    assert allowed(server, target=target) == ("create",)
    mask = server.policy.mask
    assert server.reason(ssid, tsid, "file", mask("file", ["read"])) == "mls"
    assert server.reason(ssid, tsid, "file", mask("file", ["write"])) == "constraint"
    assert server.reason(ssid, tsid, "file", mask("file", ["execute"])) == "te"


def test_a_role_change_needs_a_role_rule(make_server: MakeServer) -> None:
    """A transition to another role needs `allow role role`."""
    rule = "(allow user_t child_t (process (transition fork)))"
    target = "alice:admin_r:child_t:s0"
    without, with_rule = make_server(rule), make_server(rule, "(roleallow user_r admin_r)")
    ssid, tsid = without.context_to_sid(USER), without.context_to_sid(target)

    assert allowed(without, "process", target=target) == ("fork",)
    assert without.reason(ssid, tsid, "process", without.policy.mask("process", ["transition"])) == "rbac"
    assert allowed(with_rule, "process", target=target) == ("fork", "transition")


def test_a_bounded_type_has_at_most_its_parents_permissions(make_server: MakeServer) -> None:
    """What the bounding type may not do is taken from the bounded one."""
    server = make_server(
        "(typebounds user_t child_t)",
        "(allow user_t home_t (file (read)))",
        "(allow child_t home_t (file (read write)))",
    )
    ssid, tsid = server.context_to_sid(CHILD), server.context_to_sid(HOME)

    assert allowed(server, source=CHILD) == ("read",)
    assert server.reason(ssid, tsid, "file", server.policy.mask("file", ["write"])) == "bounds"


def test_bounds_compare_with_the_targets_parent(make_server: MakeServer) -> None:
    """Where the target is bounded too, the parents' rule with one another is what counts."""
    server = make_server(
        "(typebounds user_t child_t)",
        "(allow user_t user_t (process (fork)))",
        "(allow child_t child_t (process (fork transition)))",
    )

    assert allowed(server, "process", CHILD, CHILD) == ("fork",)


def test_the_first_constraint_is_the_reason(make_server: MakeServer) -> None:
    """A permission that two constraints forbid is taken by the first in the policy."""
    server = make_server(
        "(allow user_t home_t (file (read)))",
        "(constrain (file (read)) (eq u1 u2))",
        "(mlsconstrain (file (read)) (dom l1 l2))",
    )
    ssid, tsid = server.context_to_sid(USER), server.context_to_sid("system_u:object_r:home_t:s1")

    assert server.reason(ssid, tsid, "file", server.policy.mask("file", ["read"])) == "constraint"


def test_mls_comes_and_goes(make_policy: MakePolicy) -> None:
    """Ranges are dropped under a policy without MLS; those of `unlabeled` are taken where MLS comes."""
    plain = Policy.parse(
        "(mls false) (type unlabeled_t) (type home_t) (role object_r) (user system_u) (user alice)"
        "(sidcontext unlabeled (system_u object_r unlabeled_t (systemlow systemlow)))"
    )
    server = SecurityServer(make_policy())
    sid = server.context_to_sid("alice:object_r:home_t:s1:c0")

    server.load(plain)
    without = server.sid_to_context(sid)
    server.load(make_policy())

    assert without == "alice:object_r:home_t"
    assert server.sid_to_context(sid) == "alice:object_r:home_t:s0"


def test_bounded_transition(make_server: MakeServer) -> None:
    """A thread may change to a type below its own in the chain of bounds, and to no other."""
    server = make_server("(typebounds user_t child_t)", "(typebounds child_t tmp_t)")
    user, child, home, tmp = (
        server.context_to_sid(f"alice:object_r:{name}_t:s0") for name in ("user", "child", "home", "tmp")
    )

    assert server.bounded_transition(user, child)
    assert server.bounded_transition(user, tmp)
    assert server.bounded_transition(home, home)
    assert not server.bounded_transition(child, user)
    assert not server.bounded_transition(user, home)


def test_validatetrans(make_server: MakeServer) -> None:
    """A relabel needs every validatetrans rule of the class; a class that is not defined is refused."""
    server = make_server("(mlsvalidatetrans file (or (eq l1 l2) (eq t3 kernel_t)))", "(validatetrans file (eq u1 u2))")
    old, new = server.context_to_sid(HOME), server.context_to_sid("alice:object_r:home_t:s1")
    other = server.context_to_sid("system_u:object_r:home_t:s0")
    user, kernel = server.context_to_sid(USER), server.initial_sid("kernel")

    assert server.validatetrans(old, new, kernel, "file")
    assert not server.validatetrans(old, new, user, "file")
    assert not server.validatetrans(old, other, kernel, "file")
    assert server.validatetrans(old, other, user, "dir")
    assert not server.validatetrans(old, old, kernel, "nothing")


def test_booleans(make_server: MakeServer) -> None:
    """Setting a boolean swaps the arms of its blocks and raises seqno."""
    server = make_server(
        "(boolean on false)",
        "(booleanif on (true (allow user_t home_t (file (read)))) (false (allow user_t home_t (file (write)))))",
    )

    before = allowed(server)
    server.set_booleans({"on": True})

    assert before == ("write",)
    assert allowed(server) == ("read",)
    assert (server.booleans, server.seqno) == ({"on": True}, 2)


def test_booleans_are_set_all_or_none(make_server: MakeServer) -> None:
    """An unknown boolean is a KeyError, and nothing changes."""
    server = make_server("(boolean on false)")

    with pytest.raises(KeyError, match="off"):
        server.set_booleans({"on": True, "off": True})
    assert (server.booleans, server.seqno) == ({"on": False}, 1)


def test_spellings_share_a_sid(make_server: MakeServer) -> None:
    """Two spellings of one context, and an initial SID's own context, are one SID."""
    server = make_server()

    sid = server.context_to_sid("alice:object_r:home_t:s0:c3,c1,c2")

    assert server.context_to_sid("alice:object_r:home_t:s0:c1.c3") == sid
    assert server.sid_to_context(sid) == "alice:object_r:home_t:s0:c1.c3"
    assert server.context_to_sid("system_u:system_r:kernel_t:s0-s1:c0.c2") == server.initial_sid("kernel")


def test_initial_sids_of_one_context_stay_two(make_server: MakeServer) -> None:
    """Initial SIDs are told apart by name, also where their contexts are equal; numbers follow the order."""
    server = make_server()

    assert [server.initial_sid(name) for name in ("kernel", "unlabeled", "file")] == [1, 2, 3]
    with pytest.raises(KeyError):
        server.initial_sid("devnull")


@pytest.mark.parametrize("sid", [0, -1, 99])
def test_an_unknown_sid_is_unlabeled(make_server: MakeServer, sid: int) -> None:
    """A SID that was never given out behaves as unlabeled."""
    server = make_server()

    assert server.sid_to_context(sid) == "system_u:object_r:unlabeled_t:s0"
    assert server.sid_to_context(sid, force=True) == "system_u:object_r:unlabeled_t:s0"


def test_a_deferred_label_behaves_as_unlabeled(make_server: MakeServer) -> None:
    """An invalid label from an xattr keeps its text and behaves as unlabeled."""
    server = make_server("(allow user_t unlabeled_t (file (read)))")
    text = "alice:object_r:gone_t:s0"

    sid = server.context_to_sid(text, defer=True)

    assert server.sid_to_context(sid) == "system_u:object_r:unlabeled_t:s0"
    assert server.sid_to_context(sid, force=True) == text
    decision = server.compute_av(server.context_to_sid(USER), sid, "file")
    assert server.policy.names("file", decision.allowed) == ("read",)
    assert server.context_to_sid(text, defer=True) == sid
    with pytest.raises(ContextError):
        server.context_to_sid(text)


def test_any_text_can_be_deferred_that_a_call_has_room_for(make_server: MakeServer) -> None:
    """A newline and control characters are kept as they are; 4096 bytes are refused."""
    server = make_server()
    sid = server.context_to_sid("a\nb\1", defer=True)

    assert (server.sid_to_context(sid, force=True), ":unlabeled_t" in server.sid_to_context(sid)) == ("a\nb\1", True)
    with pytest.raises(ContextError):
        server.context_to_sid("x" * 4096, defer=True)


def test_sids_survive_a_policy_that_does_not_know_them(make_policy: MakePolicy) -> None:
    """A context that a new policy lacks is unlabeled meanwhile and real again afterwards, under the same SID."""
    old = make_policy("(allow user_t home_t (file (read)))")
    lacking = Policy.parse(
        "(mls true) (class file (read)) (sensitivityorder (s0)) (sensitivitycategory s0 ())"
        "(type unlabeled_t) (role object_r) (user system_u)"
        "(sidcontext unlabeled (system_u object_r unlabeled_t ((s0) (s0))))"
    )
    server = SecurityServer(old)
    sid = server.context_to_sid(HOME)

    server.load(lacking)

    assert server.sid_to_context(sid) == "system_u:object_r:unlabeled_t:s0"
    assert server.sid_to_context(sid, force=True) == HOME
    assert server.context_to_sid(HOME, defer=True) == sid
    with pytest.raises(ContextError):
        server.context_to_sid(HOME)
    server.load(old)
    assert server.sid_to_context(sid) == HOME
    assert server.context_to_sid(HOME) == sid
    assert allowed(server) == ("read",)
    assert server.seqno == 3


def test_a_deferred_label_becomes_real(make_policy: MakePolicy) -> None:
    """A label that a later policy defines becomes that context, under the same SID."""
    server = SecurityServer(make_policy())
    sid = server.context_to_sid("alice:object_r:late_t:s0", defer=True)

    server.load(make_policy("(type late_t)"))

    assert server.sid_to_context(sid) == "alice:object_r:late_t:s0"
    assert server.context_to_sid("alice:object_r:late_t:s0") == sid


def test_a_load_resets_booleans_and_initial_contexts(make_policy: MakePolicy) -> None:
    """A new policy comes with its own booleans and initial contexts; an initial SID keeps its number."""
    server = SecurityServer(make_policy("(boolean on false)"))
    server.set_booleans({"on": True})
    file_sid = server.initial_sid("file")

    server.load(make_policy("(boolean on false)", "(sidcontext file (system_u object_r home_t ((s0) (s0))))"))

    assert server.booleans == {"on": False}
    assert server.initial_sid("file") == file_sid
    assert server.sid_to_context(file_sid) == "system_u:object_r:home_t:s0"


def test_servers_share_a_policy_but_not_its_state(make_policy: MakePolicy) -> None:
    """Booleans and SIDs are each server's own."""
    policy = make_policy("(boolean on false)")
    one, two = SecurityServer(policy), SecurityServer(policy)

    one.set_booleans({"on": True})

    assert two.booleans == {"on": False}
    assert (one.seqno, two.seqno) == (2, 1)
