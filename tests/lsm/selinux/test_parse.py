import pytest

from lsm.modules.selinux.policy import Policy


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("(allow user_t nobody_t (file (read)))", "unknown type 'nobody_t'"),
        ("(allow user_t home_t (file (fly)))", "no permission 'fly'"),
        ("(allow user_t home_t (bird (read)))", "unknown class 'bird'"),
        ("(allow user_t home_t (file (read))", "not closed"),
        ("(type a_t))", "too many"),
        ("(frobnicate x)", "unknown statement 'frobnicate'"),
        ("(typetransition user_t home_t file nobody_t)", "unknown type"),
        ('(typetransition user_t home_t bird "x" tmp_t)', "unknown class"),
        ("(typeattributeset loop loop)", "made of itself"),
        ("(allowx user_t home_t (ioctl file (0xzz)))", "invalid literal"),
        ("(allowx user_t home_t (fly file (0x1)))", "kind of extended"),
        ("(booleanif nothing (true (allow user_t home_t (file (read)))))", "unknown boolean"),
        ("(constrain (file (read)) (eq u1 nobody))", "unknown user"),
        ("(mlsconstrain (file (read)) (near l1 l2))", "cannot compare"),
        ("(defaultrange file target middle)", "unknown defaultrange"),
        ("(rangetransition user_t home_t file ((s0) (s9)))", "unknown sensitivity"),
        ("(sidcontext x (nobody object_r home_t ((s0) (s0))))", "unknown user"),
        ("(roleallow user_r nobody_r)", "unknown role"),
        ("(userrange nobody ((s0) (s0)))", "unknown user"),
        ("(handleunknown perhaps)", "handleunknown"),
        ("(boolean b maybe)", "neither true nor false"),
        ("(user)", "values to unpack"),
        ("(class)", "values to unpack"),
        ("(class c ()) (classcommon c nothing)", "unknown common"),
        ("(sensitivitycategory s0 c9)", "unknown category"),
        ("(categoryaliasactual red c9)", "unknown category"),
    ],
)
def test_errors_name_the_line(base: str, statement: str, because: str) -> None:
    """A statement that is malformed, unknown or speaks of what is not declared is an error with its line."""
    line = base.count("\n") + 1

    with pytest.raises(ValueError, match=f"^line {line}: .*{because}"):
        Policy.parse(f"{base}{statement}\n")


def test_order_of_statements_does_not_matter(base: str) -> None:
    """Rules may stand before the declarations that they speak of."""
    statement = "(allow user_t home_t (file (read)))"

    before, after = Policy.parse(f"{statement}\n{base}"), Policy.parse(f"{base}{statement}\n")

    assert before.av == after.av == {"file": {"user_t": {"home_t": 0b10}}}


def test_spacing_does_not_matter(base: str) -> None:
    """A rule that is not laid out as libsepol prints it is read all the same."""
    statement = """(allow user_t
    home_t (file (read))) ; why
    (allow user_t self (process (fork))) (dontaudit user_t tmp_t (file (write)))"""

    policy = Policy.parse(f"{base}{statement}\n")

    assert policy.av == {
        "file": {"user_t": {"home_t": 0b10, "tmp_t": 0b100 << 64}},
        "process": {"user_t": {"user_t": 0b1}},
    }


def test_network_statements_are_passed_over(base: str) -> None:
    """Statements on networks are read and left out."""
    policy = Policy.parse(f"{base}(portcon tcp (1 2) (system_u object_r home_t ((s0) (s0))))\n(typeneveraudit tmp_t)\n")

    assert policy.neveraudit == {"tmp_t"}


def test_a_class_has_at_most_32_permissions(base: str) -> None:
    """A class with more permissions than a vector has bits is refused."""
    perms = " ".join(f"p{number}" for number in range(33))

    with pytest.raises(ValueError, match="33 permissions"):
        Policy.parse(f"{base}(class big ({perms}))\n")
