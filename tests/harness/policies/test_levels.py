"""Levels in `mls`, categories in `targeted`: constraints as libsepol decides them."""

import pytest

CLASSES = ("file", "dir", "lnk_file", "fifo_file", "sock_file", "chr_file", "blk_file")


@pytest.mark.parametrize("tclass", CLASSES)
def test_mls_denies_reading_up_and_allows_reading_down(mls, tclass):
    """At s1 an s0 object is read; an s2 object and one with a category more are denied by a constraint."""
    user = mls.subject("user_t", "s1")

    assert {"read", "getattr"} <= mls.allowed(user, mls.file("home_t", "s0"), tclass)
    assert mls.causes(user, mls.file("home_t", "s2"), tclass, "read") == {"constraint"}
    assert mls.causes(user, mls.file("home_t", "s1:c1"), tclass, "getattr") == {"constraint"}


@pytest.mark.parametrize("tclass", CLASSES)
@pytest.mark.parametrize("level", ["s0", "s2"])
def test_mls_subject_of_one_level_writes_at_that_alone(mls, tclass, level):
    """At s1 writing and creating work at s1 and are denied by a constraint below and above."""
    user = mls.subject("user_t", "s1")

    assert {"write", "create"} <= mls.allowed(user, mls.file("home_t", "s1"), tclass)
    assert mls.causes(user, mls.file("home_t", level), tclass, "write") == {"constraint"}
    assert mls.causes(user, mls.file("home_t", level), tclass, "create") == {"constraint"}


def test_mls_subject_with_clearance_writes_up_to_it(mls):
    """With s1-s2 writing at s2 is allowed, at s3 and s0 it is not, and reading follows the low level."""
    user = mls.subject("user_t", "s1-s2")

    assert "write" in mls.allowed(user, mls.file("home_t", "s2"))
    assert "write" not in mls.allowed(user, mls.file("home_t", "s3"))
    assert "write" not in mls.allowed(user, mls.file("home_t", "s0"))
    assert "read" not in mls.allowed(user, mls.file("home_t", "s2"))


@pytest.mark.parametrize("domain", ["kernel_t", "mds_t", "oss_t", "admin_t"])
def test_trusted_subjects_are_exempt_from_levels(judge, domain):
    """Servers and the administrator at s0 read and write what is above them."""
    above = judge.file("home_t", "s0:c0.c15")

    assert {"read", "write", "create", "relabelto"} <= judge.allowed(judge.system(domain), above)


@pytest.mark.parametrize(
    ("old", "new", "domain", "valid"),
    [
        ("s1", "s1", "user_t", True),
        ("s1", "s2", "user_t", True),
        ("s2", "s1", "user_t", False),
        ("s1:c1", "s1", "user_t", False),
        ("s2", "s1", "admin_t", True),
    ],
)
@pytest.mark.parametrize("tclass", ["file", "dir"])
def test_mls_relabel_never_lowers_the_level(mls, old, new, domain, valid, tclass):
    """A file goes up, never down, unless a trusted subject relabels it."""
    task = mls.subject(domain, "s0-s3:c0.c15", role="staff_r", user="staff_u")
    triple = (mls.file("home_t", old), mls.file("home_t", new), task, tclass)

    assert mls.worker.validatetrans([triple]) == [valid]


@pytest.mark.parametrize("tclass", ["file", "dir"])
def test_targeted_asks_every_category_of_the_object(targeted, tclass):
    """A clearance without c2 neither reads nor writes an object with c2; with it, both."""
    secret = targeted.file("home_t", "s0:c1,c2")

    assert targeted.causes(targeted.subject("user_t", "s0-s0:c1"), secret, tclass, "read") == {"constraint"}
    assert targeted.causes(targeted.subject("user_t", "s0-s0:c1"), secret, tclass, "write") == {"constraint"}
    assert {"read", "write"} <= targeted.allowed(targeted.subject("user_t", "s0-s0:c1.c3"), secret, tclass)


def test_targeted_objects_have_one_level(targeted):
    """A file cannot be given a range, nor a category that its maker lacks."""
    user = targeted.subject("user_t", "s0-s0:c1.c3")

    assert "relabelto" in targeted.allowed(user, targeted.file("home_t", "s0:c2"))
    assert "relabelto" not in targeted.allowed(user, targeted.file("home_t", "s0:c4"))
    assert "relabelto" not in targeted.allowed(user, targeted.file("home_t", "s0-s0:c2"))


def test_each_policy_knows_its_own_levels(mls, targeted):
    """s3 exists in mls alone, categories to c15 in both, c16 in neither."""
    contexts = [f"user_u:user_r:user_t:{level}" for level in ("s0-s3:c0.c15", "s0-s0:c0.c15", "s0:c16")]

    assert mls.worker.check_contexts(contexts) == [True, True, False]
    assert targeted.worker.check_contexts(contexts) == [False, True, False]
