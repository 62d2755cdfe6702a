"""The derived policy of mediation, asked by libsepol: each subject lacks what its denial says, and nothing else."""

from collections import Counter
from pathlib import Path

import pytest

import sepol
from client.ops import SYSCALLS
from harness import profile
from harness.model import access
from harness.policy import Policy
from harness.suites import derive
from harness.suites.derive import Denial, Derived
from harness.suites.scenarios import Scenario, scenarios

# Not of an access vector: a rule for transitions of labels, and one for commands of ioctl.
RULES = {"validatetrans", "allowx"}
ROLES = {"newparent", "object", "target", "moved", "parent"}


@pytest.fixture
def derived(policy: Policy) -> Derived:
    return derive.derive(policy, profile.of(policy.name), scenarios())


def vectors(denial: Denial, derived: Derived, subject: str) -> list[tuple[str, str, str, frozenset[str]]]:
    """(source, target, class, permissions) of what the scenario needs of laid out objects."""
    labels = derived.labels if denial.scenario.lays else {**derived.labels, "object": derived.labels["new"]}
    return [
        (subject, subject if check.target == "subject" else labels[check.target], check.tclass, check.perms - RULES)
        for check in denial.scenario.needs()
        if check.source == "subject" and check.target in {*ROLES, "subject"}
    ]


def missing(worker: sepol.Worker, denial: Denial, derived: Derived, subject: str) -> set[str]:
    asked = vectors(denial, derived, subject)
    answers = worker.decide([(source, target, tclass) for source, target, tclass, _ in asked])
    pairs = zip(asked, answers, strict=True)
    return {perm for (_, _, _, perms), answer in pairs for perm in perms - (answer.allowed if answer else frozenset())}


def test_each_subject_lacks_one_permission_and_its_control_none(derived: Derived) -> None:
    """For every denial of every scenario, by the second engine and not by the text of the rules."""
    denials = [
        denial
        for found in derived.denials.values()
        for denial in found
        if denial.check.target in {*ROLES, "subject"} and not {denial.permission} & RULES
    ]

    with sepol.Worker(derived.policy.binary, name=derived.policy.name) as worker:
        lacking = {
            (denial.scenario.name, denial.name): (
                missing(worker, denial, derived, denial.subject) - {denial.permission},
                denial.permission in missing(worker, denial, derived, denial.subject),
                missing(worker, denial, derived, denial.control),
            )
            for denial in denials
        }

    assert len(denials) > 500
    assert {name: found for name, found in lacking.items() if found != (set(), True, set())} == {}


def test_the_suite_alone_reaches_what_a_run_has_to(derived: Derived) -> None:
    """At least 1,500 decisions judged and 600 distinct ones (hook, class, permission, verdict): each denied here is
    granted to its control."""
    denials = [denial for found in derived.denials.values() for denial in found]
    distinct = {(denial.check.hook, denial.check.tclass, denial.permission) for denial in denials}

    assert 2 * len(denials) >= 1500
    assert 2 * len(distinct) >= 600


def test_every_scenario_is_a_row_of_the_table_and_has_a_denial(derived: Derived) -> None:
    """Names are unique, and each row asks something that a subject may lack."""
    names = Counter(scenario.name for scenario in scenarios())

    assert {name for name, number in names.items() if number > 1} == set()
    assert set(names) == set(derived.denials)
    assert {(scenario.op, scenario.case) for scenario in scenarios()} <= set(access.TABLE)


_ROWS = [row for row in access.TABLE if not row[0].startswith("ost_")]


@pytest.mark.parametrize(("op", "case"), _ROWS, ids=" ".join)
def test_every_row_that_asks_something_has_a_scenario(op: str, case: str) -> None:
    """What the kernel's table asks on a client's behalf is denied somewhere, or said here to be no operation's own."""
    elsewhere = {
        ("lookup", "name"): "the walk of every scenario",
        ("lookup", "second"): "the walk of what is renamed from one directory to another",
        ("policy_load", "reload"): "test_policy_management",
        ("setenforce", "set"): "test_policy_management",
        ("setbool", "set"): "test_policy_management",
    }
    asks = any(check.perms for check in access.expected(op, case))
    rows = {(scenario.op, scenario.case) for scenario in scenarios()}

    assert ((op, case) in rows) or ((op, case) in elsewhere) or not asks


@pytest.mark.parametrize(("op", "case"), _ROWS, ids=" ".join)
def test_every_row_that_asks_whose_the_descriptor_is_has_a_stranger(op: str, case: str) -> None:
    """What file_has_perm asks of who did not open the file is denied for each operation that asks it."""
    asks = any(check.tclass == "fd" for check in access.expected(op, case, stranger=True))
    strangers = {(scenario.op, scenario.case) for scenario in scenarios() if scenario.foreign}

    assert ((op, case) in strangers) == asks


@pytest.mark.parametrize("name", sorted(SYSCALLS))
def test_every_operation_has_a_scenario(name: str) -> None:
    """Each operation of a client is done by a row, or said here to ask nobody anything."""
    done = {name for code in map(_code, scenarios()) for name in code}

    assert name in done or name in _ASKS_NOBODY


# The task's own attributes and descriptors; what is durable, where bytes are, and waiting for a lock.
_ASKS_NOBODY = {
    "dup", "fsync", "sync", "lseek", "interrupt", "umask",
    "getfscreate", "getexec", "getkeycreate", "getsockcreate", "getcon",
}  # fmt: skip


def _code(scenario: Scenario) -> set[str]:
    """The names that a row's act and the functions that it encloses use."""
    found, open_ones = set(), [scenario.act]
    while open_ones:
        function = open_ones.pop()
        found |= set(function.__code__.co_names)
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        found |= {cell for cell in cells if isinstance(cell, str)}
        open_ones += [cell for cell in cells if callable(cell)]
    return found


def test_families_share_subjects() -> None:
    """What does the same to different classes is one family, whatever the class."""
    found: dict[str, list[Scenario]] = derive.families(scenarios())

    assert [scenario.tclass for scenario in found["stat"]] == list(access_classes())
    assert {scenario.becomes for scenario in found["seal"]} == {"sealed"}
    assert all(len({scenario.becomes for scenario in family}) == 1 for family in found.values())


def access_classes() -> tuple[str, ...]:
    """The classes in the order of the rows."""
    return ("file", "dir", "lnk_file", "chr_file", "blk_file", "fifo_file", "sock_file")


def test_what_a_constraint_leaves_to_nobody_is_said(cache: Path, policy: Policy) -> None:
    """Rules can be added to a policy, and its constraints stay: such a scenario is barred, and says by what."""
    files = {"policy.cil": policy.cil, "more.cil": "(constrain (lnk_file (relabelto)) (eq u1 u2))"}
    stricter = Policy.compile(files, policy.name, cache=cache)

    free, bound = (derive.derive(each, profile.of(policy.name), scenarios()).barred for each in (policy, stricter))

    assert (free, list(bound)) == ({}, ["relabel-unknown"])
    assert bound["relabel-unknown"].endswith("lnk_file { relabelto } on system_u:object_r:unlabeled_t:s0")
