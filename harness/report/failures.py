"""What is wrong, as sentences: the findings of the judges by test, each with its object and the steps that lead there.

results.json keeps the first finding of each checker. A run that failed is judged once more, from its history, for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sepol
from harness import checkers, pool
from harness.checkers import Finding
from harness.model.fs import Event
from harness.model.policy import Stored
from harness.report.book import Book, Step, Story
from harness.results import FAILED, Results, Test

STEPS_MIN, STEPS_MAX = 5, 15


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong in a test: what, about which object, at which step; `rule` names checker and kind.

    `events` are places in the history files, `steps` the operations to look at, `of` out of how many.
    """

    sentence: str
    rule: str
    object: str
    step: str
    expected: str
    actual: str
    events: tuple[str, ...]
    steps: tuple[Step, ...]
    of: int


def findings(part: Path, events: Iterable[Event], found: Results) -> tuple[Finding, ...]:
    """Every finding in one cluster's history, its policies at hand; else the first of each checker, as results.json."""
    if found.verdict != "fail" or not any(checker.valid == "invalid" for checker in found.checkers):
        return ()
    try:
        whole = (part / "policy").is_dir() and sepol.available() is None
        return _judged(part, events) if whole else _stored(found)
    except (OSError, ValueError, LookupError, sepol.PolicyError):  # damaged since it was judged: still a page
        return _stored(found)


def of_test(test: Test, story: Story | None, book: Book | None, found: Iterable[Finding]) -> tuple[Failure, ...]:
    """The failures of one test: the findings, else the reason that pytest gives."""
    failures = [_failure(finding, story, book) for finding in found]
    if not failures and test.status in FAILED:
        failures.append(_by_reason(test, story))
    return tuple(failures)


def home(finding: Finding, book: Book) -> str | None:
    """The test that a finding belongs to: its own, else the last that had to do with the object."""
    if finding.test:
        return finding.test
    places = [book.places[ref].op for ref in refs(finding) if ref in book.places]
    for story in reversed(book.stories.values()):
        if any(step.op in places for step in story.steps) or _about(finding, story, book):
            return story.test
    return None


def refs(finding: Finding) -> list[tuple[str, int]]:
    """The events it is about, as (node, index)."""
    return [(culprit["n"], culprit["i"]) for culprit in finding.culprits]


def steps_about(story: Story, touched: set[str], culprits: list[Step]) -> tuple[Step, ...]:
    """The operations that had to do with the objects, up to the culprit: at most STEPS_MAX, the last of them.

    Fewer than STEPS_MIN are filled up with what came just before, most of all by the same task.
    """
    last = max((step.number for step in culprits), default=len(story.steps))
    before = story.steps[:last]
    chosen = {step.number for step in culprits} | {step.number for step in before if step.touched & touched}
    tasks = {(step.client, step.task) for step in culprits}
    for step in sorted(before, key=lambda step: ((step.client, step.task) in tasks, step.number), reverse=True):
        if len(chosen) >= STEPS_MIN:
            break
        chosen.add(step.number)
    return tuple(step for step in before if step.number in chosen)[-STEPS_MAX:]


def _judged(part: Path, events: Iterable[Event]) -> tuple[Finding, ...]:
    with closing(Stored(part)) as policies:
        judge = checkers.Judge(policies)
        judge.feed(events)
        if (part / "audit.log").exists():
            judge.feed_audit(pool.audit_lines(part))
        judge.verdicts()
        return tuple(judge.drain())


def _stored(found: Results) -> tuple[Finding, ...]:
    return tuple(
        Finding(item.name, "", item.because, tuple(map(dict, item.culprits)), item.expected, item.actual)
        for item in found.checkers
        if item.valid == "invalid"
    )


def _failure(finding: Finding, story: Story | None, book: Book | None) -> Failure:
    fids = [book.fids[ref] for ref in refs(finding) if ref in book.fids] if book else []
    places = {book.places[ref].op for ref in refs(finding) if ref in book.places} if book else set()
    culprits = [step for step in story.steps if step.op in places] if story else []
    steps = steps_about(story, set(fids), culprits) if story else ()
    return Failure(
        sentence=finding.because,
        rule=" ".join(filter(None, (finding.checker, finding.kind))),
        object=_named(fids[0], book) if fids and book else "",
        step=_told(culprits[-1]) if culprits else "",
        expected=finding.expected,
        actual=finding.actual,
        events=tuple(f"{book.part if book else ''}history/{n}.jsonl line {i + 1}" for n, i in refs(finding)),
        steps=steps,
        of=len(story.steps) if story else 0,
    )


def _by_reason(test: Test, story: Story | None) -> Failure:
    """A test's own assertion: what it did last is what it was about."""
    culprits = story.steps[-1:] if story else []
    steps = steps_about(story, set().union(*(step.touched for step in culprits)), culprits) if story else ()
    step = _told(culprits[-1]) if culprits else ""
    return Failure(test.reason or test.status, f"test {test.status}", "", step, "", "", (), steps,
                   len(story.steps) if story else 0)  # fmt: skip


def _about(finding: Finding, story: Story, book: Book) -> bool:
    return any(story.touching(book.fids[ref]) for ref in refs(finding) if ref in book.fids)


def _named(fid: str, book: Book) -> str:
    path = book.paths.get(fid)
    return f"{path} {fid}" if path else fid


def _told(step: Step) -> str:
    return f"step {step.number}: {step.f} {step.what}, {step.outcome}"


def by_test(found: Iterable[Finding], book: Book) -> Mapping[str | None, list[Finding]]:
    """Findings of one cluster by the test that they belong to; those of none under None."""
    result: dict[str | None, list[Finding]] = {}
    for finding in found:
        test = home(finding, book)
        result.setdefault(test, []).append(replace(finding, test=test))
    return result


def lines(failures: Iterable[Any]) -> str:
    """All sentences, for the list and its search."""
    return "; ".join(failure.sentence for failure in failures)
