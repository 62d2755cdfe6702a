"""Explanations and lineages as text for people and as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from harness.why.denied import Explanation, sentence
from harness.why.find import Denial
from harness.why.label import Lineage, Step


def explanation(found: Explanation) -> Iterator[str]:
    """Lines for people."""
    yield f"{found.event}: {found.sentence}"
    yield from _block(f"because    {found.cause}", found.because)
    yield f"operation  {found.operation}"
    yield f"rpc        {found.rpc}"
    yield f"policy     {found.policy}"
    yield from _block(f"subject    {found.subject[0]}", found.subject[1:])
    yield from _block(f"object     {found.object[0]}", found.object[1:])
    if found.lineage:
        yield "its label"
        yield from steps(found.lineage)
    yield from _block("to allow", found.remedy or ("nothing that audit2allow could add",))


def several(found: Iterable[Denial]) -> Iterator[str]:
    """A list to choose from."""
    denials = list(found)
    yield f"{len(denials)} denials; ask for one of them by the name in front:"
    for denial in denials:
        yield f"  {denial.name}  {sentence(denial.avc)}, {denial.avc['hook']}({denial.avc['role']})"


def lineage(found: Lineage) -> Iterator[str]:
    """Lines for people."""
    yield f"{found.path} {found.object}: {found.label or 'no label'}"
    yield from steps(found.steps)


def steps(found: Iterable[Step]) -> Iterator[str]:
    """One line a step, its rules below."""
    for step in found:
        yield from _block(f"  {step.event}  {step.sentence}", step.rules, indent=6)


def to_json(found: Explanation | Lineage) -> dict[str, Any]:
    """JSON values."""
    return asdict(found)


def choices(found: Iterable[Denial]) -> list[dict[str, Any]]:
    """Several denials as JSON values: how each is named, and what it is."""
    return [{"event": denial.name, "sentence": sentence(denial.avc)} for denial in found]


def _block(head: str, rest: Iterable[str], indent: int = 11) -> Iterator[str]:
    yield head
    for line in rest:
        yield f"{' ' * indent}{line}"
