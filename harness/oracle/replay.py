"""Every case on one cluster, each in a directory of its own -> what was observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from harness.clusters import Cluster
from harness.oracle import checks, grammar
from harness.oracle.actor import Actor, NotThere
from harness.oracle.checks import Check
from harness.oracle.folder import Case, Step
from harness.oracle.stage import RUNNER, Found, Stage
from harness.tasks import Task

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """One step: `skipped` says why it was not done. `ret` as the runner of the cases would have written it."""

    errno: int = 0
    ret: Any = None
    checks: tuple[Check, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """One case. `entered` is the errno of becoming the subject; `unlaid` says what of its objects could not be laid."""

    case: Case
    steps: tuple[Done, ...]
    after: Mapping[str, Found]
    entered: int = 0
    unlaid: str = ""


def run(cluster: Cluster, cases: Sequence[Case]) -> list[Observed]:
    """Runs the cases one after the other. ValueError names a case with a bad step."""
    stage = Stage(cluster)
    stage.open(cases)
    found = []
    for number, case in enumerate(cases):
        try:
            found.append(_case(stage, number, case))
        except ValueError as error:
            raise ValueError(f"case {case.id}: {error}") from error
    return found


def _case(stage: Stage, number: int, case: Case) -> Observed:
    top = stage.directory(number)
    try:
        stage.lay(top, case.setup)
    except OSError as error:
        return Observed(case, (), {}, unlaid=str(error))
    try:
        task = _entered(stage, case)
    except OSError as error:
        return Observed(case, (), stage.walk(top), error.errno or -1)
    mark, actor = stage.cluster.mark(), Actor(task, top)
    steps = [_step(stage, actor, number, step) for number, step in enumerate(case.steps)]
    stage.cluster.test = ""
    events = stage.cluster.events(mark)
    after = stage.walk(top)
    with suppress(OSError):
        task.logout()
    for step in case.last:
        _put_right(stage, top, step)
    return Observed(case, tuple(_with_checks(steps, events)), after)


def _put_right(stage: Stage, top: str, step: Step) -> None:
    """A step of `finally`. Nothing is compared with it, and the next case begins in a directory of its own."""
    with suppress(NotThere, OSError):
        stage.step(top, step)


def _entered(stage: Stage, case: Case) -> Task:
    task = stage.cluster.client("client0").login(case.login())
    if case.fscreate is not None:
        task.setfscreate(case.fscreate)
    return task


def _step(stage: Stage, actor: Actor, number: int, step: Step) -> Done:
    """One step; whatever operations it makes are the history's under its number."""
    stage.cluster.test = str(number)
    try:
        return Done(ret=stage.step(actor.top, step) if step.get("by") == "runner" else grammar.do(actor, step))
    except NotThere as reason:
        return Done(skipped=str(reason))
    except OSError as error:
        return Done(error.errno or -1)


def _with_checks(steps: Sequence[Done], events: Sequence[Event]) -> Iterator[Done]:
    """The steps with the decisions of their operations, which the history knows by the step's number."""
    numbers = {event["op"]: int(event["test"]) for event in events if event["e"] == "op" and event["test"]}
    by_step: dict[int, list[Event]] = {}
    for event in events:
        if event.get("op") in numbers:
            by_step.setdefault(numbers[event["op"]], []).append(event)
    for number, done in enumerate(steps):
        yield done if done.skipped else replace(done, checks=checks.decided(by_step.get(number, ()), RUNNER))
