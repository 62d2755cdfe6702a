"""What proto/ declares of an rpc's mediation, parsed once, and a call's firings held against it."""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Iterable, Mapping
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

    must: Mapping[Hook, int]
    may: frozenset[Hook]
    anything: bool = False

    def also(self, hooks: Counter[Hook]) -> Case:
        """The case where `hooks` fire besides."""
        return Case(Counter(self.must) + hooks, self.may, self.anything)


@dataclass(frozen=True, slots=True)
class Mediation:
    """The declaration of one rpc: cases by name, `walked` as they are on a walk; or `none` with the reason."""

    cases: Mapping[str, Case]
    none: str
    walked: Mapping[str, Case]

    def finding(self, case: str | None, walk: bool, fired: Mapping[Firing, int]) -> str | None:
        """The sentence that says how the firings break the declaration, or None."""
        # Plain dicts: every step of every call comes by here.
        counts: dict[Hook, int] = {}
        for (hook, role, _), count in fired.items():
            counts[hook, role] = counts.get((hook, role), 0) + count
        if self.none:
            return f"declares no mediation, yet {_text(counts)} fired" if counts else None
        taken = (self.walked if walk else self.cases).get(case or "")
        if taken is None:
            return f"takes the case {case!r}, which is not declared" if case else "took none of its declared cases"
        if missing := [hook for hook, count in taken.must.items() if counts.get(hook, 0) < count]:
            return f"case {case}: {_text(missing)} did not fire"
        if not taken.anything and (extra := [h for h in counts if h not in taken.must and h not in taken.may]):
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
    walk = Counter(_parsed(text, where) for text in option.walk)
    return Mediation(cases, option.none, {name: case.also(walk) for name, case in cases.items()})


def _parsed(text: str, where: str) -> Hook:
    match = _HOOK.fullmatch(text)
    if match is None or match[1] not in HOOKS:
        raise TypeError(f"{where}: {text!r} is not `hook(role)` with a hook of lsm/hooks.py")
    return match[1], match[2]


def _text(hooks: Iterable[Hook]) -> str:
    return ", ".join(f"{hook}({role})" for hook, role in sorted(hooks))
