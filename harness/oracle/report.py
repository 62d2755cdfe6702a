"""What a replay came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from harness.oracle import known
from harness.oracle.compare import Difference, Outcome, Skipped
from harness.oracle.known import Rule
from harness.oracle.replay import Observed


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, and everything that was skipped or differs. `compared` counts cases of which a step was compared."""

    cases: int
    compared: int
    steps: int
    checks: int
    skipped: tuple[Skipped, ...]
    different: tuple[tuple[Difference, Rule | None], ...]
    unused: tuple[Rule, ...]
    families: Mapping[str, Mapping[str, int]]

    @property
    def unexplained(self) -> list[Difference]:
        return [difference for difference, rule in self.different if rule is None]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "cases": self.cases,
            "compared": self.compared,
            "steps": self.steps,
            "checks": self.checks,
            "skipped": [asdict(item) for item in self.skipped],
            "different": [asdict(d) | {"known": rule.reason if rule else None} for d, rule in self.different],
            "unused": [asdict(rule) for rule in self.unused],
            "families": {name: dict(numbers) for name, numbers in self.families.items()},
        }

    def reasons(self) -> list[tuple[str, int]]:
        """Why steps were skipped, and how many for each reason, the commonest first."""
        return Counter(item.reason for item in self.skipped).most_common()


def report(
    observed: Sequence[Observed], outcomes: Iterable[Outcome], rules: tuple[Rule, ...],
    families: Mapping[str, tuple[str, ...]],
) -> Report:  # fmt: skip
    """From what was observed and what was said of it."""
    said = list(outcomes)
    skipped = tuple(item for item in said if isinstance(item, Skipped))
    different = tuple((item, known.explained(rules, item)) for item in said if isinstance(item, Difference))
    left_out = {item.case for item in skipped if item.step is None}
    compared = {
        item.case.id: [done for done in item.steps if not done.skipped]
        for item in observed
        if item.case.id not in left_out
    }
    compared = {case: done for case, done in compared.items() if done}
    used = {rule for _, rule in different}
    wrong = {difference.case for difference, rule in different if rule is None}
    return Report(
        cases=len(observed),
        compared=len(compared),
        steps=sum(map(len, compared.values())),
        checks=sum(len(done.checks) for steps in compared.values() for done in steps),
        skipped=skipped,
        different=different,
        unused=tuple(rule for rule in rules if rule not in used),
        families={name: _family(ids, observed, compared.keys(), wrong) for name, ids in families.items()},
    )


def _family(
    patterns: tuple[str, ...], observed: Sequence[Observed], compared: Iterable[str], wrong: set[str]
) -> dict[str, int]:
    ids = {item.case.id for item in observed if any(fnmatchcase(item.case.id, pattern) for pattern in patterns)}
    return {"cases": len(ids), "compared": len(ids.intersection(compared)), "different": len(ids & wrong)}
