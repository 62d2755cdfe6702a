from collections.abc import Callable

import pytest

from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.server import SecurityServer

MakeServer = Callable[..., SecurityServer]

USER = "alice:user_r:user_t:s0-s1:c0"
HOME = "alice:object_r:home_t:s0"


def create(server: SecurityServer, tclass: str, name: str | None = None, source: str = USER, target: str = HOME) -> str:
    ssid, tsid = server.context_to_sid(source), server.context_to_sid(target)
    return server.sid_to_context(server.compute_create(ssid, tsid, tclass, name))


def reason(server: SecurityServer, tclass: str, name: str | None = None) -> str:
    ssid, tsid = server.context_to_sid(USER), server.context_to_sid(HOME)
    return server.transition_reason(ssid, tsid, tclass, name)


def test_a_file_takes_user_and_low_level_from_the_subject(make_server: MakeServer) -> None:
    """Without rules: the creator's user and low level, object_r, and the directory's type."""
    server = make_server()

    label = create(server, "file", target="system_u:object_r:home_t:s1:c2")

    assert label == "alice:object_r:home_t:s0"
    assert reason(server, "file") == "inherit"


@pytest.mark.parametrize("tclass", ["process", "tcp_socket"])
def test_processes_and_sockets_are_like_their_creator(make_server: MakeServer, tclass: str) -> None:
    """Processes and sockets inherit role, type and the whole range of the creator."""
    assert create(make_server(), tclass) == USER


def test_type_transition(make_server: MakeServer) -> None:
    """A type transition gives the type, for its class alone."""
    server = make_server("(typetransition user_t home_t file tmp_t)")

    assert create(server, "file") == "alice:object_r:tmp_t:s0"
    assert create(server, "dir") == "alice:object_r:home_t:s0"
    assert reason(server, "file") == "type_transition"


@pytest.mark.parametrize("written", ["a b", '"a b"'])
def test_a_name_transition_overrides_the_type(make_server: MakeServer, written: str) -> None:
    """The last component decides before the plain rule, quoted (libsepol 3.5) or not (3.4)."""
    server = make_server(
        "(typetransition user_t home_t file tmp_t)", f"(typetransition user_t home_t file {written} exec_t)"
    )

    assert create(server, "file", "a b") == "alice:object_r:exec_t:s0"
    assert create(server, "file", "a") == "alice:object_r:tmp_t:s0"
    assert create(server, "file") == "alice:object_r:tmp_t:s0"
    assert reason(server, "file", "a b") == "name_transition"


def test_a_bare_name_may_hold_parentheses(make_server: MakeServer) -> None:
    """An unquoted file name goes up to the last blank, whatever it holds."""
    server = make_server(
        "(typetransition user_t home_t file a(b tmp_t)", "(typetransition user_t home_t file x)y exec_t)"
    )

    assert create(server, "file", "a(b") == "alice:object_r:tmp_t:s0"
    assert create(server, "file", "x)y") == "alice:object_r:exec_t:s0"


def test_two_transitions_on_one_line(make_server: MakeServer) -> None:
    """Statements written by hand on one line are two rules, not one long file name."""
    server = make_server("(typetransition user_t home_t file tmp_t) (typetransition user_t home_t dir exec_t)")

    assert create(server, "file") == "alice:object_r:tmp_t:s0"
    assert create(server, "dir") == "alice:object_r:exec_t:s0"


def test_a_conditional_transition_gives_way_to_an_unconditional_one(make_server: MakeServer) -> None:
    """Conditional type rules count only where no unconditional one does, and only while enabled."""
    rules = (
        "(boolean on true)",
        "(typetransition user_t home_t dir tmp_t)",
        "(booleanif on (true (typetransition user_t home_t dir exec_t) (typetransition user_t home_t file exec_t)))",
    )
    server = make_server(*rules)

    assert create(server, "dir") == "alice:object_r:tmp_t:s0"
    assert create(server, "file") == "alice:object_r:exec_t:s0"
    server.set_booleans({"on": False})
    assert create(server, "file") == HOME


def test_role_transition(make_server: MakeServer) -> None:
    """A role transition gives the role for its class, after default_role."""
    server = make_server(
        "(typetransition user_t exec_t process child_t)", "(roletransition user_r exec_t process admin_r)"
    )

    label = create(server, "process", target="alice:object_r:exec_t:s0")

    assert label == "alice:admin_r:child_t:s0-s1:c0"


