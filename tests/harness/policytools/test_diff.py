"""The difference of two policies, as decisions and labels."""

from collections.abc import Callable
from pathlib import Path

import debian
import pytest

import sepol
from harness.policy import Policy
from harness.policytools import diff, tell
from harness.policytools.diff import Difference, Entry
from harness.policytools.loaded import Loaded
from harness.policytools.vectors import Change

Vary = Callable[..., Loaded]


def vectors(difference: Difference, kind: str = "allow") -> list[Change]:
    return [change for change in difference.changes if change.kind == kind]


def test_a_policy_does_not_differ_from_itself(targeted: Loaded, varied: Vary) -> None:
    """Nor from one with the same rules compiled in another binary."""
    assert not diff.compare(targeted, targeted)
    assert not diff.compare(targeted, varied("(allow admin_t self (capability2 (mac_admin)))"))


def test_a_new_rule_is_a_new_allow(targeted: Loaded, varied: Vary) -> None:
    """One rule of types is one change, with exactly the permissions that were not there before."""
    new = varied("(allow guest_t secret_t (file (getattr read)))")

    found = diff.compare(targeted, new)

    assert found.changes == (Change("allow", True, "file", ("guest_t",), ("secret_t",), ("getattr", "read")),)
    assert found.entries == ()


def test_the_other_way_round_it_is_lost(targeted: Loaded, varied: Vary) -> None:
    """Old and new are told apart."""
    new = varied("(allow guest_t secret_t (file (read)))")

    (change,) = diff.compare(new, targeted).changes

    assert not change.gained
    assert list(tell.lines(diff.compare(new, targeted))) == [
        "new denies (1)",
        "  - allow guest_t secret_t:file read;",
    ]


def test_new_allows_come_first(targeted: Loaded, varied: Vary) -> None:
    """A reviewer sees what is newly allowed before anything else."""
    new = varied(
        "(allow guest_t secret_t (file (read)))", "(typetransition guest_t secret_t file home_t)",
        without="(allow rich_domain wo_t (file (open write append)))",
    )  # fmt: skip

    titles = [line.split(" (")[0] for line in tell.lines(diff.compare(targeted, new)) if not line.startswith(" ")]

    assert titles == ["new allows", "new denies", "labels of new objects"]


def test_a_rule_that_an_attribute_gave_already_is_no_change(targeted: Loaded, varied: Vary) -> None:
    """Attributes are expanded: a rule that adds nothing to what its types may do is not told."""
    assert diff.compare(targeted, varied("(allow user_t home_t (file (read)))")).changes == ()


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("(typeattributeset reader_domain (bounded_t))", ("bounded_t", "shared_t", "read")),
        ("(typeattributeset rich_type (secret_t))", ("user_t", "secret_t", "read")),
    ],
)
def test_a_new_member_gains_what_its_attribute_has(
    targeted: Loaded, varied: Vary, member: str, expected: tuple[str, str, str]
) -> None:
    """Of a source and of a target: no allow rule differs; the decisions do."""
    source, target, perm = expected
    new = varied(member)

    changes = vectors(diff.compare(targeted, new))

    assert _rules(new) == _rules(targeted)
    assert any(source in c.sources and target in c.targets and perm in c.perms for c in changes)


def test_a_boolean_decides_which_rules_count(targeted: Loaded) -> None:
    """Under --boolean both policies are seen with it set: the same rules are in force in both."""
    assert not diff.compare(targeted, targeted, {"user_write_shared": True})
    with pytest.raises(ValueError, match="neither policy has a boolean 'nonesuch'"):
        diff.compare(targeted, targeted, {"nonesuch": True})


def test_a_booleans_default_changes_decisions_and_labels(targeted: Loaded, varied: Vary) -> None:
    """What hangs on the boolean is told as allows, and the boolean itself besides."""
    new = varied(without="(boolean user_write_shared false)", instead="(boolean user_write_shared true)")

    found = diff.compare(targeted, new)

    assert any("shared_t" in change.targets and "create" in change.perms for change in vectors(found))
    assert Entry("booleans", "user_write_shared", "false", "true") in found.entries


