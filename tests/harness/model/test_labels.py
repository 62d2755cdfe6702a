"""The label of a new object, against what a kernel did."""

import pytest

from harness.model import labels

APP, DIR = "u:r:app_t:s0", "u:object_r:dir_t:s0"


@pytest.fixture
def made(policy):
    """The label of what a subject makes, as text."""

    def make(tclass, *, subject=APP, parent=DIR, name="n", **options):
        found = labels.of_new_object(policy, subject, parent, tclass, name, **options)
        return found and (found.label, found.why)

    return make


def test_without_a_rule_the_parents_type_is_inherited(made):
    """User and low level of the subject, object_r, type of the parent."""
    got = made("file", subject="v:r:app_t:s1:c0-s2:c0.c4", parent="u:object_r:plain_t:s2")

    assert got == ("v:object_r:plain_t:s1:c0", "inherit")


def test_type_transition(made):
    """A type_transition gives the type for its class only."""
    assert made("file") == ("u:object_r:made_t:s0", "transition")
    assert made("fifo_file")[0] == "u:object_r:dir_t:s0"


def test_file_name_transition_beats_type_transition(made):
    """The rule with the name wins; a name with a blank works too; another name gets the plain rule."""
    assert made("file", name="special.txt")[0] == "u:object_r:special_t:s0"
    assert made("file", name="special.txt2")[0] == "u:object_r:made_t:s0"
    assert made("lnk_file", name="a b")[0] == "u:object_r:special_t:s0"


def test_no_name_yet_means_no_file_name_transition(made):
    """O_TMPFILE has no name: the type_transition works, the file-name transition does not."""
    assert made("file", name=None)[0] == "u:object_r:made_t:s0"


@pytest.mark.parametrize("tclass", ["file", "dir", "lnk_file", "fifo_file"])
def test_fscreate_beats_transitions_for_every_class(made, tclass):
    """fscreate is applied to every class as it is, process role and all, in canonical form."""
    got = made(tclass, name="special.txt", fscreate="u:r:plain_t:s0:c3,c1,c2")

    assert got == ("u:r:plain_t:s0:c1.c3", "fscreate")


def test_invalid_fscreate_makes_nothing(made):
    """A context that the policy does not have is EINVAL."""
    assert made("file", fscreate="u:object_r:nonesuch_t:s0") is None


def test_range_transition_lifts_the_level(made):
    """range_transition wins outright, with no regard to the creator's clearance."""
    assert made("dir")[0] == "u:object_r:madedir_t:s1:c2,c4"


def test_role_transition_overrides_the_role(made):
    """role_transition is keyed by the subject's role, the parent's type and the class."""
    assert made("dir", parent="u:object_r:roled_t:s0")[0] == "u:q:roled_t:s0"


def test_default_target_user_and_range_on_a_fifo(made):
    """default_user target, default_range target low-high."""
    got = made("fifo_file", subject="v:r:app_t:s0", parent="u:object_r:plain_t:s1-s2:c0")

    assert got == ("u:object_r:plain_t:s1-s2:c0", "transition")


def test_default_type_source_and_glblub_on_a_socket(made):
    """default_type source takes the creator's type; glblub takes what both ranges share."""
    got = made("sock_file", subject="u:r:app_t:s0-s2:c0.c4", parent="u:object_r:plain_t:s1:c1-s2:c1,c2")

    assert got[0] == "u:object_r:app_t:s1-s2:c1,c2"


def test_glblub_of_ranges_apart_makes_nothing(made):
    """No level in common: EINVAL."""
    assert made("sock_file", parent="u:object_r:plain_t:s1") is None


def test_default_target_high(made):
    """default_range target high takes the upper end alone."""
    assert made("chr_file", parent="u:object_r:plain_t:s0-s2:c0")[0] == "u:object_r:plain_t:s2:c0"


def test_conditional_type_transition_follows_the_booleans(made):
    """A rule in a conditional counts while its branch is enabled."""
    there = {"parent": "u:object_r:switch_t:s0"}

    assert made("file", **there)[0] == "u:object_r:made_t:s0"
    assert made("file", **there, booleans={"switch": True, "other": False})[0] == "u:object_r:cond_t:s0"


def test_socket_and_process_keep_the_source(policy):
    """For process and *_socket classes role, type and whole range are the subject's, where no rule says otherwise."""
    source, target = policy.parse("u:r:app_t:s0-s1"), policy.parse(DIR)

    assert policy.text(labels.transition(policy, source, target, "tcp_socket")) == "u:r:app_t:s0-s1"
    ruled = labels.transition(policy, source, policy.parse("u:object_r:plain_t:s0"), "process")
    assert policy.text(ruled) == "u:r:made_t:s0-s1"


def test_parent_without_a_label_counts_as_file_and_with_a_bad_one_as_unlabeled(made):
    """What has no label has the `file` SID's, what has an invalid one the `unlabeled` SID's."""
    assert made("fifo_file", parent=None)[0] == "u:object_r:file_t:s0"
    assert made("fifo_file", parent="garbage")[0] == "u:object_r:unlabeled_t:s0"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("u:object_r:dir_t:s0:c3,c1,c2", "u:object_r:dir_t:s0:c1.c3"),
        ("u:object_r:dir_t:s0:c1,c2", "u:object_r:dir_t:s0:c1,c2"),
        ("u:object_r:dir_t:s0-s0", "u:object_r:dir_t:s0"),
        ("u:object_r:dir_t:s0-top", "u:object_r:dir_t:s0-s2"),
        ("u:object_r:old_t:s0", "u:object_r:dir_t:s0"),
        ("u:object_r:dir_t:s0\0", "u:object_r:dir_t:s0"),
        ("u:object_r:dir_t:s0\n", None),
        ("u:object_r:dir_t:s0\0\0", None),
        ("u:object_r:dir_t:s0-", None),
        ("u:object_r:dir_t:s0:c3.c1", None),
        ("u:object_r:dir_t", None),
        ("u:object_r:all_t:s0", None),
        ("<<none>>", None),
        ("", None),
    ],
)
def test_relabel_canonicalises(policy, value, stored):
    """What is stored is what the kernel prints back; None is EINVAL."""
    assert labels.relabelled(policy, value) == stored
