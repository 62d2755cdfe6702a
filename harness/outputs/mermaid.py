"""The way to a failure as a Mermaid sequence diagram: nodes, messages, and notes for decisions and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.outputs.text import mermaid
from harness.outputs.way import HARNESS, Stop

STOPS_MAX = 40
_TEXT_MAX = 90
_ARROWS = {"op": "->>", "rpc": "->>", "answer": "--x"}


def render(stops: Sequence[Stop]) -> str:
    """The diagram, the last STOPS_MAX stops of the way; empty for no way."""
    if not stops:
        return ""
    return "\n".join(["sequenceDiagram", *_lines(stops[-STOPS_MAX:], max(0, len(stops) - STOPS_MAX))])


def _lines(stops: Sequence[Stop], left_out: int) -> Iterator[str]:
    names = dict.fromkeys(name for stop in stops for name in (stop.node, stop.to) if name)
    ids = {name: f"N{number}" for number, name in enumerate(sorted(names, key=lambda name: name != HARNESS))}
    for name, id_ in ids.items():
        yield f"  participant {id_} as {mermaid(name, 30)}"
    if left_out:
        yield f"  Note over {ids[stops[0].node]}: {left_out} earlier left out"
    for stop in stops:
        text = ("⛔ " if stop.culprit else "") + mermaid(stop.text, _TEXT_MAX)
        if stop.to:
            yield f"  {ids[stop.node]}{_ARROWS[stop.kind]}{ids[stop.to]}: {text}"
        else:
            mark = "✕" if stop.bad else "●" if stop.kind == "decision" else "◆"
            yield f"  Note over {ids[stop.node]}: {mark} {text}"
