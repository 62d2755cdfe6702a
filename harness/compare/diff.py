"""Two runs, or a run and a baseline, compared: what is different, what of it is KNOWN, and what that comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from harness.compare import differences
from harness.compare.behaviour import OUTSIDE, RACE, Behaviour, Operation
from harness.compare.differences import KINDS, Difference
from harness.compare.known import Known

_AGAIN = re.compile(r", time \d+$")  # the end of a call's name where its test makes it more than once
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Diff:
    """`differences` fail; `known` are tolerated, each with its entry; `xpass` and `expired` are entries. `uncompared`
    are the tests that only `after` has, where only common ones were asked for. Nothing is the same where nothing was
    `compared`."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    differences: tuple[Difference, ...]
    known: tuple[tuple[Difference, Known], ...] = ()
    xpass: tuple[Known, ...] = ()
    expired: tuple[Known, ...] = ()
    tests: int = 0
    decisions: int = 0
    uncompared: int = 0
    compared: bool = True

    @property
    def same(self) -> bool:
        """Nothing is different but what is KNOWN, no KNOWN entry has expired, and there was something to compare."""
        return self.compared and not (self.differences or self.expired)


def compare(
    before: Behaviour, after: Behaviour, known: Sequence[Known] = (), *, today: date, common: bool = False
) -> Diff:
    """What `after` does differently. `common`: only tests that both have, for a run of some of the tests."""
    found = sorted(_found(before.tests, after.tests, common=common), key=_order)
    expired = tuple(entry for entry in known if entry.expires < today)
    valid = [entry for entry in known if entry.expires >= today]
    excused = [(item, _excuse(item, valid)) for item in found]
    used = {id(entry) for _, entry in excused if entry}
    both = {test: () for test in before.tests if test in after.tests and not (common and test == OUTSIDE)}
    new = after.tests.keys() - before.tests.keys() - {OUTSIDE} if common else ()
    return Diff(
        before.about,
        after.about,
        tuple(item for item, entry in excused if entry is None),
        tuple((item, entry) for item, entry in excused if entry is not None),
        tuple(entry for entry in valid if id(entry) not in used and entry.concerns(both)),
        expired,
        len(both.keys() - {OUTSIDE}),
        after.decisions,
        len(new),
        bool(both),
    )


def _found(
    before: Mapping[str, Sequence[Operation]], after: Mapping[str, Sequence[Operation]], *, common: bool
) -> Iterator[Difference]:
    for test in [*before, *(test for test in after if test not in before)]:
        if common and test == OUTSIDE:
            continue  # what the harness does between the tests depends on which of them run
        if test in before and test in after:
            yield from _of_test(test, before[test], after[test])
        elif not common and test != OUTSIDE:
            was, now = ("run", "not run") if test in before else ("not there", "run")
            yield Difference("test", test, "", "the test", was, now, f"test {was}")


def _of_test(test: str, before: Sequence[Operation], after: Sequence[Operation]) -> Iterator[Difference]:
    """Operations are matched by name, so that one more or less leaves the others comparable."""
    if before == after:
        return
    old, new = _without_races(before, after)
    for name in [*old, *(name for name in new if name not in old)]:
        if name in old and name in new:
            yield from differences.of_operation(test, old[name], new[name])
        else:
            was, now = ("called", "not called") if name in old else ("not called", f"called ({new[name].end})")
            yield Difference("operation", test, name, "the operation", was, now, f"operation {was} {now}")


def _without_races(before: Sequence[Operation], after: Sequence[Operation]) -> list[dict[str, Operation]]:
    """Both sides by name, without what raced in either, and without the same call made again after that."""
    raced = {operation.name for operation in (*before, *after) if operation.end == RACE}
    return [
        {operation.name: operation for operation in side if _AGAIN.sub("", operation.name) not in raced}
        for side in (before, after)
    ]


def _excuse(difference: Difference, known: Iterable[Known]) -> Known | None:
    return next((entry for entry in known if entry.matches(difference)), None)


def _order(difference: Difference) -> tuple[int, str, str, str]:
    return _ORDER[difference.kind], difference.test, difference.operation, difference.what
