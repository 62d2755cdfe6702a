import pytest

from lsm.modules.selinux import context
from lsm.modules.selinux.context import ContextError
from lsm.modules.selinux.policy import Policy

NO_MLS = """\
(class file (read))
(classorder (file))
(mls false)
(sensitivityorder (s0))
(level systemlow (s0))
(type a)
(role object_r)
(role r)
(roletype r a)
(user u)
(userrole u r)
(userlevel u systemlow)
(userrange u (systemlow systemlow))
(sidcontext unlabeled (u object_r a (systemlow systemlow)))
"""


@pytest.fixture
def policy(base: str) -> Policy:
    return Policy.parse(base)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("alice:user_r:user_t:s0", "alice:user_r:user_t:s0"),
        ("alice:user_r:user_t:s0-secret:c1,c0", "alice:user_r:user_t:s0-s1:c0,c1"),
        ("alice:object_r:house_t:s0:c3,c1,c2", "alice:object_r:home_t:s0:c1.c3"),
        ("system_u:object_r:home_t:s1:c0.c2", "system_u:object_r:home_t:s1:c0.c2"),
    ],
)
def test_canonical(policy: Policy, text: str, canonical: str) -> None:
    """A valid context has one spelling, with aliases resolved."""
    assert context.canonical(policy, text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "alice:user_r:kernel_t:s0",
        "alice:system_r:kernel_t:s0",
        "alice:user_r:user_t:s0-s1:c0.c2",
        "alice:user_r:user_t:s2",
        "alice:object_r:home_t:s1:c3",
        "alice:object_r:home_t:s1-s0",
        "alice:object_r:data:s0",
        "alice:object_r:nobody_t:s0",
        "nobody:object_r:home_t:s0",
        "alice:nobody_r:home_t:s0",
        "alice:object_r:home_t",
        "alice:object_r",
        "alice",
    ],
)
def test_invalid(policy: Policy, text: str) -> None:
    """Role and type, user and role, user and range must match; attributes are no types; MLS wants a range."""
    with pytest.raises(ContextError):
        context.parse(policy, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<<none>>",
        "alice:object_r:home_t:s0\0",
        "alice:object_r:home_t:s0\0:junk",
        "alice:object_r:home_t:s0\n",
        "alice:object_r:home_t:s0-s0:c0.c2-",
        " alice:object_r:home_t:s0",
        "alice:object_r:home_t:s0:" + "c0," * 1400 + "c0",
        "alice:object_r:home_t:s0\udcff",
    ],
)
def test_hostile(policy: Policy, text: str) -> None:
    """Control bytes, empty and over-long text, "<<none>>" and a trailing dash are refused."""
    with pytest.raises(ContextError):
        context.parse(policy, text)


def test_missing_range_comes_from_the_default(policy: Policy) -> None:
    """A label read from an xattr without a range takes the default SID's."""
    default = context.parse(policy, "system_u:object_r:unlabeled_t:s1:c0")

    parsed = context.parse(policy, "alice:object_r:home_t", default)

    assert context.format(policy, parsed) == "alice:object_r:home_t:s1:c0"


def test_without_mls() -> None:
    """Without MLS a context has three fields, and a range is ignored only where a default is given."""
    policy = Policy.parse(NO_MLS)
    plain = context.parse(policy, "u:r:a")

    assert context.format(policy, plain) == "u:r:a"
    assert context.parse(policy, "u:r:a:s0", default=plain) == plain
    with pytest.raises(ContextError, match="no MLS"):
        context.parse(policy, "u:r:a:s0")
