"""Two runs of the same code differ in nothing; a changed rule, call or label is told, worst first."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from harness.clusters import Cluster
from harness.compare import Behaviour, Difference, compare, of_run, render
from harness.compare.behaviour import OUTSIDE, Operation, line
from harness.compare.differences import KINDS, of_operation
from harness.store import Run
from tests.harness.compare.conftest import ADMIN, HOME, USER

ROOT = "system_u:object_r:root_t:s0"
TODAY = date(2030, 1, 1)
MAKE = "(allow user_t secret_t (file (create)))"
NAMED = '(typetransition user_t home_t file "f" project_t)'
Record = Callable[..., Run]


def found(before: Run, after: Run) -> tuple[Difference, ...]:
    return compare(of_run(before), of_run(after), today=TODAY).differences


def decision(verdict: str, *, denied: str = "", tcontext: str = "u:object_r:a_t:s0", hook: str = "file_open") -> str:
    return line(
        "mds0", "server", hook, "selinux", "object", "/f", "file", "open read", denied, "u:r:t:s0", tcontext, verdict
    )


def kinds(before: Operation, after: Operation) -> list[str]:
    return [difference.kind for difference in of_operation("test", before, after)]


def test_another_seed_is_no_difference(record: Record, plain: Run) -> None:
    """Two runs of the same code, with other FIDs, times and ids, differ in nothing."""
    assert found(plain, record(seed=99)) == ()


def test_processes_and_simulator_are_the_same(record: Record, plain: Run) -> None:
    """The runtime makes no difference."""
    assert found(plain, record("processes")) == ()


def test_decisions_are_there_to_be_compared(plain: Run) -> None:
    """A comparison of nothing would find nothing: the run has decisions, labels, rpcs and its refusal."""
    operations = of_run(plain).tests["test_labels"]

    assert sum(len(operation.decisions) for operation in operations) > 20
    assert [operation.end for operation in operations].count("EACCES") == 1
    assert any("stored" not in label and "\traw" in label for operation in operations for label in operation.labels)
    assert any("Mds/Open" in rpc for operation in operations for rpc in operation.rpcs)


def test_a_folder_more_before_moves_nothing(record: Record, plain: Run) -> None:
    """Numbers begin afresh in each test, so that another test before is one difference and no more."""
    differences = found(plain, record(first=2))

    assert [difference.kind for difference in differences] == ["test"]


def test_derived_types_are_numbered_wherever_they_are_named(record: Record) -> None:
    """Also those that a task only takes by setcon: another test before moves none of them."""

    def work(number: int) -> Callable[[Cluster], None]:
        def run(cluster: Cluster) -> None:
            task = cluster.client().login("user_u:user_r:user_t:s0")
            cluster.test = "test_becomes"
            task.setcon(f"user_u:user_r:labelproof_s{number}_t:s0")
            task.lstat("/")
            cluster.collect()

        return run

    rules = "(allow user_t self (process (setcurrent)))" + "".join(
        f"(type labelproof_s{n}_t) (roletype user_r labelproof_s{n}_t)"
        f"(allow user_t labelproof_s{n}_t (process (dyntransition)))"
        f"(allow labelproof_s{n}_t lustre_fs_t (filesystem (mount))) (allow labelproof_s{n}_t root_t (dir (getattr)))"
        for n in (1, 7)
    )

    one, other = (record(rules=rules, work=work(number)) for number in (1, 7))

    assert found(one, other) == ()
    assert "labelproof_s#1_t" in str(of_run(one).tests["test_becomes"])


def test_what_was_made_and_taken_back_has_no_number(record: Record) -> None:
    """An O_TMPFILE open that is refused at its last check: another test's, before it, is not counted."""

    def work(first: int) -> Callable[[Cluster], None]:
        def run(cluster: Cluster) -> None:
            admin, user = cluster.client().login(ADMIN, uid=0, caps="all", umask=0), cluster.client().login(USER)
            admin.mkdir("/d", 0o777)
            admin.setxattr("/d", "security.selinux", HOME)
            user.setfscreate("user_u:object_r:log_t:s0")
            for test in ("test_before",) * first + ("test_refused",):
                cluster.test = test
                with contextlib.suppress(PermissionError):
                    user.open("/d", os.O_TMPFILE | os.O_RDWR, 0o600)
            cluster.collect()

        return run

    one, other = (of_run(record(work=work(first))) for first in (0, 1))

    assert "\tobject\t" in str(one.tests["test_refused"]).replace("\\t", "\t")
    assert one.tests["test_refused"] == other.tests["test_refused"]


def test_what_has_no_name_at_the_end_is_no_difference(record: Record) -> None:
    """A file that is unlinked and still open is in the store when the run ends at once, and not when it goes on."""

    def work(cluster: Cluster) -> None:
        admin = cluster.client().login(ADMIN, uid=0, caps="all", umask=0)
        cluster.test = "test_unnamed"
        admin.mkdir("/d", 0o777)
        admin.open("/d", os.O_TMPFILE | os.O_RDWR, 0o600)
        assert any(item.get("path") == item["object"] for item in cluster.collect())

    labels = [label for operation in of_run(record(work=work)).tests["test_unnamed"] for label in operation.labels]

    assert [label for label in labels if label.endswith("\traw")] == [f"mds0\t/d\tsecurity.selinux\t{ROOT}\traw"]


def test_a_new_rule_is_a_new_allow(record: Record, plain: Run) -> None:
    """What the policy now allows comes first, as a sentence with operation, test, decision, before and after."""
    differences = found(plain, record(rules=MAKE))

    assert differences[0].kind == "allow"
    sentences = [difference.sentence for difference in differences if difference.kind == "allow"]
    assert any(
        "mknod(" in text and "of test_labels" in text and "file { create }" in text and "was denied before" in text
        for text in sentences
    )


