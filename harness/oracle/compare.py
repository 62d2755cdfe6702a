"""What was observed against what the kernel did: skipped steps with their reasons, and differences."""

from __future__ import annotations

import errno as numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.oracle import checks, grammar
from harness.oracle.actor import ANY
from harness.oracle.checks import Check
from harness.oracle.folder import Kernel, Step
from harness.oracle.replay import Done, Observed
from harness.oracle.stage import Found

AFTER = "after"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that was not compared, or with `step` None a whole case, or AFTER its objects."""

    case: str
    step: int | str | None
    op: str
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """`step` counts from 1, or is AFTER; `op` is the step's, or the object's path."""

    case: str
    step: int | str
    op: str
    field: str
    kernel: Any
    cluster: Any
    sentence: str


Outcome = Skipped | Difference


def compare(kernel: Kernel, observed: Observed) -> Iterator[Outcome]:
    """Everything that is to be said of one case. ValueError where the result is that of another case."""
    case, result = observed.case, kernel.results.get(observed.case.id)
    why = _unfit(kernel, result)
    if result is None or why:
        yield Skipped(case.id, None, "", why)
        return
    told = result["steps"]
    if [item.get("step") for item in told] != [dict(step) for step in case.steps]:
        raise ValueError(f"{kernel.name}.json: the result of case {case.id} is of other steps than cases.json has")
    if observed.unlaid:
        what = f"the kernel's objects were laid, the cluster's could not be: {observed.unlaid}"
        yield Difference(case.id, 1, "setup", "object", None, observed.unlaid, f"{case.id}: {what}")
        return
    if observed.entered:
        what = f"the kernel became {case.subject}, the cluster refused it with {_name(observed.entered)}"
        yield Difference(case.id, 1, "login", "errno", _name(0), _name(observed.entered), f"{case.id}: {what}")
        return
    bound = False
    for number, (item, done) in enumerate(zip(told, observed.steps, strict=True), 1):
        if bound:
            yield Skipped(case.id, number, item["step"]["op"], "a step before has bound a socket here only")
        else:
            yield from _step(kernel, case.id, number, item, done)
        bound = bound or (_ends_at_socket(item) and not done.errno)
    yield from _after(observed, result)


def _unfit(kernel: Kernel, result: Mapping[str, Any] | None) -> str:
    if result is None:
        return f"{kernel.name}.json has no result of it"
    if "runner_error" in result:
        return f"its run on the kernel failed: {result['runner_error']}"
    if "enter_failed" in result:
        return "on the kernel nobody could become its subject"
    return ""


def _step(kernel: Kernel, case: str, number: int, told: Mapping[str, Any], done: Done) -> Iterator[Outcome]:
    step = told["step"]
    if reason := _incomparable(told, done):
        yield Skipped(case, number, step["op"], reason)
        return
    head = f"{case}, step {number} ({described(step)})"

    def different(field: str, expected: Any, actual: Any, sentence: str) -> Difference:
        return Difference(case, number, step["op"], field, expected, actual, f"{head}: {sentence}")

    errno = told.get("errno", 0)
    if errno != done.errno:
        what = f"the kernel answers {_name(errno)}, the cluster {_name(done.errno)}"
        yield different("errno", _name(errno), _name(done.errno), what)
    elif done.ret is not ANY and told.get("ret") != done.ret:
        yield different("ret", told.get("ret"), done.ret, f"the kernel gives {told.get('ret')!r}, not {done.ret!r}")
    logged = checks.logged(told.get("checks", ()), step["op"])
    sentence = _unlike(logged, done.checks, kernel.asked)
    if sentence:
        yield different("checks", list(map(str, logged)), list(map(str, done.checks)), sentence)


def _incomparable(told: Mapping[str, Any], done: Done) -> str:
    """Why a step is not compared; empty if it is."""
    if done.skipped:
        return done.skipped
    if told.get("errno", 0) in (None, -1):
        return "the runner of the cases itself failed at it"
    if _ends_at_socket(told):
        return "the kernel refused the socket itself, which is not a matter of files"
    return ""


def _ends_at_socket(told: Mapping[str, Any]) -> bool:
    return bool(told.get("errno", 0)) and checks.of_socket(told.get("checks", ()))


def _unlike(kernel: Sequence[Check], cluster: Sequence[Check], asked: Callable[[str], bool]) -> str:
    """The first check that is not the same, as a sentence; empty if they all are."""
    for number, (expected, actual) in enumerate(zip(kernel, cluster, strict=False), 1):
        if not checks.same(expected, actual, asked=asked(expected.scontext)):
            return f"check {number} of the kernel is {expected}, the cluster's is {actual}"
    if len(kernel) > len(cluster):
        return f"the kernel goes on to check {len(cluster) + 1}, {kernel[len(cluster)]}, which the cluster does not ask"
    if len(cluster) > len(kernel):
        return f"the cluster asks one check too many, {cluster[len(kernel)]}"
    return ""


def _after(observed: Observed, result: Mapping[str, Any]) -> Iterator[Outcome]:
    case = observed.case
    steps = zip(result["steps"], observed.steps, strict=True)
    if any(_incomparable(told, done) and not grammar.harmless(told["step"]) for told, done in steps):
        yield Skipped(case.id, AFTER, "", "a step that changes objects was skipped")
        return
    told: Mapping[str, Mapping[str, Any]] = result.get("after", {})
    for path in sorted(told.keys() | observed.after.keys()):
        yield from _object(case.id, path, told.get(path), observed.after.get(path))


def _object(case: str, path: str, told: Mapping[str, Any] | None, found: Found | None) -> Iterator[Difference]:
    head = f"{case}, afterwards"
    if told is None or found is None:
        what = f"{path} is there on the {'cluster' if told is None else 'kernel'} only"
        there = None if told is None else dict(told)
        yield Difference(case, AFTER, path, "object", there, found and asdict(found), f"{head}: {what}")
        return
    for field, actual in asdict(found).items():
        if told.get(field) != actual:
            what = f"{path} has {field} {told.get(field)} on the kernel, {actual} on the cluster"
            yield Difference(case, AFTER, path, field, told.get(field), actual, f"{head}: {what}")


def described(step: Step) -> str:
    """A step in a few words: its op and what it is about."""
    about = [str(step[name]) for name in ("path", "fd", "to", "label", "ctx", "flags", "name") if step.get(name)]
    return " ".join([step["op"], *about])


def _name(errno: int) -> str:
    return numbers.errorcode.get(errno, str(errno)) if errno else "success"
