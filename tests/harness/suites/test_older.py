"""The suite mediation under policies that have fewer words than the kernel: older ones, and a site's own."""

import re
from pathlib import Path

import pytest

from harness import profile, runner
from harness.policy import Policy
from harness.results import Exit
from harness.runner import RunOptions
from harness.store import Store
from harness.suites import derive
from harness.suites.scenarios import scenarios
from tests.harness.suites.test_mutants import Nobody

YOUNG = ("watch", "watch_reads", "watch_mount", "watch_sb", "watch_with_perm", "audit_access")


def older(policy: Policy, handle_unknown: str, *, perms: tuple[str, ...] = (), tclass: str = "") -> str:
    """The policy's text without permissions, without a class, and with another word on what it does not have."""
    text = policy.cil.replace("(handleunknown deny)", f"(handleunknown {handle_unknown})")
    for perm in perms:
        text = re.sub(rf"\b{perm}\b ?", "", text)
    if not tclass:
        return text
    kept = (line for line in text.splitlines() if not re.search(rf"\b{tclass}\b", line) or "classorder" in line)
    return re.sub(rf"\b{tclass}\b ?", "", "\n".join(kept))


@pytest.fixture(scope="module")
def targeted(cache: Path) -> Policy:
    return Policy.own("targeted", cache=cache)


def derived(text: str, cache: Path) -> derive.Derived:
    policy = Policy.compile({"site.cil": text}, "site", cache=cache)
    return derive.derive(policy, profile.of("targeted"), scenarios())


def test_open_is_missing_only_where_it_is_asked(targeted: Policy, cache: Path) -> None:
    """Without the capability open_perms nobody is asked `open`, so that nobody can lack it."""
    text = targeted.cil.replace("(policycap open_perms)\n", "")

    found = derived(text, cache)

    assert text != targeted.cil
    assert {denial.permission for denials in found.denials.values() for denial in denials} >= {"read", "write"}
    assert not [denial for denials in found.denials.values() for denial in denials if denial.permission == "open"]
    assert found.barred == {}


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ("allow", "the policy has no permission that this asks, and allows what it does not have"),
        ("deny", "the policy has no file { watch }, and denies what it does not have"),
    ],
)
def test_permissions_that_the_policy_does_not_have(unknown: str, said: str, targeted: Policy, cache: Path) -> None:
    """They are in no rule; what nobody may do then, or everybody, is barred and says why."""
    found = derived(older(targeted, unknown, perms=YOUNG), cache)

    assert not {denial.permission for denials in found.denials.values() for denial in denials} & {*YOUNG}
    assert ("watch-file" in found.barred) == (unknown == "deny")
    assert set(found.barred.values()) <= {said} | {s for s in found.barred.values() if s.endswith("does not have")}
    assert found.silent == (unknown == "allow")


def test_a_class_that_the_policy_does_not_have(targeted: Policy, cache: Path) -> None:
    """What is done to objects of it is barred, and everything else is as ever."""
    found = derived(older(targeted, "allow", tclass="fifo_file"), cache)

    rows = {scenario.name for scenario in scenarios() if scenario.tclass == "fifo_file"}
    assert set(found.barred) == rows
    assert set(found.barred.values()) == {"the policy has no class fifo_file"}


@pytest.mark.parametrize("kind", ["no open_perms", "unknown allowed", "unknown denied", "no fifos", "permissive user"])
def test_mediation_passes(kind: str, targeted: Policy, cache: Path, tmp_path: Path) -> None:
    """The operations that ask the words that are missing; what a permissive domain may do is nothing of the suite's."""
    text = {
        "no open_perms": targeted.cil.replace("(policycap open_perms)\n", ""),
        "unknown allowed": older(targeted, "allow", perms=YOUNG),
        "unknown denied": older(targeted, "deny", perms=YOUNG),
        "no fifos": older(targeted, "allow", tclass="fifo_file"),
        "permissive user": f"{targeted.cil}(typepermissive user_t)",
    }[kind]
    file = tmp_path / "site.33"
    file.write_bytes(Policy.compile({"site.cil": text}, "site", cache=cache).binary)
    who = tmp_path / "site.toml"
    who.write_text(_TARGETED)
    some = "[open-r] or [truncate] or [access-r] or [watch] or [mknod] or setbool"

    done = runner.run(
        RunOptions(("mediation",), "sim", str(file), profile=str(who), expression=some, seed=1),
        Store(tmp_path / "store"),
        Nobody(),
    )

    assert done.exit == Exit.PASSED, done.results.reason
    assert {test.status for test in done.results.tests} <= {"PASS", "SKIP"}
    assert len([test for test in done.results.tests if test.status == "PASS"]) >= 3


_TARGETED = """\
admin = "system_u:system_r:admin_t:s0-s0:c0.c15"
user = "user_u:user_r:user_t:s0-s0:c0.c15"
root = "system_u:object_r:root_t:s0"
relabel = "user_u:object_r:project_t:s0"
[directories]
inherit = "user_u:object_r:home_t:s0"
transition = "user_u:object_r:project_dir_t:s0"
denied = "user_u:object_r:secret_t:s0"
"""


@pytest.mark.parametrize(
    ("mode", "suite", "statuses", "exit_code"),
    [
        ("permissive", "create_labels", {"PASS"}, Exit.PASSED),
        ("permissive", "mediation", {"SKIP"}, Exit.INCONCLUSIVE),
        ("disabled", "create_labels", {"SKIP"}, Exit.INCONCLUSIVE),
    ],
)
def test_where_nothing_is_enforced(mode: str, suite: str, statuses: set[str], exit_code: Exit, tmp_path: Path) -> None:
    """What the policy denies is done; the suites that are about denials, or about labels, say that there are none."""
    options = RunOptions((suite,), "sim", "targeted", lsm=mode, expression="fscreate or denied or statfs", seed=1)

    done = runner.run(options, Store(tmp_path / "store"), Nobody())

    assert {test.status for test in done.results.tests} == statuses, done.results.reason
    assert done.exit == exit_code
