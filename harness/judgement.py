"""The checkers' last word on clusters: on one, on several merged, and as values that another process can send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from harness import checkers
from harness.checkers import Finding, Verdict
from harness.history import Event

# Hook, class, single permission, granted or not.
Decided = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One cluster's, or several clusters'. `decided` are the distinct decisions; `late` was found after the last test.

    `numbers` are those of checkers.Judge.summary, by name.
    """

    verdicts: tuple[Verdict, ...] = ()
    numbers: Mapping[str, int] | None = None
    late: tuple[Finding, ...] = ()
    decided: frozenset[Decided] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the clusters of one process: of a test run, or of one worker of it.

    `folders` are those of its clusters in `run_dir`, which is the whole run's. `failure` says why a cluster could not
    be had, and `unavailable` that this is the machine's fault. `ready_s`: how long the first cluster took to boot; of
    several processes the least, since the tests of those that have booted take the processor from the others.
    """

    judgement: Judgement = Judgement()
    run_dir: str = ""
    folders: tuple[str, ...] = ()
    ready_s: float | None = None
    failure: str | None = None
    unavailable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Lists, dicts, texts and numbers only: what execnet, too, can carry."""
        said = self.judgement
        return {
            "verdicts": [_plain(verdict) for verdict in said.verdicts],
            "numbers": dict(said.numbers or {}),
            "late": [_plain(finding) for finding in said.late],
            "decided": sorted(map(list, said.decided)),
            "run_dir": self.run_dir,
            "folders": list(self.folders),
            "ready_s": self.ready_s,
            "failure": self.failure,
            "unavailable": self.unavailable,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The value written by `to_json`."""
        judgement = Judgement(
            tuple(Verdict(**_rebuilt(item)) for item in data["verdicts"]),
            data["numbers"],
            tuple(Finding(**_rebuilt(item)) for item in data["late"]),
            frozenset((hook, tclass, perm, granted) for hook, tclass, perm, granted in data["decided"]),
        )
        rest = (data[name] for name in ("ready_s", "failure", "unavailable"))
        return cls(judgement, data["run_dir"], tuple(data["folders"]), *rest)


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """That of all processes of a run; the first failure stands for all."""
    outcomes = list(outcomes)
    failed = next((outcome for outcome in outcomes if outcome.failure), Outcome())
    ready = [outcome.ready_s for outcome in outcomes if outcome.ready_s is not None]
    return Outcome(
        merged([outcome.judgement for outcome in outcomes]),
        next((outcome.run_dir for outcome in outcomes), ""),
        tuple(folder for outcome in outcomes for folder in outcome.folders),
        min(ready, default=None),
        failed.failure,
        failed.unavailable,
    )


def merged(parts: Iterable[Judgement]) -> Judgement:
    """One verdict a checker and one count of each kind; distinct decisions are those of all clusters together."""
    parts = list(parts)
    verdicts: dict[str, list[Verdict]] = {}
    numbers: dict[str, int] = {}
    for part in parts:
        for verdict in part.verdicts:
            verdicts.setdefault(verdict.checker, []).append(verdict)
        for name, count in (part.numbers or {}).items():
            numbers[name] = numbers.get(name, 0) + count
    decided = frozenset[Decided]().union(*(part.decided for part in parts))
    numbers["distinct_decisions"] = len(decided)
    late = tuple(finding for part in parts for finding in part.late)
    return Judgement(tuple(_one(same) for same in verdicts.values()), numbers, late, decided)


def decisions(events: Iterable[Event]) -> Iterable[Decided]:
    """What `distinct_decisions` counts."""
    for event in events:
        if event["e"] == "avc" and event["module"] == "selinux":
            denied = set(event.get("denied") or ())
            for permission in event["requested"]:
                yield event["hook"], event["tclass"], permission, permission not in denied


def sentences(findings: Iterable[Finding]) -> str:
    """Findings as a test's failure shows them, one a line."""
    return "\n".join(f"labelproof: {item.checker} {item.kind}: {item.because}{_difference(item)}" for item in findings)


def _difference(finding: Finding) -> str:
    if not (finding.expected or finding.actual):
        return ""
    return f" (expected {finding.expected or 'nothing'}, found {finding.actual or 'nothing'})"


def _one(verdicts: list[Verdict]) -> Verdict:
    """Of several valid ones, all that they say; else the worst."""
    worst = checkers.merge(verdicts)
    if worst.valid != "valid":
        return worst
    return Verdict("valid", _summed([verdict.because for verdict in verdicts]), checker=worst.checker)


def _summed(said: Sequence[str]) -> str:
    """`3 judged` and `4 judged` are 7; other words stand beside each other."""
    counts = [text.removesuffix(" judged") for text in said]
    if all(count.isdecimal() for count in counts):
        return f"{sum(map(int, counts))} judged"
    return ", ".join(said)


def _plain(said: Verdict | Finding) -> dict[str, Any]:
    return asdict(said) | {"culprits": [dict(culprit) for culprit in said.culprits]}


def _rebuilt(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "culprits": tuple(data["culprits"])}
