"""A recorded run judged again, by the checkers of this version."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sepol
from harness import checkers, history, judgement, pool
from harness.checkers.verdict import Valid, Verdict
from harness.judgement import Judgement
from harness.model.policy import Stored
from harness.store import Run


@dataclass(frozen=True, slots=True)
class Rechecked:
    """The verdict of each checker on all clusters of a run; `torn` names history files that end in a torn line."""

    verdicts: tuple[Verdict, ...]
    numbers: dict[str, int]
    torn: tuple[str, ...]

    @property
    def verdict(self) -> Valid:
        """The worst."""
        return checkers.merge(self.verdicts).valid


def judge(run: Run, only: Collection[str] | None = None) -> Rechecked:
    """Reads every history of the run and judges it.

    Raises FileNotFoundError where there is none, history.Corrupt for a damaged one, ValueError for an unknown
    checker, sepol.PolicyError for a damaged policy, sepol.Missing.
    """
    parts = run.parts()
    if not parts:
        raise FileNotFoundError(2, "no history here; give the folder of a run", str(run.path))
    if reason := sepol.available():
        raise sepol.Missing(reason)
    whole: list[Judgement] = []
    torn: list[str] = []
    for part in parts:
        read = history.read(part / "history")
        torn += [str(part.relative_to(run.path) / "history" / name) for name in read.torn]
        whole.append(_judged(part, read.events, only))
    merged = judgement.merged(whole)
    return Rechecked(merged.verdicts, dict(merged.numbers or {}), tuple(torn))


def of_part(part: Path) -> Judgement:
    """One cluster of a run, whose own judge was lost with its process; raises as `judge`."""
    return _judged(part, history.read(part / "history").events, None)


def to_json(run: Run, found: Rechecked) -> dict[str, Any]:
    """JSON values: run, verdict, checkers, judged, torn."""
    return {
        "run": str(run.path),
        "verdict": found.verdict,
        "checkers": [asdict(verdict) for verdict in found.verdicts],
        "judged": found.numbers,
        "torn": list(found.torn),
    }


def _judged(part: Path, events: Collection[history.Event], only: Collection[str] | None) -> Judgement:
    with closing(Stored(part)) as policies:
        judge = checkers.Judge(policies, only)
        judge.feed(events)
        if (part / "audit.log").exists():
            judge.feed_audit(pool.audit_lines(part))
        decided = frozenset(judgement.decisions(events))
        return Judgement(tuple(judge.verdicts()), judge.summary(), decided=decided)
