"""Profiles of policies unlike the reference policy: without levels, without transitions, without our filesystem."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import policies, runner
from harness.policy import Policy
from harness.policytools import propose
from harness.policytools.loaded import Loaded
from harness.results import Exit
from harness.runner import RunOptions
from harness.store import Store
from tests.harness.policytools.test_propose import Nobody, written

CLASSES = policies.source("targeted")["classes.cil"]
LEVEL = "(sensitivity s0)(sensitivityorder (s0))(category c0)(categoryorder (c0))(sensitivitycategory s0 (c0))"
USER = f"{LEVEL}(mls false)(user u)(userlevel u (s0))(userrange u ((s0)(s0)))(role r)(role object_r)"
WHO = "(userrole u r)(userrole u object_r)(type sys_t)(roletype r sys_t)(roletype object_r sys_t)"
SIDS = "".join(
    f"(sidcontext {sid} (u {'r' if sid == 'kernel' else 'object_r'} sys_t ((s0)(s0))))"
    for sid in re.findall(r"\(sid (\w+)\)", CLASSES)
)
ALL = "".join(f"(allow sys_t sys_t ({name} (all)))" for name in re.findall(r"^\(class (\w+)", CLASSES, re.M))
LIVES = "(allow file_t sys_t (filesystem (associate)))"
OURS = "(fsuse xattr lustre (u object_r sys_t ((s0)(s0))))"
BARE = (CLASSES, USER, WHO, SIDS, ALL)
# Somebody who administers, somebody who keeps files, and one type of files.
TWO = """
(type admin_t) (type user_t) (type file_t)
(roletype r admin_t) (roletype r user_t) (roletype object_r file_t)
(allow admin_t self (process (all))) (allow admin_t self (capability (all))) (allow admin_t sys_t (security (all)))
(allow admin_t sys_t (dir (all)))
(allow user_t self (process (all))) (allow user_t file_t (file (all))) (allow user_t file_t (dir (all)))
(allow user_t sys_t (dir (search getattr)))
"""


@pytest.fixture
def odd(cache: Path, tmp_path: Path) -> Callable[..., Path]:
    """The file of a policy made of these texts."""

    def made(*texts: str) -> Path:
        path = tmp_path / "odd.33"
        path.write_bytes(Policy.compile({"odd.cil": "\n".join((*BARE, *texts))}, "odd", cache=cache).binary)
        return path

    return made


@pytest.mark.parametrize("more", [OURS + LIVES, ""], ids=["filesystem", "no-filesystem"])
def test_the_suite_passes_without_levels_or_transitions(more: str, odd: Callable[..., Path], tmp_path: Path) -> None:
    """Everything is of one type, also what the place `transition` holds; and such a policy has no `open` to ask."""
    file = odd(TWO, more)
    with Loaded.of(str(file), tmp_path) as loaded:
        found = written(loaded, tmp_path)
    given = str(tmp_path / "site.toml")

    done = runner.run(
        RunOptions(("create_labels",), "sim", str(file), profile=given, seed=1), Store(tmp_path / "store"), Nobody()
    )

    assert (found.admin, found.user) == ("u:r:admin_t", "u:r:user_t")
    assert done.exit == Exit.PASSED, done.results.reason
    assert done.results.judged.labels > 100


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ((OURS,), "besides sys_t, no type of a user's roles may fork"),
        ((OURS, "(type one_t)(roletype r one_t)(allow one_t self (process (all)))"), "nobody but the administrator"),
        (
            (OURS, TWO, LIVES, "(allow user_t sys_t (dir (all)))"),
            "no directory that u:r:user_t may search and not add names",
        ),
    ],
    ids=["one-type", "one-domain", "nothing-denied"],
)
def test_what_no_profile_can_be_made_of(
    texts: tuple[str, ...], what: str, odd: Callable[..., Path], tmp_path: Path
) -> None:
    """One sentence says what the policy lacks, and what to do."""
    with Loaded.of(str(odd(*texts)), tmp_path) as loaded, pytest.raises(ValueError, match=what) as refusal:
        propose.propose(loaded)

    assert "write the profile by hand" in str(refusal.value)