def test_a_transition_that_changed(targeted: Loaded, varied: Vary) -> None:
    """Old and new label of a new object, by source, directory, class and file name."""
    new = varied(
        without='(typetransition rich_domain project_dir_t file "special.txt" special_t)',
        instead='(typetransition rich_domain project_dir_t file "special.txt" secret_t)',
    )

    found = [entry for entry in diff.compare(targeted, new).entries if entry.section == "labels of new objects"]

    assert Entry("labels of new objects", 'user_t project_dir_t:file "special.txt"', "special_t", "secret_t") in found


def test_the_vectors_are_what_libsepol_decides(targeted: Loaded, varied: Vary) -> None:
    """For every pair of types, the permissions told as gained and lost are those of libsepol's two answers."""
    new = varied(
        "(typeattributeset reader_domain (nofscreate_t))", "(allow guest_t file_type (file (ioctl)))",
        "(allow domain secret_t (file (lock)))",
        without="(allow rich_domain wo_t (file (open write append)))",
    )  # fmt: skip
    told: dict[tuple[str, str], dict[bool, set[str]]] = {}
    for change in vectors(diff.compare(targeted, new)):
        if change.tclass == "file":
            for pair in ((s, t) for s in change.sources for t in change.targets):
                told.setdefault(pair, {True: set(), False: set()})[change.gained].update(change.perms)

    pairs = [(s, t) for s in targeted.tables.types for t in targeted.tables.types]
    before, after = (_decided(policy, pairs) for policy in (targeted, new))

    expected = {
        pair: {True: set(now - was), False: set(was - now)}
        for pair, was, now in zip(pairs, before, after, strict=True)
        if was != now
    }
    assert len(expected) > 15
    assert told == expected


def test_debians_two_policies_in_reasonable_time(cache: Path) -> None:
    """A hundred thousand rules are compared; what libsepol says of a sample of the changes agrees."""
    with Loaded.of(str(debian.policy("default")), cache) as old, Loaded.of(str(debian.policy("mls")), cache) as new:
        changes = vectors(diff.compare(old, new))
        sample = [change for change in changes if change.tclass in ("file", "dir", "process")][:40]
        for policy, has in ((old, False), (new, True)):
            answers = policy.model.decide([(_object(c.sources[0]), _object(c.targets[0]), c.tclass) for c in sample])
            for change, answer in zip(sample, answers, strict=True):
                if answer is not None and change.gained != has:
                    assert not answer.allowed & set(change.perms), change

    assert len(changes) > 100


def _rules(policy: Loaded) -> set[str]:
    return {line for line in policy.policy.cil.splitlines() if line.startswith("(allow ")}


def _decided(policy: Loaded, pairs: list[tuple[str, str]]) -> list[frozenset[str]]:
    with sepol.Worker(policy.policy.binary) as worker:
        answers = worker.decide([(_object(source), _object(target), "file") for source, target in pairs])
    return [answer.allowed if answer else frozenset() for answer in answers]


def _object(kind: str) -> str:
    """A context that is valid for every type, and the same user on both sides, so that no constraint interferes."""
    return f"system_u:object_r:{kind}:s0"


@pytest.mark.parametrize(
    ("more", "changes", "entries"),
    [
        ("", 0, []),
        ("(allow user_t shadow_t (file (read)))", 1, []),
        ('(typetransition user_t etc_t file "labelproof.conf" user_home_t)', 0, ["labels of new objects"]),
        ("(booleanif aide_mmap_files (true (allow user_t shadow_t (file (write)))))", 0, ["conditional rules"]),
    ],
    ids=["nothing", "rule", "transition", "conditional"],
)
def test_one_statement_more_in_debians_policy(more: str, changes: int, entries: list[str], cache: Path) -> None:
    """Of a hundred thousand rules exactly what is new is told."""
    with Loaded.of(str(debian.policy("default")), cache) as given:
        # Compiled again on both sides: the compiler drops attributes that no rule needs.
        same, other = (
            Loaded(Policy.compile({"debian.cil": f"{given.policy.cil}{each}"}, "more", cache=cache))
            for each in ("", more)
        )
    found = diff.compare(same, other)

    assert len(found.changes) == changes
    assert all(change.kind == "allow" and change.gained for change in found.changes)
    assert [entry.section for entry in found.entries] == entries
    assert bool(found) == bool(more)
