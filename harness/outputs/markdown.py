"""A run as Markdown, for a step summary or a comment: verdict, checkers, suites, and each failure with its diagram."""

from __future__ import annotations

from collections.abc import Iterator

from harness import report
from harness.outputs import mermaid
from harness.outputs.text import code, markdown
from harness.outputs.told import Problem, Told

PROBLEMS_MAX = 20
BYTES_MAX = 200_000  # GitHub takes 1 MiB a step and shows no more than 64 Ki characters of a comment
_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
_TEXT_MAX = 1000


def render(told: Told) -> str:
    """The page. Of many failures the first are told; how many there are is always said."""
    head = "\n".join(_head(told))
    room = BYTES_MAX - len(head.encode())
    parts: list[str] = []
    before: Problem | None = None
    for problem in told.problems[:PROBLEMS_MAX]:
        part = "\n".join(_problem(problem, before, told))
        room -= len(part.encode())
        if room < 0:
            break
        parts.append(part)
        before = problem
    left = len(told.problems) - len(parts)
    more = [f"\n{left} more: see the report `report.html` of the run.\n"] if left else []
    return "\n".join([head, *parts, *more]) + "\n"


def _head(told: Told) -> Iterator[str]:
    found = told.found
    yield f"## {_MARKS[found.verdict]} labelproof: {found.verdict}\n"
    yield f"{markdown(found.reason, _TEXT_MAX)}\n"
    yield "| suite | tests | failed | seconds |\n|---|---:|---:|---:|"
    for row in report.by_suite(found.tests):
        yield f"| {code(row['name'], 100)} | {row['total']} | {row['failed']} | {row['duration_s']:.1f} |"
    yield "\n| checker | verdict | because |\n|---|---|---|"
    for item in found.checkers:
        yield f"| {markdown(item.name)} | {item.valid} | {markdown(item.because, 300)} |"
    judged = found.judged
    yield (
        f"\njudged {judged.operations} operations, {judged.rpcs} rpcs, {judged.decisions} decisions"
        f" ({judged.second_engine} confirmed by libsepol), {judged.labels} labels, {judged.denials} denials"
        f" ({judged.denials_with_control} with their control)\n"
    )
    if found.replay:
        yield f"again: {code(found.replay)}\n"
    for text in told.damage if told.problems else ():
        yield f"- {markdown(text, _TEXT_MAX)}"


def _problem(problem: Problem, before: Problem | None, told: Told) -> Iterator[str]:
    """What the one before it says already, of the same test, is not said again."""
    if before is None or problem.test is None or before.test != problem.test:
        yield f"\n### {code(problem.test.id, 300) if problem.test else 'of no test'}\n"
        before = None
    yield f"\n**{markdown(problem.rule)}**: {markdown(problem.sentence, _TEXT_MAX)}\n"
    rows = {
        "place": f"{problem.path}:{problem.line}" if problem.path else "", "object": problem.object,
        "step": problem.step, "expected": problem.expected, "found": problem.actual,
        "history": ", ".join(problem.events[:5]), "again": "" if before else told.again(problem.test),
    }  # fmt: skip
    yield from (f"- {name}: {code(value, _TEXT_MAX)}" for name, value in rows.items() if value)
    if before is not None and before.stops == problem.stops:
        return
    if diagram := mermaid.render(problem.stops):
        yield f"\n```mermaid\n{diagram}\n```"