def test_range_transition_wins_over_default_range(make_server: MakeServer) -> None:
    """A range transition is taken whole, whatever default_range says."""
    server = make_server("(rangetransition user_t home_t dir ((s1) (s1 (c0))))", "(defaultrange dir target low)")

    assert create(server, "dir") == "alice:object_r:home_t:s1-s1:c0"
    assert reason(server, "dir") == "range_transition"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("(defaultuser file target)", "system_u:object_r:home_t:s0:c1"),
        ("(defaultuser file source)", "alice:object_r:home_t:s0:c1"),
        ("(defaultrole file target)", "alice:object_r:home_t:s0:c1"),
        ("(defaultrole file source)", "alice:user_r:user_t:s0:c1"),
        ("(defaulttype file source)", "alice:object_r:user_t:s0:c1"),
        ("(defaulttype process target)", "alice:object_r:home_t:s0:c1"),
        ("(defaultrange file source low)", "alice:object_r:home_t:s0:c1"),
        ("(defaultrange file source high)", "alice:object_r:home_t:s1:c0,c1"),
        ("(defaultrange file source low-high)", "alice:object_r:home_t:s0:c1-s1:c0,c1"),
        ("(defaultrange file target low)", "alice:object_r:home_t:s0:c1,c2"),
        ("(defaultrange file target high)", "alice:object_r:home_t:s1:c0.c2"),
        ("(defaultrange file target low-high)", "alice:object_r:home_t:s0:c1,c2-s1:c0.c2"),
        ("(defaultrange file glblub)", "alice:object_r:home_t:s0:c1-s1:c0,c1"),
    ],
)
def test_defaults(make_server: MakeServer, statement: str, expected: str) -> None:
    """Each default_* rule takes its part from the side and end that it names."""
    extra = ["(defaulttype file source)"] if "defaultrole file source" in statement else []
    server = make_server(statement, *extra)
    source, target = "alice:user_r:user_t:s0:c1-s1:c0,c1", "system_u:object_r:home_t:s0:c1,c2-s1:c0.c2"

    label = create(server, "file", source=source, target=target)

    assert label == expected
    assert reason(server, "file") == ("inherit" if "process" in statement else "default")


def test_glblub_without_common_sensitivity(make_server: MakeServer) -> None:
    """glblub of ranges that lie apart is an error."""
    server = make_server("(defaultrange file glblub)")

    with pytest.raises(ContextError, match="in common"):
        create(server, "file", source="alice:user_r:user_t:s0", target="alice:object_r:home_t:s1")


def test_an_invalid_result(make_server: MakeServer) -> None:
    """A computed context that is not valid is refused in enforcing mode and used in permissive."""
    server = make_server("(typetransition user_t home_t process kernel_t)")

    with pytest.raises(ContextError, match="kernel_t"):
        create(server, "process")
    server.enforcing = False
    assert create(server, "process") == "alice:user_r:kernel_t:s0-s1:c0"


def test_member_takes_the_targets_user(make_server: MakeServer) -> None:
    """A polyinstantiated member has the target's user and the source's low level."""
    server = make_server("(typemember user_t home_t dir tmp_t)", "(typetransition user_t home_t dir exec_t)")
    ssid, tsid = server.context_to_sid(USER), server.context_to_sid("system_u:object_r:home_t:s0")

    assert server.sid_to_context(server.compute_member(ssid, tsid, "dir")) == "system_u:object_r:tmp_t:s0"


def test_change_ignores_range_and_role_transitions(make_server: MakeServer) -> None:
    """A relabel follows type_change, and no range transition or default_range."""
    server = make_server(
        "(typechange user_t home_t file tmp_t)",
        "(rangetransition user_t home_t file ((s1) (s1)))",
        "(defaultrange file target high)",
        "(roletransition user_r home_t file admin_r)",
    )
    ssid, tsid = server.context_to_sid(USER), server.context_to_sid("alice:object_r:home_t:s1")

    assert server.sid_to_context(server.compute_change(ssid, tsid, "file")) == "alice:object_r:tmp_t:s0"
