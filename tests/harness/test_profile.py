"""Profiles: reading them, and what is refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import choices, profile
from harness.policy import Policy

GOOD = """
admin = "a:b:c"
user = "a:b:c"
root = "a:b:c"
relabel = "a:b:c"
subjects = ["a:b:d"]
[directories]
inherit = "a:b:c"
transition = "a:b:c"
denied = "a:b:c"
"""


def read(folder: Path, text: str) -> profile.Profile:
    path = folder / "site.toml"
    path.write_text(text)
    return profile.load(path)


def test_a_profile_is_read(tmp_path: Path) -> None:
    """Lists are left out where there is nothing to say; a plain name is always tried."""
    found = read(tmp_path, GOOD)

    assert (found.subjects, found.fscreate, found.names) == (("a:b:d",), (), ("plain",))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('admin = "a:b:c"', "", "admin is missing; give a context of the policy"),
        ('denied = "a:b:c"', "", "directories.denied is missing; give a context of the policy"),
        ('admin = "a:b:c"', "admin = 3", "admin is 3; give a text in quotes"),
        ('["a:b:d"]', '"a:b:d"', "subjects is 'a:b:d'; give a list of texts"),
        ('["a:b:d"]', '["x", 1]', "subjects[1] is 1; give a text in quotes"),
        ("subjects =", "subject =", "'subject' is not a field; there are admin, user"),
        ('admin = "a:b:c"', "admin = ", "does not read"),
    ],
)
def test_a_profile_that_is_wrong(tmp_path: Path, old: str, new: str, what: str) -> None:
    """The file, the field and the remedy are named."""
    with pytest.raises(ValueError, match=r"site\.toml") as refusal:
        read(tmp_path, GOOD.replace(old, new))

    assert what in str(refusal.value)


def test_every_context_is_looked_up(tmp_path: Path) -> None:
    """Each of our own is known to its policy; one that is not is refused by field and place."""
    policy, own = Policy.own("targeted", cache=tmp_path), profile.of("targeted")
    strange = "user_u:object_r:nonesuch_t:s0"

    own.check(policy)

    for wrong, field in (
        (replace(own, root=strange), "root"),
        (replace(own, fscreate=(*own.fscreate, strange)), "fscreate[5]"),
        (replace(own, directories=own.directories | {"x y": strange}), "directories.'x y'"),
    ):
        with pytest.raises(ValueError, match="no context of policy targeted; give one of it") as refusal:
            wrong.check(policy)
        assert f"{field} is {strange!r}" in str(refusal.value)


def test_a_policy_that_nobody_knows_the_people_of() -> None:
    """Only our own policies have a profile without being given one."""
    with pytest.raises(ValueError, match=r"`labelproof policy profile x.33 > site.toml` proposes one"):
        profile.of("x.33")

    assert choices.profile(None, "x.33") is None
    assert choices.profile(None, "mls") == profile.of("mls")
