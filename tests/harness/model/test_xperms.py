"""Extended permissions, from the text that libsepol writes of a compiled policy."""

import pytest

import sepol
from harness.model.policy import Mode, Policy
from harness.model.xperms import Commands, Ruling

RULES = """
(type a_t) (type b_t) (type c_t) (type d_t)
(typeattribute app) (typeattributeset app (a_t b_t)) (typeattribute data) (typeattributeset data (c_t d_t))
(allow a_t c_t (file (ioctl))) (auditallow a_t c_t (file (ioctl))) (allow a_t d_t (file (ioctl)))
(allowx app c_t (ioctl file (0x581f (range 0x6600 0x67ff))))
(allowx app data (ioctl file ((range 0x1210 0x1213) 0x12a0)))
(allowx a_t self (ioctl file (0x5401)))
(auditallowx a_t c_t (ioctl file (0x6601)))
(dontauditx a_t c_t (ioctl file (0x1234)))
(dontauditx b_t c_t (ioctl dir (0x1234)))
"""
A, C, D = "u:r:a_t:s0", "u:object_r:c_t:s0", "u:object_r:d_t:s0"


@pytest.fixture(scope="module")
def policy(model_cil):
    """The model's policy, and these rules."""
    text = model_cil.replace("(class file (", "(class file (ioctl ").replace("(class dir (", "(class dir (ioctl ")
    found = Policy(sepol.compile_cil({"model.cil": text + RULES}))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("source", "target", "command", "allowed"),
    [
        ("a_t", "c_t", 0x581F, True),
        ("b_t", "c_t", 0x581F, True),
        ("a_t", "d_t", 0x581F, False),
        ("a_t", "c_t", 0x581E, False),
        ("a_t", "c_t", 0x65FF, False),
        ("a_t", "c_t", 0x6600, True),
        ("a_t", "c_t", 0x67FF, True),
        ("a_t", "c_t", 0x6800, False),
        ("b_t", "d_t", 0x1213, True),
        ("b_t", "d_t", 0x1214, False),
        ("a_t", "c_t", 0x8012581F, True),
        ("a_t", "a_t", 0x5401, True),
        ("a_t", "a_t", 0x5402, False),
    ],
)
def test_only_named_commands_are_allowed(policy, source, target, command, allowed):
    """Single commands, spans of them and whole drivers, of types, attributes and self; the low 16 bits count."""
    assert policy._commands.ruling(source, target, "file", command, {}).allowed is allowed


@pytest.mark.parametrize(
    ("source", "target", "tclass"),
    [("c_t", "a_t", "file"), ("a_t", "c_t", "dir"), ("b_t", "b_t", "file"), ("b_t", "a_t", "file")],
)
def test_pair_that_no_rule_speaks_of_is_not_narrowed(policy, source, target, tclass):
    """Another direction, class or type: `ioctl` alone counts."""
    assert policy._commands.ruling(source, target, tclass, 0x581F, {}) is None


def test_a_rule_on_silence_narrows_too(policy):
    """Any rule of a pair makes it one that names commands (services_compute_xperms_drivers)."""
    assert policy._commands.ruling("b_t", "c_t", "dir", 0x1235, {}) == Ruling(False, False, False)
    assert policy._commands.ruling("b_t", "c_t", "dir", 0x1234, {}) == Ruling(False, False, True)


@pytest.mark.parametrize(
    ("target", "command", "denied", "line"),
    [
        (C, 0x581F, set(), set()),
        (C, 0x6601, set(), {"ioctl"}),
        (C, 0x1235, {"ioctl"}, {"ioctl"}),
        (C, 0x1234, {"ioctl"}, set()),
        (D, 0x1210, set(), set()),
        (D, 0x581F, {"ioctl"}, {"ioctl"}),
        (A, 0x5401, {"ioctl"}, {"ioctl"}),
    ],
)
def test_decision_and_its_line_go_by_the_command(policy, target, command, denied, line):
    """A command left out is denied; hushed or told where a rule of its own says so; `ioctl` itself is needed still."""
    access = policy.access(A, target, "file", ["ioctl"], Mode("d", True, policy.booleans()), command)

    assert (access.denied, access.line, access.allowed) == (denied, line, not denied)


def test_rules_under_a_boolean_count_while_it_is_set():
    """Policies from version 34 on may have them in either branch."""
    branches = [
        f"    ({value}\n        (allowx a b (ioctl file (0x{n}))))\n" for n, value in enumerate(("true", "false"), 1)
    ]
    commands = Commands(f"(booleanif (not on)\n{''.join(branches)})\n")

    assert [commands.ruling("a", "b", "file", n, {"on": False}).allowed for n in (1, 2)] == [True, False]
    assert [commands.ruling("a", "b", "file", n, {"on": True}).allowed for n in (1, 2)] == [False, True]


def test_netlink_messages_are_no_commands():
    """A rule on messages lets no ioctl pass."""
    commands = Commands("(allowx a b (nlmsg netlink_route_socket (0x10)))\n")

    assert commands.ruling("a", "b", "netlink_route_socket", 0x10, {}) == Ruling(False, False, False)
