"""What two runs of the same code need not agree on, because a test calls several operations at once."""

import asyncio
from collections.abc import Callable
from datetime import date

import pytest

from harness.clusters import Cluster
from harness.compare import Behaviour, compare, of_run, races
from harness.compare.behaviour import RACE, Operation
from harness.compare.diff import Diff
from harness.history import Event
from harness.store import Run

ADMIN = "system_u:system_r:admin_t:s0-s0:c0.c15"
TODAY = date(2030, 1, 1)


def history(*lines: str) -> tuple[dict[str, Event], dict[str, Event]]:
    """Operations from lines `+op call path` (invoked) and `-op` (ended), in the order in which they happen."""
    ops: dict[str, Event] = {}
    ends: dict[str, Event] = {}
    for index, text in enumerate(lines):
        name, _, rest = text[1:].partition(" ")
        if text[0] == "-":
            ends[name] = {"i": index, "ret": {"fd": 3} if ops[name]["f"] == "open" else None}
            continue
        call, place = rest.split()
        args = {"fd": 3} if place == "fd" else {"path": place, "flags": 0}
        ops[name] = {"i": index, "test": "test", "client": "client0", "task": "t1", "f": call, "args": args}
    return ops, ends


@pytest.mark.parametrize(
    ("lines", "racing"),
    [
        (("+a mknod /d/x", "+b lstat /d/x", "-a", "-b"), {"a", "b"}),
        (("+a mknod /d/x", "-a", "+b lstat /d/x", "-b"), set()),
        (("+a lstat /d/x", "+b lstat /d/x", "-a", "-b"), set()),
        (("+a mknod /d/x", "+b mknod /d/y", "-a", "-b"), set()),
        (("+a mkdir /d", "+b mknod /d/y", "-a", "-b"), {"a", "b"}),
        (("+a open /d/x", "-a", "+b write fd", "+c getxattr /d/x", "-b", "-c"), {"b", "c"}),
        (("+a lockf fd", "+b lockf fd", "-b", "-a"), set()),
        (("+a setxattr /x", "+b lstat /y", "-b", "+c lstat /x", "-c"), {"a", "c"}),
    ],
    ids=["at-once", "one-after-the-other", "looks", "beside", "within", "descriptor", "locks", "no-end"],
)
def test_which_operations_race(lines: tuple[str, ...], racing: set[str]) -> None:
    """Those under way at once, at one place, of which at least one changes it."""
    assert races.find(*history(*lines)) == racing


def diff(before: list[Operation], after: list[Operation]) -> Diff:
    return compare(Behaviour({"t": tuple(before)}), Behaviour({"t": tuple(after)}), today=TODAY)


def test_what_raced_on_one_side_only_is_not_compared() -> None:
    """Whether two operations met is chance as well; what else the test does is compared."""
    raced = [Operation("lstat /x", RACE), Operation("lstat /y", "ok")]
    plain = [Operation("lstat /x", "ENOENT"), Operation("lstat /x, time 2", "ok"), Operation("lstat /y", "ENOENT")]

    assert [item.operation for item in diff(raced, plain).differences] == ["lstat /y"]
    assert [item.operation for item in diff(plain, raced).differences] == ["lstat /y"]


def test_another_seed_is_no_difference_for_a_race(record: Callable[..., Run]) -> None:
    """How often one client looks before it finds what the other one makes is chance; the label it ends with is not."""
    runs = [of_run(record(seed=seed, work=_race)) for seed in (1, 2, 3)]
    for run in runs:
        ends = {operation.name.partition("(")[0]: operation.end for operation in run.tests["test_race"]}
        assert ends == {"lstat": RACE, "mknod": RACE, "getxattr": "ok"}

    assert not compare(runs[0], runs[1], today=TODAY).differences
    assert not compare(runs[0], runs[2], today=TODAY).differences


def _race(cluster: Cluster) -> None:
    cluster.test = "test_race"
    one, other = (cluster.client(name).login(ADMIN, uid=0, caps="all", umask=0) for name in ("client0", "client1"))

    async def watch() -> None:
        while True:
            try:
                await other.acall("lstat", path="/x")
            except FileNotFoundError:
                await asyncio.sleep(0)
            else:
                return

    async def race() -> None:
        await asyncio.gather(watch(), one.acall("mknod", path="/x", mode=0o100644, rdev=0))

    cluster.run(race())
    other.getxattr("/x", "security.selinux")
    cluster.collect()
