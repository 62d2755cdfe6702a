"""Running policy unit tests: access is asked of libsepol, all of one state of booleans at once; labels of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from harness.model import labels
from harness.model.policy import Mode
from harness.policytools.cases import Case
from harness.policytools.loaded import Loaded, Query


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` is passed, failed, or error: the assertion speaks of what the policy does not have."""

    case: Case
    status: str
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"status": self.status, "why": self.why} | asdict(self.case)


def run(loaded: Loaded, cases: Iterable[Case]) -> list[Outcome]:
    """The outcomes, in the order of the cases. A denial counts only of a context, class and permission that exist."""
    found: dict[int, Outcome] = {}
    numbered = sorted(enumerate(cases), key=lambda pair: pair[1].booleans)
    for booleans, group in groupby(numbered, key=lambda pair: pair[1].booleans):
        asked = list(group)
        if unknown := sorted(dict(booleans).keys() - loaded.model.facts.booleans.keys()):
            error = f"the policy has no boolean {unknown[0]!r}"
            found |= {number: Outcome(case, "error", error) for number, case in asked}
            continue
        known = {number: _strange(loaded, case) for number, case in asked}
        found |= {number: Outcome(case, "error", known[number]) for number, case in asked if known[number]}
        found |= _run(loaded, [(number, case) for number, case in asked if not known[number]])
    return [found[number] for number in sorted(found)]


def _strange(loaded: Loaded, case: Case) -> str:
    """What of the case the policy does not have, in a sentence; empty where it has everything."""
    for context in (case.source, case.target, case.label):
        if context and loaded.model.canonical(context) is None:
            return f"{context!r} is not a context of policy {loaded.name}"
    perms = loaded.model.facts.perms.get(case.tclass)
    if perms is None:
        return f"policy {loaded.name} has no class {case.tclass!r}"
    strange = [perm for perm in case.perms if perm not in perms]
    return f"class {case.tclass} has no permission {strange[0]!r}" if strange else ""


def _run(loaded: Loaded, cases: list[tuple[int, Case]]) -> dict[int, Outcome]:
    access = [(number, case) for number, case in cases if case.perms]
    booleans = dict(cases[0][1].booleans) if cases else {}
    asked = [Query(case.source, case.target, case.tclass, frozenset(case.perms)) for _, case in access]
    missing = loaded.missing(asked, booleans)
    found = {number: _access(loaded, case, lack) for (number, case), lack in zip(access, missing, strict=True)}
    return found | {number: _label(loaded, case, booleans) for number, case in cases if not case.perms}


def _access(loaded: Loaded, case: Case, lack: frozenset[str]) -> Outcome:
    if case.kind == "allow":
        if not lack:
            return Outcome(case, "passed")
        told = " and ".join(_TOLD[cause] for cause in sorted(_causes(loaded, case, lack)))
        return Outcome(case, "failed", f"{_words(lack)} denied, {told}")
    granted = frozenset(case.perms) - lack
    if granted:
        return Outcome(case, "failed", f"{_words(granted)} allowed")
    if case.because and case.because not in (causes := _causes(loaded, case, lack)):
        return Outcome(case, "failed", f"denied, but because of {_words(causes)}")
    return Outcome(case, "passed")


_TOLD = {
    "te": "for want of an allow rule",
    "constraint": "by a constraint",
    "rbac": "by a role allow",
    "bounds": "by the bounds of the type",
}


def _causes(loaded: Loaded, case: Case, lack: frozenset[str]) -> frozenset[str]:
    mode = Mode(loaded.policy.digest, booleans=loaded.model.booleans(dict(case.booleans)))
    return loaded.model.reasons(case.source, case.target, case.tclass, lack, mode)


def _label(loaded: Loaded, case: Case, booleans: dict[str, bool]) -> Outcome:
    made = labels.of_new_object(loaded.model, case.source, case.target, case.tclass, case.name, booleans=booleans)
    expected = loaded.model.canonical(case.label)
    if made is not None and made.label == expected:
        return Outcome(case, "passed")
    return Outcome(case, "failed", f"it is {made.label if made else 'no valid label'}, not {expected}")


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
