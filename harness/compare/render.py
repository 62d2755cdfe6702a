"""A Diff as text, as JSON values, or as one offline page. Differences of one cause are told once, with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.compare.diff import Diff
from harness.compare.differences import KINDS, Difference, Kind

_SHOWN_MAX = 20  # causes of one kind in the text; --all shows every difference
_PAGE_MAX = 100  # differences of one cause on the page


@dataclass(frozen=True, slots=True)
class Cause:
    """Differences that say the same of other operations or objects."""

    differences: tuple[Difference, ...]

    @property
    def first(self) -> Difference:
        return self.differences[0]

    @property
    def more(self) -> int:
        return len(self.differences) - 1

    @property
    def tests(self) -> int:
        return len({difference.test for difference in self.differences})


def by_cause(differences: Iterable[Difference]) -> dict[Kind, list[Cause]]:
    """Per kind, worst kind first, the causes in the order of their first difference."""
    gathered: dict[Kind, dict[str, list[Difference]]] = defaultdict(lambda: defaultdict(list))
    for difference in differences:
        gathered[difference.kind][difference.gist].append(difference)
    return {kind: [Cause(tuple(same)) for same in gathered[kind].values()] for kind in KINDS if kind in gathered}


def text(diff: Diff, *, everything: bool = False) -> Iterator[str]:
    """Lines for people; the last one is the verdict."""
    yield from _about(diff)
    for kind, causes in by_cause(diff.differences).items():
        count = sum(len(cause.differences) for cause in causes)
        yield f"{KINDS[kind]}: {count}"
        shown = (
            [Cause((item,)) for cause in causes for item in cause.differences] if everything else causes[:_SHOWN_MAX]
        )
        for cause in shown:
            yield f"  {cause.first.id}  {cause.first.sentence}{_more(cause)}"
        if not everything and len(causes) > _SHOWN_MAX:
            yield f"  and {len(causes) - _SHOWN_MAX} more causes; --all shows every difference"
    for difference, entry in diff.known:
        yield f"KNOWN ({entry.ticket}, until {entry.expires}): {difference.sentence}"
    for entry in diff.xpass:
        yield f"XPASS: nothing is different any more where {entry}; remove the entry"
    for entry in diff.expired:
        yield f"EXPIRED: {entry}; mend it, or give the entry another day"
    yield verdict(diff)


def verdict(diff: Diff) -> str:
    """One line."""
    compared = f"{_tests(diff.tests)}, {diff.decisions} decisions"
    tolerated = f", {len(diff.known)} known" if diff.known else ""
    if not (diff.compared or diff.differences or diff.expired):
        return "NOTHING COMPARED: no test is on both sides; choose tests that both have, or write the baseline anew"
    if diff.same:
        return f"NO DIFFERENCE: {compared}{tolerated}"
    expired = f", {len(diff.expired)} KNOWN entries expired" if diff.expired else ""
    counts = [f"{sum(map(_size, causes))} {KINDS[kind]}" for kind, causes in by_cause(diff.differences).items()]
    return f"DIFFERENT: {', '.join(counts) or 'nothing new'}{tolerated}{expired}; {compared}"


def to_json(diff: Diff) -> dict[str, Any]:
    """JSON values: before, after, same, differences, known, xpass, expired, tests, decisions, uncompared, compared."""
    return {
        "before": dict(diff.before),
        "after": dict(diff.after),
        "same": diff.same,
        "differences": [_item(difference) for difference in diff.differences],
        "known": [{**_item(difference), "entry": entry.to_json()} for difference, entry in diff.known],
        "xpass": [entry.to_json() for entry in diff.xpass],
        "expired": [entry.to_json() for entry in diff.expired],
        "tests": diff.tests,
        "decisions": diff.decisions,
        "uncompared": diff.uncompared,
        "compared": diff.compared,
    }


def page(diff: Diff) -> str:
    """One HTML page that needs nothing else."""
    import jinja2  # a diff that is only told does without

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.compare", "."), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("diff.html").render(
        diff=diff, kinds=KINDS, causes=by_cause(diff.differences), about=list(_about(diff)), verdict=verdict(diff),
        most=_PAGE_MAX,
    )  # fmt: skip


def _about(diff: Diff) -> Iterator[str]:
    """The sides, and what of them differs besides their behaviour."""
    yield f"before: {_side(diff.before)}"
    yield f"after:  {_side(diff.after)}"
    if diff.before.get("digest") != diff.after.get("digest"):
        yield f"the policies differ: {_policy(diff.before)} before, {_policy(diff.after)} now"
    if diff.compared and diff.uncompared:
        yield f"not compared: {_tests(diff.uncompared)} that only the side after has"


def _side(about: Mapping[str, Any]) -> str:
    words = (("", "run"), ("runtime", "runtime"), ("policy", "policy"), ("", "mode"), ("labelproof", "labelproof"))
    return ", ".join(f"{word} {about[name]}".strip() for word, name in words if about.get(name))


def _policy(about: Mapping[str, Any]) -> str:
    return f"{about.get('policy')} {str(about.get('digest'))[:12]}" if about.get("digest") else "none"


def _more(cause: Cause) -> str:
    if not cause.more:
        return ""
    tests = f" in {cause.tests} tests" if cause.tests > 1 else ""
    return f"; and {cause.more} more of this{tests}"


def _tests(number: int) -> str:
    return "1 test" if number == 1 else f"{number} tests"


def _size(cause: Cause) -> int:
    return len(cause.differences)


def _item(difference: Difference) -> dict[str, Any]:
    values = asdict(difference)
    del values["gist"]
    return {"id": difference.id, **values, "sentence": difference.sentence}
