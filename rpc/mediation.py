"""What proto/ declares of an rpc's mediation, parsed once, and a call's firings held against it."""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from labelproof.v1 import context_pb2
from lsm.framework import Firing
from lsm.hooks import HOOKS

Hook = tuple[str, str]

_HOOK = re.compile(r"([a-z_]+)\(([a-z]+)\)")


class MediationError(PermissionError):
    """An rpc did not ask what it declares. Raised before a step commits: it rolls back, so it is definite."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EACCES, sentence)
        self.definite = True


@dataclass(frozen=True, slots=True)
class Case:
    """One way an rpc can go: hooks that fire at least as often as counted, and what else is in order."""

    must: Counter[Hook]
    may: frozenset[Hook]
    anything: bool = False


@dataclass(frozen=True, slots=True)
class Mediation:
    """The declaration of one rpc: cases by name, or `none` with the reason; `walk` fires besides on a walk."""

    cases: Mapping[str, Case]
    none: str
    walk: Counter[Hook]

    def finding(self, case: str | None, walk: bool, fired: Mapping[Firing, int]) -> str | None:
        """The sentence that says how the firings break the declaration, or None."""
        counts: Counter[Hook] = Counter()
        for (hook, role, _), count in fired.items():
            counts[hook, role] += count
        if self.none:
            return f"declares no mediation, yet {_text(counts)} fired" if counts else None
        taken = self.cases.get(case or "")
        if taken is None:
            return f"takes the case {case!r}, which is not declared" if case else "took none of its declared cases"
        must = taken.must + self.walk if walk else taken.must
        if missing := must - counts:
            return f"case {case}: {_text(missing)} did not fire"
        if not taken.anything and (extra := counts.keys() - must.keys() - taken.may):
            return f"case {case}: {_text(extra)} fired, but is not declared"
        return None


def declared(method: MethodDescriptor) -> Mediation:
    """The mediation option of an rpc, parsed.

    Raises TypeError naming the rpc and the fault: nothing declared, both or no reason, an unknown hook.
    """
    where = f"{method.containing_service.name}/{method.name}"
    option: context_pb2.Mediation = method.GetOptions().Extensions[context_pb2.mediation]  # type: ignore[index]
    if bool(option.cases) == bool(option.none):
        raise TypeError(f"{where}: declares neither cases nor none, or both; declare one of the two")
    names = [case.name for case in option.cases]
    if "" in names or len(set(names)) != len(names):
        raise TypeError(f"{where}: a case has no name, or two have the same")
    cases = {
        case.name: Case(
            Counter(_parsed(text, where) for text in case.must),
            frozenset(_parsed(text, where) for text in case.may if text != "*"),
            "*" in case.may,
        )
        for case in option.cases
    }
    return Mediation(cases, option.none, Counter(_parsed(text, where) for text in option.walk))


def _parsed(text: str, where: str) -> Hook:
    match = _HOOK.fullmatch(text)
    if match is None or match[1] not in HOOKS:
        raise TypeError(f"{where}: {text!r} is not `hook(role)` with a hook of lsm/hooks.py")
    return match[1], match[2]


def _text(hooks: Counter[Hook] | set[Hook]) -> str:
    return ", ".join(f"{hook}({role})" for hook, role in sorted(hooks))
