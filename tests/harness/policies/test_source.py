"""What `source` hands to the compiler."""

import pytest

import sepol
from harness import policies


def test_unknown_name_is_refused_with_the_known_ones():
    """A name that is no policy's is a ValueError that says which there are."""
    with pytest.raises(ValueError, match="'strict'; the known ones are targeted, mls"):
        policies.source("strict")


@pytest.mark.parametrize("name", policies.NAMES)
def test_policies_differ_in_their_own_file_alone(name):
    """Each policy is the shared files and one of its own name."""
    other = next(each for each in policies.NAMES if each != name)

    files, others = policies.source(name), policies.source(other)

    assert set(files) - set(others) == {f"{name}.cil"}
    assert all(files[file] == others[file] for file in set(files) & set(others))


def test_a_bounded_type_cannot_exceed_its_parent():
    """A rule that lets bounded_t do more than user_t does not compile."""
    files = policies.source("targeted") | {"local.cil": "(allow bounded_t secret_t (file (read)))"}

    with pytest.raises(sepol.PolicyError):
        sepol.compile_cil(files, name="targeted")


@pytest.mark.parametrize(
    "rule",
    ["(allow mds_t self (capability2 (mac_admin)))", "(allow user_t security_t (security (load_policy)))"],
    ids=["mac_admin", "load_policy"],
)
def test_powers_of_the_administrator_cannot_be_given_away(rule):
    """The neverallow rules stop a policy that gives them to another domain."""
    files = policies.source("targeted") | {"local.cil": rule}

    with pytest.raises(sepol.PolicyError):
        sepol.compile_cil(files, name="targeted")
