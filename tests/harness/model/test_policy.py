"""The second opinion on a policy."""

import hashlib

import pytest

import sepol
from harness.model import cil
from harness.model.policy import Mode, Policy, Stored

APP, PLAIN = "u:r:app_t:s0", "u:object_r:plain_t:s0"


@pytest.fixture
def enforcing(policy):
    return Mode("d", True, policy.booleans())


def test_denied_names_the_missing_permissions_only(policy, enforcing):
    """One of two is missing: the other is not named."""
    access = policy.access(APP, PLAIN, "file", ["read", "write"], enforcing)

    assert (access.allowed, access.denied, access.permissive) == (False, {"write"}, False)
    assert policy.reasons(APP, PLAIN, "file", access.denied, enforcing) == {"te"}


@pytest.mark.parametrize("how", ["domain", "mode"])
def test_permissive_domain_or_mode_allows_and_still_names(policy, how):
    """Allowed, with what was missing named."""
    mode = Mode("d", how == "domain", policy.booleans())
    access = policy.access("u:r:loose_t:s0" if how == "domain" else APP, PLAIN, "file", ["write"], mode)

    assert (access.allowed, access.denied, access.permissive) == (True, {"write"}, True)


def test_unknown_class_and_permission_follow_handle_unknown(policy, enforcing):
    """handleunknown allow: a class or permission that the policy does not know is allowed."""
    assert policy.access(APP, PLAIN, "io_uring", ["cmd"], enforcing).allowed
    assert policy.access(APP, PLAIN, "file", ["watch"], enforcing).allowed
    assert not policy.access(APP, PLAIN, "file", ["write", "watch"], enforcing).allowed


def test_what_is_unknown_and_allowed_is_not_audited(policy, enforcing):
    """Its auditdeny is off, whatever stands beside it; what is known is audited unless a rule says otherwise
    (security/selinux/ss/services.c, map_decision)."""
    assert policy.hushes(APP, PLAIN, "file", "watch", enforcing)
    assert not policy.hushes(APP, PLAIN, "file", "write", enforcing)
    assert policy.access(APP, PLAIN, "file", ["write", "watch"], enforcing).line == {"write"}


def test_initial_sids_and_filesystems(policy):
    """Initial SIDs by name; a filesystem by fs_use, then genfscon, else unlabeled."""
    assert policy.initial_sid("kernel") == "u:r:kernel_t:s0-s2:c0.c4"
    assert policy.fs_label("lustre") == "u:object_r:fs_t:s0"
    assert policy.fs_label("nfs") == "u:object_r:nfs_t:s0"
    assert policy.fs_label("xfs") == "u:object_r:unlabeled_t:s0"


def test_policies_of_a_run_are_found_by_digest(tmp_path, policy):
    """policy/<digest>.bin and .cil; one that is not there is None, and a digest is never a path."""
    binary = policy._binary
    digest = hashlib.sha256(binary).hexdigest()
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / f"{digest}.bin").write_bytes(binary)
    (tmp_path / "policy" / f"{digest}.cil").write_text(sepol.flatten(binary).cil)
    stored = Stored(tmp_path)

    assert stored.policy(digest).initial_sid("file") == "u:object_r:file_t:s0"
    assert stored.policy(digest) is stored.policy(digest)
    assert stored.policy("f" * 64) is None
    assert stored.policy("../policy/" + digest) is None


def test_text_that_ends_in_a_statement_is_refused():
    """A policy's text that was cut off is not read as a smaller policy."""
    with pytest.raises(ValueError, match="ends inside"):
        cil.read("(booleanif x\n    (true\n")
    with pytest.raises(ValueError, match="not one statement"):
        cil.read("(typepermissive a")


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("a", True),
        (["not", "a"], False),
        (["or", "b", "a"], True),
        (["xor", "a", "a"], False),
        (["eq", "b", "b"], True),
    ],
)
def test_boolean_expressions(condition, value):
    """and, or, xor, not, eq, neq over booleans."""
    assert cil.holds(condition, {"a": True, "b": False}) is value


def test_text_and_binary_give_the_same_facts(policy):
    """A policy made from its binary alone flattens itself."""
    again = Policy(policy._binary, sepol.flatten(policy._binary).cil)

    assert again.facts.types == policy.facts.types
    assert again.facts.names == policy.facts.names