def test_the_other_way_round_is_a_new_deny(record: Record, plain: Run) -> None:
    """What is no longer allowed is a new deny, never a new allow."""
    differences = found(record(rules=MAKE), plain)

    assert differences[0].kind == "deny"
    assert all(difference.kind != "allow" for difference in differences)


def test_a_changed_label_is_told(record: Record, plain: Run) -> None:
    """A new file-name transition shows as the label that was stored before and the one stored now."""
    labels = [difference for difference in found(plain, record(rules=NAMED)) if difference.kind == "label"]

    stored = next(difference for difference in labels if "as stored by mds0" in difference.what)
    assert ":home_t:" in stored.before
    assert ":project_t:" in stored.after


def test_an_operation_more_leaves_the_others_alone(record: Record, plain: Run) -> None:
    """A call that only one run makes is one difference."""
    differences = found(plain, record(extra=True))

    assert [(difference.kind, difference.after) for difference in differences] == [("operation", "called (ok)")]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (decision("denied", denied="read"), decision("allowed"), "allow"),
        (decision("denied", denied="read"), decision("permissive", denied="read"), "allow"),
        (decision("permissive", denied="read"), decision("allowed"), "allow"),
        (decision("allowed"), decision("permissive", denied="read"), "deny"),
        (decision("allowed"), decision("denied", denied="read"), "deny"),
        (decision("allowed"), decision("allowed", tcontext="u:object_r:b_t:s0"), "label"),
    ],
)
def test_a_decision_that_changed(before: str, after: str, kind: str) -> None:
    """Each single permission is compared; permissive stands between denied and allowed."""
    old, new = (Operation("call", "ok", (text,)) for text in (before, after))

    assert kinds(old, new) == [kind] if kind != "label" else set(kinds(old, new)) == {"label"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [("EACCES", "ok", "allow"), ("ok", "EPERM", "deny"), ("ok", "ENOENT", "errno"), ("EPERM", "EACCES", "errno")],
)
def test_an_outcome_that_changed(before: str, after: str, kind: str) -> None:
    """A refusal that is gone is a new allow, also where no decision tells of it."""
    assert kinds(Operation("call", before), Operation("call", after)) == [kind]


def test_hooks_that_moved() -> None:
    """Of what a server fired, what is gone, what is new, and another order are moved hooks."""
    one = Operation(
        "call", "ok", rpcs=(line("mds0", "Mds/Open", "new", "a", "parent", "/", "1", "b", "new", "/f", "1"),)
    )
    gone = replace(one, rpcs=(line("mds0", "Mds/Open", "new", "a", "parent", "/", "1"),))
    turned = replace(one, rpcs=(line("mds0", "Mds/Open", "new", "b", "new", "/f", "1", "a", "parent", "/", "1"),))

    assert [(d.kind, d.before, d.after) for d in of_operation("t", one, gone)] == [("hook", "fired once", "not fired")]
    assert [(d.kind, d.before, d.after) for d in of_operation("t", one, turned)] == [
        ("hook", "a(parent) on / at mds0", "b(new) on /f at mds0")
    ]


def test_questions_that_changed_places() -> None:
    """What a server asks within one hook, in another order, is a moved hook: the first denial is another one."""
    first, second = decision("allowed"), decision("allowed", hook="inode_create").replace("object", "parent")
    one, two = (Operation("open", "ok", pair) for pair in ((first, second), (second, first)))

    (found,) = of_operation("test", one, two)

    assert (found.kind, "order in which mds0 asks" in found.what) == ("hook", True)
    assert (found.before, found.after) == (
        "file { open read } on /f for file_open(object)",
        "file { open read } on /f for inode_create(parent)",
    )
    assert list(of_operation("test", one, one)) == []


def test_rpcs_are_counted() -> None:
    """One rpc more of a kind is a changed count."""
    once = Operation("call", "ok", rpcs=(line("mds0", "Mds/Lookup", "name"),))
    twice = replace(once, rpcs=once.rpcs * 2)

    assert [(d.kind, d.before, d.after) for d in of_operation("t", once, twice)] == [("rpc", "1", "2")]


def test_worst_first() -> None:
    """New allows stand before new denies, and these before everything else."""
    before = Behaviour({"a": (Operation("1", "ok"), Operation("2", "ENOENT"), Operation("3", "EACCES"))})
    after = Behaviour({"a": (Operation("1", "EACCES"), Operation("2", "ok"), Operation("3", "ok"))})

    order = [difference.kind for difference in compare(before, after, today=TODAY).differences]

    assert order == ["allow", "deny", "errno"]
    assert order == sorted(order, key=list(KINDS).index)


def test_nothing_compared_is_not_the_same(record: Record, plain: Run) -> None:
    """Nothing passes vacuously: tests of another suite, of the runs' common ones, are none."""
    one = of_run(plain)
    other = replace(one, tests={f"other.py::{test}": one.tests[test] for test in one.tests if test != OUTSIDE})

    found = compare(one, other, today=TODAY, common=True)
    some = compare(one, replace(one, tests={**one.tests, **other.tests}), today=TODAY, common=True)

    assert (found.same, found.tests, found.differences) == (False, 0, ())
    assert render.verdict(found).startswith("NOTHING COMPARED: no test is on both sides")
    assert (some.same, some.uncompared) == (True, len([test for test in one.tests if test != OUTSIDE]))
    assert "not compared: " in "\n".join(render.text(some))


def test_tests_that_did_not_run() -> None:
    """A test that is gone is a difference, unless only what both have was asked for."""
    before, after = Behaviour({"a": (), "b": ()}), Behaviour({"a": ()})

    assert not compare(before, after, today=TODAY).same
    assert compare(before, after, today=TODAY, common=True).same
