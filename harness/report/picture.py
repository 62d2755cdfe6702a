"""The space-time picture of some operations: a lane a node, time downwards, an arrow a message.

Every thing has a row of its own, so that text never covers an arrow; arrows lean because each end has its own row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.report.book import Change, Decision, Fault, Rpc, Step, Story, short
from harness.report.reading import errno_name

ROWS_MAX = 150  # of a picture; earlier operations are left out, and said to be
_LANE, _LEFT, _TOP = 190, 70, 44  # user units of the SVG
_LETTER = 7.4  # width of one, with room to spare
_TALL, _LOW = 19, 9


@dataclass(frozen=True, slots=True)
class Lane:
    x: int
    name: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message from (x1, y1) to (x2, y2); text begins at `x`, above its line. `kind`: call, back, lost, denied."""

    x1: int
    y1: int
    x2: int
    y2: int
    x: int
    text: str
    title: str
    kind: str
    culprit: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened on a node. `kind`: allowed, denied, label, op, fault; `title` only where it says more."""

    x: int
    y: int
    text: str
    title: str
    kind: str
    culprit: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """`shown` of `of` operations are in it, the last ones; width and height in user units."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    arrows: tuple[Arrow, ...]
    marks: tuple[Mark, ...]
    shown: int
    of: int

    @property
    def top(self) -> int:
        return _TOP - 12


