"""Decisions: those that a case expects, those that were made, and the one that denied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.cases.values import Access
from harness.history import Event
from harness.why.denied import sentence

_SHOWN_MAX = 6


def missing(expected: Iterable[Access], made: Sequence[Event]) -> Iterator[tuple[Access, str]]:
    """What is expected and was not decided so, with what was decided; each permission is looked for by itself."""
    for access in expected:
        for perm in access.perms:
            if not any(_fits(access, perm, event) for event in made):
                yield access, _instead(access, perm, made)
                break


def missing_in_order(expected: Iterable[Access], made: Sequence[Event]) -> Iterator[tuple[Access, str]]:
    """The first of them that does not follow the one before it. One decision may hold several of them."""
    begin, before = 0, ""
    for access in expected:
        for perm in access.perms:
            found = next((at for at in range(begin, len(made)) if _fits(access, perm, made[at])), None)
            if found is None:
                early = any(_fits(access, perm, event) for event in made)
                yield access, f"it was so before `{before}`, not after" if early else _instead(access, perm, made)
                return
            begin = found
        before = access.text


def denial(made: Iterable[Event]) -> str:
    """What denied, as a sentence: the last that did, or would were it enforcing; empty where no decision did."""
    denials = [event for event in made if event["denied"]]
    last = next((event for event in reversed(denials) if not event["allowed"]), denials[-1] if denials else None)
    return f"{sentence(last)} ({last['reason']})" if last else ""


def _fits(access: Access, perm: str, event: Event) -> bool:
    return (
        _about(access, event)
        and perm in event["requested"]
        and (perm in (event["denied"] or ())) is not access.allowed
        and access.target in (None, event["tcontext"])
    )


def _about(access: Access, event: Event) -> bool:
    return bool(event["scontext"] == access.source and event["tclass"] == access.tclass)


def _instead(access: Access, perm: str, made: Sequence[Event]) -> str:
    """What was decided about the permission, else what was asked of that class at all."""
    same = [event for event in made if _about(access, event)]
    told = [_told(perm, event) for event in same if perm in event["requested"]]
    if told:
        return "; ".join(dict.fromkeys(told[:_SHOWN_MAX]))
    asked = dict.fromkeys(word for event in same for word in event["requested"])
    what = f"asked were {' '.join(asked)}" if asked else f"no {access.tclass} was asked about for {access.source}"
    return f"nobody asked for {perm}; {what}"


def _told(perm: str, event: Event) -> str:
    verdict = "denied" if perm in (event["denied"] or ()) else "allowed"
    return f"{event['n']} {verdict} {event['tclass']} {{ {perm} }} to {event['scontext']} on {event['tcontext']}"
