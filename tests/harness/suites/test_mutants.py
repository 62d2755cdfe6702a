"""Each suite fails under a planted bug by an assertion of its own, and passes without it, on the same tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.args import Path as Named
from client.args import Syscall
from client.ctx import Ctx
from client.ops import SYSCALLS, attr, xattr
from harness import runner
from harness.clusters import RUNTIMES, Cluster
from harness.collector import Listener
from harness.mutants import MUTANTS
from harness.results import Results, Test
from harness.runner import RunOptions
from harness.spec import ClusterSpec
from harness.store import Store

# suite -> (tests, the bug, what the suite's own assertion says)
CASES = {
    "create_labels": ("test_new_object and transition-plain", "parent_label", "refused what the policy grants"),
    "mediation": ("seal", "no_validatetrans", "DID NOT RAISE"),
    "lustre_selinux": ("test_10", "keep_old_label", "AssertionError"),
    "lifecycle": ("test_life", "ost_label", "as stored"),
}


class Nobody(Listener):
    """Takes what a run tells, and tells nobody."""

    def begin(self, total: int) -> None:
        """Nothing."""

    def done(self, test: Test, number: int) -> None:
        """Nothing."""


@pytest.fixture
def results(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str, str], Results]]:
    """Runs tests of a suite in the simulator, with a bug in its servers or without."""
    stack = ExitStack()
    real = RUNTIMES["sim"]

    def run(suite: str, expression: str, bug: str = "") -> Results:
        class Bugged:
            def available(self) -> str | None:
                return real().available()

            def start(self, spec: ClusterSpec, folder: Path) -> Cluster:
                cluster = real().start(spec, folder)
                for mutant in MUTANTS:
                    if mutant.name == bug:
                        stack.enter_context(mutant.plant(cluster))
                return cluster

        monkeypatch.setitem(RUNTIMES, "sim", Bugged)
        options = RunOptions([suite], "sim", "targeted", expression=expression, seed=1)
        return runner.run(options, Store(tmp_path / f"store{bug}"), Nobody()).results

    yield run
    stack.close()


@pytest.mark.parametrize("suite", CASES)
def test_a_suite_fails_while_the_bug_is_there(suite: str, results: Callable[[str, str, str], Results]) -> None:
    """Its own assertion sees the bug, not the checkers alone."""
    expression, bug, said = CASES[suite]

    clean, bugged = results(suite, expression, ""), results(suite, expression, bug)

    assert {test.status for test in clean.tests} == {"PASS"}, clean.reason
    assert [test.reason for test in bugged.tests if said in test.reason], [test.reason for test in bugged.tests]
    assert bugged.verdict == "fail"


@pytest.mark.parametrize(
    ("bug", "expression", "said"),
    [
        ("lost_groups", "test_new_object and inherit-plain", "PermissionError:"),
        ("lost_dontaudit", "test_who_may_look", "audit"),
    ],
)
def test_what_no_assertion_is_about_is_done_all_the_same(
    bug: str, expression: str, said: str, results: Callable[[str, str, str], Results]
) -> None:
    """A subject of two groups, whom no server knows otherwise, and a denial in silence: a run sees both bugs."""
    clean, bugged = results("create_labels", expression, ""), results("create_labels", expression, bug)

    assert {test.status for test in clean.tests} == {"PASS"}, clean.reason
    assert {test.reason.partition(" ")[0] for test in bugged.tests} == {said}


async def label_too(ctx: Ctx, path: Named) -> object:
    """lstat that has an rpc of its own for the label (LU-16210)."""
    await xattr.getxattr(ctx, "security.selinux", path, follow=False)
    return await attr.lstat(ctx, path)


async def look_first(ctx: Ctx, path: Named) -> object:
    """lstat that looks its name up before it asks for it."""
    await ctx.walk.peek(await ctx.last(path))
    return await attr.lstat(ctx, path)


@pytest.mark.parametrize("costly", [label_too, look_first])
def test_an_rpc_too_many_is_noticed(
    costly: Callable[[Ctx, Named], object], results: Callable[[str, str], Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a stat costs is counted: one more rpc than Lustre's fails, whatever it is for."""
    monkeypatch.setitem(SYSCALLS, "lstat", Syscall.of(costly))

    costs = results("lustre_selinux", "20d_no_rpc_for_the_label and stat and not followed")

    assert [test.status for test in costs.tests] == ["FAIL"]
    assert "Mds/Getattr" in costs.tests[0].reason