def draw(story: Story, steps: Sequence[Step]) -> Picture:
    """The picture of these operations of the story, in causal order."""
    shown = list(steps)
    rows = _rows(story, shown)
    while len(rows) > ROWS_MAX and len(shown) > 1:  # what is wrong is at the end
        shown = shown[1:]
        rows = _rows(story, shown)
    used = _nodes(shown)
    lanes = {name: _LEFT + _LANE * place for place, name in enumerate(n for n in story.nodes if n in used)}
    y_of, y = {}, _TOP
    for row in rows[:ROWS_MAX]:
        y += row.height
        y_of[row.at] = y
    drawn = _Drawing(lanes, y_of)
    for row in rows[:ROWS_MAX]:
        row.draw(drawn)
    return Picture(
        drawn.width(), y + 14, tuple(Lane(x, name) for name, x in lanes.items()),
        tuple(drawn.arrows), tuple(drawn.marks), len(shown), len(steps),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    at: int
    height: int
    draw: Callable[[_Drawing], None]


class _Drawing:
    """Where lanes and rows are, and what has been drawn."""

    def __init__(self, lanes: dict[str, int], y_of: dict[int, int]) -> None:
        self.lanes = lanes
        self.y_of = y_of
        self.arrows: list[Arrow] = []
        self.marks: list[Mark] = []

    def width(self) -> int:
        """Up to the end of the last lane, and of the longest text."""
        texts = [*((arrow.x, arrow.text) for arrow in self.arrows), *((mark.x + 12, mark.text) for mark in self.marks)]
        ends = [x + int(_LETTER * len(text)) for x, text in texts]
        return max([*ends, *(x + _LEFT for x in self.lanes.values())], default=_LEFT) + 12

    def mark(self, at: int, node: str, text: str, title: str, kind: str, culprit: bool = False) -> None:
        self.marks.append(Mark(self.lanes.get(node, _LEFT), self.y_of[at], text, title, kind, culprit))

    def message(self, rpc: Rpc, back: bool) -> None:
        """One way of an rpc. A message whose other end is not recorded ends half way: it was lost, or is not drawn."""
        begin, end = (rpc.reply, rpc.done) if back else (rpc.send, rpc.recv)
        source, target = (rpc.to, rpc.origin) if back else (rpc.origin, rpc.to)
        x1, x2 = self.lanes[source], self.lanes[target]
        at = begin if begin is not None else end
        if at is None or at not in self.y_of:
            return
        y1 = self.y_of[at]
        y2 = self.y_of.get(end) if end is not None else None
        kind = "lost" if y2 is None or begin is None else "back" if back else "call"
        kind = "denied" if back and rpc.status and kind == "back" else kind
        if y2 is None:
            x2, y2 = (x1 + x2) // 2, y1 + _LOW
        text, title = _words(rpc, back)
        self.arrows.append(Arrow(x1, y1, x2, max(y2, y1 + 4), min(x1, x2) + 12, text, title, kind, rpc.culprit))


def _nodes(steps: Iterable[Step]) -> set[str]:
    ends = {node for step in steps for rpc in step.rpcs for node in (rpc.origin, rpc.to)}
    deciding = {item.node for step in steps for item in step.decisions}
    return ends | deciding | {item.node for step in steps for item in step.changes} | {"harness"}


def _faults(story: Story, steps: Sequence[Step]) -> list[Fault]:
    last = max((step.end or step.at for step in steps), default=0)
    return [fault for fault in story.faults if steps and steps[0].at <= fault.at <= last]


def _rows(story: Story, steps: Sequence[Step]) -> list[_Row]:
    rows = [_fault(fault) for fault in _faults(story, steps)]
    for step in steps:
        rows += [_operation(step), *map(_decision, step.decisions), *map(_change, step.changes)]
        for rpc in step.rpcs:
            rows += _ends(rpc)
    return sorted(rows, key=lambda row: row.at)


def _operation(step: Step) -> _Row:
    words = f"{step.number}. {step.f} {step.what}"
    head = f"{_cut(words, 90)}  [{step.outcome}]"
    return _Row(step.at, _TALL + 6, lambda d: d.mark(step.at, "harness", head, "", "op"))


def _decision(item: Decision) -> _Row:
    perms = " ".join(item.denied or item.requested)
    words = f"{item.hook} {item.tclass} {{ {perms} }} {short(item.scontext)} → {short(item.tcontext)}"
    kind = "allowed" if item.allowed and not item.denied else "denied"
    said = f"denied ({item.reason})" if not item.allowed else "allowed, permissive" if item.denied else "allowed"
    title = "" if kind == "allowed" else f"{said}: {item.scontext} {item.tclass} {item.tcontext} {item.object}"
    text = _cut(words, 100) + ("" if kind == "allowed" else f"  {said}")
    return _Row(item.at, _TALL, lambda d: d.mark(item.at, item.node, text, title, kind, item.culprit))


def _change(item: Change) -> _Row:
    name = item.name.removeprefix("security.")
    words = f"{name} of {_cut(item.object, 40)} := {short(item.new or 'none')} ({item.why})"
    return _Row(item.at, _TALL, lambda d: d.mark(item.at, item.node, words, "", "label", item.culprit))


def _fault(item: Fault) -> _Row:
    return _Row(item.at, _TALL, lambda d: d.mark(item.at, "harness", item.text, "", "fault"))


def _ends(rpc: Rpc) -> list[_Row]:
    """The rows of the four events; the arrow is drawn with the first of each pair."""
    rows: list[_Row] = []
    for back, (begin, end) in ((False, (rpc.send, rpc.recv)), (True, (rpc.reply, rpc.done))):
        first = begin if begin is not None else end
        if first is not None:
            high = _TALL if not back or rpc.status else _LOW
            rows.append(_Row(first, high, lambda d, back=back: d.message(rpc, back)))  # type: ignore[misc]
        if begin is not None and end is not None:
            rows.append(_Row(end, _LOW, lambda _: None))
    return rows


def _words(rpc: Rpc, back: bool) -> tuple[str, str]:
    status = "" if not rpc.status else errno_name(rpc.status)
    if back:
        return status, f"{rpc.method} answers {status or 'ok'}{'; ' + rpc.finding if rpc.finding else ''}"
    if rpc.origin == "harness":  # the operation itself, which stands above the arrow
        return "", rpc.method
    method = rpc.method.rpartition("/")[2]
    who = short(rpc.subject) + (f" for {short(rpc.behalf)}" if rpc.behalf else "")
    about = " → ".join(filter(None, (who, short(rpc.object) if rpc.object else "")))
    title = f"{rpc.method} {rpc.named}: subject {rpc.subject or 'none'}, object {rpc.object or 'none'} {rpc.fid or ''}"
    return f"{method} {_cut(rpc.named, 30)} {about}".replace("  ", " "), title


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
