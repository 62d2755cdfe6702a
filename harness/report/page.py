"""The page: what each test shows, what is shown in full, and what there is no room for, which the page says."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import jinja2
import orjson
from markupsafe import Markup

from harness import checkers, history
from harness.report import failures, pack, picture, reading
from harness.report.book import Book, Counts, Decision, Step, Story, short
from harness.report.failures import Failure
from harness.report.picture import Picture
from harness.results import FAILED, Results, Status, Test
from harness.store import Run

SIZE_BYTES_MAX = 950_000
TESTS_MAX = 2000  # rows of the list
OPEN_MAX = 12  # failures whose details stand in the page as they are: readable without script, and on paper
DECISIONS_MAX = 80  # rows of one test's table
LABELS_MAX = 400
TITLES = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}
_ORDER: tuple[Status, ...] = ("FAIL", "ERROR", "TIMEOUT", "XPASS", "VACUOUS", "KNOWN", "SKIP", "PASS")
_WORDS_MAX = 200  # characters of what a test did that the search looks at


@dataclass(frozen=True, slots=True)
class Case:
    """A test with what went wrong and what it did; `story` None: nothing is recorded of it."""

    number: int
    test: Test
    story: Story | None
    failures: tuple[Failure, ...]

    @property
    def failed(self) -> bool:
        return self.test.status in FAILED

    @property
    def sentence(self) -> str:
        """The one line of the list."""
        if not self.failures:
            return self.test.reason
        first, more = self.failures[0], len(self.failures) - 1
        told = f"{first.rule}: {first.sentence}" if not first.rule.startswith("test ") else first.sentence
        return told + (f" (and {more} more)" if more else "")

    @property
    def words(self) -> str:
        """What the search finds besides name and sentence: operations, hooks, types."""
        found: dict[str, None] = {}
        for step in self.story.steps if self.story else ():
            found[step.f] = None
            for item in step.decisions:
                found |= dict.fromkeys((item.hook, short(item.scontext), short(item.tcontext)))
        return " ".join(found)[:_WORDS_MAX]

    @property
    def steps(self) -> tuple[Step, ...]:
        """The operations in the picture: those of the failures, else the last ones."""
        if self.failures:
            chosen = {step.number: step for failure in self.failures[:3] for step in failure.steps}
            return tuple(step for _, step in sorted(chosen.items()))[-failures.STEPS_MAX :]
        return tuple(self.story.steps[-failures.STEPS_MAX :]) if self.story else ()

    @property
    def picture(self) -> Picture | None:
        return picture.draw(self.story, self.steps) if self.story and self.steps else None

    @property
    def decisions(self) -> tuple[tuple[Step, Decision], ...]:
        """Of the operations shown, in order."""
        return tuple((step, item) for step in self.steps for item in step.decisions)

    def of(self, name: str) -> int:
        """How many there are in the whole test: `steps` or `decisions`."""
        if self.story is None:
            return 0
        return len(self.story.steps) if name == "steps" else sum(1 for _ in self.story.decisions())


# Cases, the failing ones first; all decisions counted; failures of no test; what could not be read.
Gathered = tuple[list[Case], Counts, list[Failure], list[str]]


def render(found: Results, run: Run, replay: str, gathered: Gathered | None = None) -> str:
    """The page. `replay` is the command that does the run again. What of the run is damaged is left out, and said."""
    cases, counts, loose, damage = gathered or gather(found, run)
    environment = _environment()
    shown = cases[:TESTS_MAX]
    fragment = environment.get_template("case.html")
    one = partial(_fragment, fragment, {str(case.number): case for case in shown}, replay)
    opened = [case for case in shown if case.failed][:OPEN_MAX]
    context = _context(found, run, replay, cases, counts) | {"shown": shown, "loose": loose, "damage": damage}
    inline = _inline(opened, one)
    bare = _page(environment, context, inline, pack.Packs())
    rest = [str(case.number) for case in shown if str(case.number) not in inline and case.story]
    room_bytes = SIZE_BYTES_MAX - len(bare.encode()) - 40 * len(rest)
    packs = pack.pack(rest, one, room_bytes)
    return _page(environment, context, inline, packs)


def by_suite(tests: tuple[Test, ...]) -> list[dict[str, Any]]:
    """One row a suite: its name, its tests, how many have each status, and how long they took, in seconds."""
    rows = []
    for name, group in groupby(sorted(tests, key=lambda test: test.suite), key=lambda test: test.suite):
        of_suite = list(group)
        counts: dict[str, int] = {}
        for test in of_suite:
            counts[test.status] = counts.get(test.status, 0) + 1
        rows.append(
            {
                "name": name,
                "tests": of_suite,
                "total": len(of_suite),
                "counts": counts,
                "failed": sum(counts.get(status, 0) for status in FAILED),
                "duration_s": sum(test.duration_s for test in of_suite),
            }
        )
    return rows


def again(test: Test, replay: str) -> str:
    """The command that does this one test again, where its name can be asked for by -k, else the whole run."""
    name = test.id.rpartition("::")[2]
    if " -k " in f"{replay} " or not re.fullmatch(r"[\w:+\-.\[\]/\\]+", name):
        return replay
    return f"{replay} -k {shlex.quote(name)}"


def gather(found: Results, run: Run) -> Gathered:
    """Cases, the failing ones first; all decisions counted; failures of no test; what could not be read."""
    stories: dict[str, tuple[Story, Book]] = {}
    wrong: dict[str | None, list[tuple[Any, Book]]] = {}
    counts, damage = Counts(), []
    for part in run.parts():
        try:
            events = checkers.causal(history.read(part / "history").events)
        except (OSError, history.Corrupt) as error:
            damage.append(str(error))
            continue
        judged = failures.findings(part, events, found)
        book = reading.read(events, {ref for finding in judged for ref in failures.refs(finding)})
        book.part = "" if part == run.path else f"{part.relative_to(run.path)}/"
        counts.add(book.counts)
        stories |= {name: (story, book) for name, story in book.stories.items()}
        for name, several in failures.by_test(judged, book).items():
            wrong.setdefault(name, []).extend((finding, book) for finding in several)
    known = {test.id for test in found.tests}
    cases = [_case(number, test, stories, wrong) for number, test in enumerate(_ordered(found.tests))]
    stray = [(finding, book) for name, several in wrong.items() if name not in known for finding, book in several]
    loose = [one for finding, book in stray for one in failures.of_test(_NO_TEST, None, book, [finding])]
    return cases, counts, loose, damage


_NO_TEST = Test("", "", "PASS")


def _ordered(tests: Sequence[Test]) -> list[Test]:
    return sorted(tests, key=lambda test: _ORDER.index(test.status))


def _case(number: int, test: Test, stories: dict[str, tuple[Story, Book]], wrong: dict[str | None, Any]) -> Case:
    story, book = stories.get(test.id, (None, None))
    found = [finding for finding, _ in wrong.get(test.id, ())] if test.status in FAILED else []
    return Case(number, test, story, failures.of_test(test, story, book, found))


def _context(found: Results, run: Run, replay: str, cases: Sequence[Case], counts: Counts) -> dict[str, Any]:
    statuses = [(status, sum(case.test.status == status for case in cases)) for status in _ORDER]
    return {
        "found": found, "run": run.id, "replay": replay, "title": TITLES[found.verdict], "cases": cases,
        "judged": found.to_json()["judged"], "failed": FAILED, "suites": by_suite(found.tests),
        "statuses": [(status, count) for status, count in statuses if count],
        "matrix": counts.matrix(), "labels": counts.ranked()[:LABELS_MAX], "labels_of": len(counts.labels),
        "decisions_max": DECISIONS_MAX,
    }  # fmt: skip


def _inline(opened: Iterable[Case], one: Any) -> dict[str, str]:
    """The fragments that stand in the page, as long as they take no more than half of it."""
    inline: dict[str, str] = {}
    room = SIZE_BYTES_MAX // 2
    for case in opened:
        text = pack.clean(one(str(case.number)))
        room -= len(text.encode())
        if room < 0:
            break
        inline[str(case.number)] = text
    return inline


def _fragment(template: jinja2.Template, cases: dict[str, Case], replay: str, name: str) -> str:
    case = cases[name]
    text = template.render(case=case, again=again(case.test, replay), decisions_max=DECISIONS_MAX)
    return re.sub(r"\n\s*", "\n", text)


def _page(environment: jinja2.Environment, context: dict[str, Any], inline: dict[str, str], packs: pack.Packs) -> str:
    script = environment.get_template("report.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = environment.get_template("report.html").render(
        **context, inline={name: Markup(one) for name, one in inline.items()},  # noqa: S704 (rendered with escapes)
        packs=packs, packed=Markup(orjson.dumps(packs.packs).decode()),  # noqa: S704 (base64)
        script=Markup(script), digest=digest,  # noqa: S704 (ours)
    )  # fmt: skip
    return pack.clean(text)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["short"] = short
    return environment
