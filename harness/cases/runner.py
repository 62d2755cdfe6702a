"""A case on a cluster: lay out, act, look. What is not as expected is a sentence with the line that expects it."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Any

from harness import calls, checkers
from harness.cases import deciding, looking, words
from harness.cases.layout import Stage
from harness.cases.nodes import place
from harness.cases.values import ANYTHING, Access, Case, Label, Step, Text
from harness.clusters import Cluster
from harness.history import Event

_NOTHING = ("null", "none", "~", "")
_MODE_BITS = 0o7777
_SHOWN_MAX = 200
_REFUSED = (0, errno.EACCES, errno.EPERM)  # what a decision may explain


def run(case: Case, cluster: Cluster) -> list[str]:
    """What is wrong, each as `file:line: sentence`; empty where everything is as the file expects.

    Stops at the first step that fails: what follows it would only say so again.
    """
    stage = Stage(case, cluster)
    try:
        return list(_Run(stage).wrong())
    finally:
        stage.logout()


class _Run:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._case = stage.case
        self._made: list[Event] = []

    def wrong(self) -> Iterator[str]:
        for lines in (self._entered(), self._objects(), *map(self._step, self._case.steps)):
            found = list(lines)
            yield from found
            if found:
                return
        yield from self._labels(self._case.labels)
        yield from self._accesses(deciding.missing(self._case.decisions, self._made))
        yield from self._accesses(deciding.missing_in_order(self._case.in_order, self._made))

    def _entered(self) -> Iterator[str]:
        try:
            self._stage.enter()
        except OSError as error:
            yield self._at(self._case.line, f"the case gets no directory of its own: {_told(error)}")

    def _objects(self) -> Iterator[str]:
        for item in self._case.objects:
            mark = self._stage.cluster.mark()
            try:
                self._stage.make(item)
            except OSError as error:
                why = deciding.denial(self._decisions(mark)) or _told(error)
                yield self._at(item.line, f"{item.kind} {item.path} cannot be laid out by admin: {why}")
                return

    def _step(self, step: Step) -> Iterator[str]:
        try:
            task = self._stage.task(step.subject, step.client, lsm=step.lsm)
        except OSError as error:
            yield self._at(step.line, f"{step.subject} cannot log in on {step.client}: {_told(error)}")
            return
        mark = self._stage.cluster.mark()
        number, message = 0, ""
        value: Any = None
        try:
            value = step.form.call(task, self._stage.resolved(step.form, step.args))
        except OSError as error:
            number, message = error.errno or errno.EIO, str(error.strerror)
        made = self._decisions(mark)
        self._made += made
        if step.keep and not number:
            self._stage.kept[step.keep] = value
        why = deciding.denial(made) if number in _REFUSED else ""
        yield from self._outcome(step, number, why or message, value)
        yield from self._labels(step.labels)
        yield from self._accesses(deciding.missing(step.decisions, made))

    def _outcome(self, step: Step, number: int, why: str, value: Any) -> Iterator[str]:
        if number != step.errno:
            because = f": {why}" if why else ", and no decision denied it"
            yield self._at(step.expect_line, f"{step} is {_name(number)}, not {_name(step.errno)}{because}")
        elif step.value is not ANYTHING:
            for field, found, expected in _different(step.value, _plain(value, self._stage)):
                yield self._at(step.expect_line, f"{step} gives {field}{_quoted(found)}, not {_quoted(expected)}")

    def _labels(self, labels: Iterable[Label]) -> Iterator[str]:
        for label in labels:
            for sentence in looking.wrong(self._stage, label):
                yield self._at(label.line, sentence)

    def _accesses(self, missing: Iterable[tuple[Access, str]]) -> Iterator[str]:
        for access, instead in missing:
            verdict = "allowed" if access.allowed else "denied"
            yield self._at(access.line, f"`{access.text}` was not {verdict}: {instead}")

    def _decisions(self, mark: dict[str, int]) -> list[Event]:
        """The decisions of SELinux since then, in causal order."""
        events = checkers.causal(self._stage.cluster.events(mark))
        return [dict(event) for event in events if event["e"] == "avc" and event["module"] == "selinux"]

    def _at(self, line: int, sentence: str) -> str:
        return f"{place(self._case.path, line)}: {sentence}"


def _different(expected: Any, found: Any, field: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(field, found, expected) where a value is not the one expected, which is text as the file has it."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            yield field, found, expected
            return
        for name, item in expected.items():
            yield from _different(item, found.get(name, "no such field"), f"{field}{name} ")
    elif isinstance(expected, list):
        names = [_listed(item) for item in found] if isinstance(found, list) else found
        if not isinstance(names, list) or sorted(names) != sorted(map(str, expected)):
            yield field, names, expected
    elif not _same(expected, found, field):
        yield field, found, expected


def _same(expected: Text, found: Any, field: str) -> bool:
    if found is None:
        return expected.text in _NOTHING
    if isinstance(found, bool):
        return expected.text.lower() == str(found).lower()
    if isinstance(found, int):
        return _number(expected.text, found, field)
    return found in (expected.text, expected.context)


def _quoted(value: Any) -> str:
    """A value as a sentence shows it, cut where it is long."""
    if isinstance(value, Text):
        value = value.context
    shown = str(list(map(str, value))) if isinstance(value, list) else repr(value)
    return shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}…"


def _number(expected: str, found: int, field: str) -> bool:
    """As numbers; a mode without the type of file is compared without it."""
    try:
        wanted = words.number(expected)
    except ValueError:
        return False
    if field.rpartition(" ")[0].endswith("mode") and wanted <= _MODE_BITS:
        found &= _MODE_BITS
    return wanted == found


def _plain(value: Any, stage: Stage) -> Any:
    """A result as JSON values; a link into the case's own directory begins there."""
    found = calls.plain(value)
    return found.removeprefix(stage.root) if isinstance(found, str) else found


def _listed(item: Any) -> str:
    return str(item["name"]) if isinstance(item, dict) and "name" in item else str(item)


def _name(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "ok"


def _told(error: OSError) -> str:
    return f"{_name(error.errno or errno.EIO)}, {error.strerror}"
