"""Profiles proposed from a policy: valid, the same each time, and good enough to run the suites with."""

import tomllib
from dataclasses import replace
from pathlib import Path

import debian
import pytest

from harness import profile, runner
from harness.collector import Listener
from harness.policy import Policy
from harness.policytools import propose, toml
from harness.policytools.grants import MANAGE, granted
from harness.policytools.loaded import Loaded
from harness.profile import PLACES
from harness.results import Exit, Test
from harness.runner import RunOptions
from harness.store import Store

SUITES = ("create_labels", "mediation")


class Nobody(Listener):
    """Takes what a run tells, and tells nobody."""

    def begin(self, total: int) -> None:
        """Nothing."""

    def done(self, test: Test, number: int) -> None:
        """Nothing."""


def written(loaded: Loaded, folder: Path) -> profile.Profile:
    path = folder / "site.toml"
    path.write_text(toml.text(propose.propose(loaded), loaded.policy), encoding="utf-8")
    return profile.load(path)


def assert_sound(found: profile.Profile, loaded: Loaded) -> None:
    """What every profile has to be: contexts of the policy, each place what its name says, rights told apart."""
    found.check(loaded.policy)
    assert set(PLACES) <= found.directories.keys()
    assert loaded.may(found.user, found.directories["transition"], "dir", "search write add_name")
    assert not loaded.may(found.user, found.directories["denied"], "dir", "add_name")
    assert not loaded.may(found.user, "system_u:object_r:security_t:s0", "security", MANAGE)
    assert found.admin.split(":")[2] != found.user.split(":")[2]


@pytest.mark.parametrize("name", ["targeted", "mls"])
def test_our_own_policies(name: str, cache: Path, tmp_path: Path) -> None:
    """The proposal survives being written and read, and the same policy gives the same text."""
    with Loaded.of(name, cache) as loaded, Loaded.of(name, cache) as again:
        found = written(loaded, tmp_path)

        assert_sound(found, loaded)
        assert found == propose.propose(again)
        assert found.grants == ()


def test_what_the_policy_lacks_is_granted_by_name(targeted: Loaded) -> None:
    """An administrator who may not load policies gets just that, and the supplemented policy allows it."""
    weak = replace(profile.of("targeted"), admin="user_u:user_r:user_t:s0-s0:c0.c15")

    grants = granted(weak, targeted).grants

    assert "(allow user_t security_t (security (load_policy setbool setenforce)))" in grants


def test_grants_are_in_force(targeted: Loaded, cache: Path) -> None:
    """The policy that a cluster boots with has the profile's grants, and nothing else differs."""
    rule = "(allow user_t security_t (security (setbool)))"
    own = replace(profile.of("targeted"), grants=(rule,))

    with Loaded(own.supplement(targeted.policy, cache)) as given:
        assert given.may(own.user, "system_u:object_r:security_t:s0", "security", "setbool")
        assert not given.may(own.user, "system_u:object_r:security_t:s0", "security", "load_policy")


@pytest.mark.parametrize("flavour", ["default", "mls"])
def test_debians_policies(flavour: str, cache: Path, tmp_path: Path) -> None:
    """A policy of a hundred thousand rules has users, directories and an administrator too."""
    with Loaded.of(str(debian.policy(flavour)), cache) as loaded:
        found = written(loaded, tmp_path)

        assert_sound(found, loaded)
        assert tomllib.loads((tmp_path / "site.toml").read_text())["grants"] == list(found.grants)
        assert all("(filesystem (mount))" in grant for grant in found.grants)


def test_the_suites_pass_with_a_proposal(targeted: Loaded, tmp_path: Path) -> None:
    """A part of both suites, in the simulator."""
    written(targeted, tmp_path)
    file = str(tmp_path / "site.toml")
    some = "mkdir or relabel or new_object or access"
    options = RunOptions(SUITES, "sim", "targeted", profile=file, expression=some, seed=1)

    result = runner.run(options, Store(tmp_path / "store"), Nobody())

    assert result.exit == Exit.PASSED, result.results.reason
    assert "--profile" in result.replay
    assert len(result.results.tests) > 15


def test_the_suites_pass_with_every_default(targeted: Loaded, cache: Path, tmp_path: Path) -> None:
    """Where new objects take their creator's type, the administrator is given what he has to look at, of everybody."""
    more = """
(defaulttype lnk_file source) (defaultrange file glblub) (defaultrole dir source) (defaultuser file target)
(allow domain lustre_fs_t (filesystem (associate))) (allow user_t self (lnk_file (all)))"""
    made = Policy.compile({"site.cil": f"{targeted.policy.cil}{more}"}, "site", cache=cache)
    file = tmp_path / "site.33"
    file.write_bytes(made.binary)
    with Loaded(made) as loaded:
        written(loaded, tmp_path)
    options = RunOptions(
        ("create_labels", "lustre_selinux"), "sim", str(file), profile=str(tmp_path / "site.toml"), seed=1,
        expression="by_subject or Readlink",
    )  # fmt: skip

    result = runner.run(options, Store(tmp_path / "store"), Nobody())

    assert result.exit == Exit.PASSED, result.results.reason
    assert {test.status for test in result.results.tests} == {"PASS"}


@pytest.mark.timeout(300)  # a whole policy on each of five nodes, twice
@pytest.mark.parametrize("flavour", ["default", "mls"])
def test_the_suites_pass_under_debians_policies(flavour: str, cache: Path, tmp_path: Path) -> None:
    """Booted from the compiled file, with the proposal's grants; a part of both suites."""
    file = debian.policy(flavour)
    with Loaded.of(str(file), cache) as loaded:
        written(loaded, tmp_path)
    given = str(tmp_path / "site.toml")
    options = RunOptions(SUITES, "inprocess", str(file), profile=given, expression="mkdir or transition-plain")

    result = runner.run(options, Store(tmp_path / "store"), Nobody())

    assert result.exit == Exit.PASSED, result.results.reason
    assert result.results.judged.decisions > 200
