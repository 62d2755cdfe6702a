"""What denied an access, in the words of audit2why, and what would allow it.

The causes are libsepol's own (sepol_compute_av_reason_buffer), put in order as audit2why does (libselinux,
src/audit2why.c, analyze): a missing allow rule before constraints, those before role allows, those before bounds.
COMMAND is ours: libsepol's vectors know nothing of the commands of an ioctl, so that audit2why calls it allowed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import sepol
from harness.model import context
from harness.model.policy import Mode, Policy
from harness.why.rules import Rules

Name = Literal["ALLOW", "DONTAUDIT", "TERULE", "BOOLEAN", "CONSTRAINT", "RBAC", "BOUNDS", "COMMAND"]
_WORD = re.compile(r"[^\s()]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """`name` as audit2why has it; `because` are sentences with the rules; `remedy` what would allow it, in TE."""

    name: Name
    because: tuple[str, ...]
    remedy: tuple[str, ...]
    booleans: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked and denied: `perms` are the missing permissions, `command` is that of an ioctl asked for by it."""

    scontext: str
    tcontext: str
    tclass: str
    perms: tuple[str, ...]
    command: int | None = None


class Engine:
    """One policy of a run: its rules as text, and libsepol with it."""

    def __init__(self, folder: Path, digest: str) -> None:
        """`folder` is the run's. Raises FileNotFoundError where the run does not hold the policy, sepol.PolicyError."""
        path = folder / "policy" / f"{digest}.bin"
        self._binary = path.read_bytes()
        text = path.with_suffix(".cil")
        self.text = text.read_text(encoding="utf-8") if text.exists() else sepol.flatten(self._binary).cil
        self.model = Policy(self._binary, self.text, name=path.name)
        self.rules = Rules(self.text)
        self._worker: sepol.Worker | None = None
        self._booleans: dict[str, bool] = {}

    def cause(self, query: Query, mode: Mode) -> Cause:
        """Why libsepol denies it under these booleans. Raises ValueError for what is not in the policy."""
        reason = self._explain(query, dict(mode.booleans))
        if not reason.causes and self._left_out(query, mode):
            return self._command(query, mode)
        if not reason.causes:
            return Cause("ALLOW", ("the policy allows this with these booleans",), ())
        if "te" in reason.causes:
            return self._te(query, mode, reason)
        if "constraint" in reason.causes:
            return Cause("CONSTRAINT", self._constraints(query, reason), LABELS)
        if "rbac" in reason.causes:
            return self._rbac(query)
        return self._bounds(query, mode)

    def close(self) -> None:
        self.model.close()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _te(self, query: Query, mode: Mode, reason: sepol.Reason) -> Cause:
        because = [f"no rule `{_allow(query)}` is in force"]
        because += [f"conditional, not in force: {rule}" for rule in self._conditional(query)]
        if "constraint" in reason.causes:
            because += ["and a constraint would deny it also", *self._constraints(query, reason)]
        if self._left_out(query, mode):
            because += ["and the command would have to be named also", *self._commands(query)]
        if booleans := tuple(self._switches(query, mode)):
            return _switched(because, booleans)
        hushed = self.rules.access("dontaudit", *_types(query), query.tclass, query.perms)
        answer = self.model.access(query.scontext, query.tcontext, query.tclass, query.perms, mode)
        if answer.hushed:
            because += [f"and not audited: {rule}" for rule in hushed]
            return Cause("DONTAUDIT", tuple(because), self._rules_to_add(query, mode))
        return Cause("TERULE", tuple(because), self._rules_to_add(query, mode))

    def _command(self, query: Query, mode: Mode) -> Cause:
        narrowed = (
            f"ioctl is allowed, but only with the commands that rules name, and {query.command:#x} is none of them"
        )
        because = [narrowed, *self._commands(query)]
        if booleans := tuple(self._switches(query, mode)):
            return _switched(because, booleans)
        return Cause("COMMAND", tuple(because), (_allow_command(query),))

    def _rules_to_add(self, query: Query, mode: Mode) -> tuple[str, ...]:
        """As `audit2allow -x`, which adds the rule on the command too."""
        return (_allow(query), _allow_command(query)) if self._left_out(query, mode) else (_allow(query),)

    def _left_out(self, query: Query, mode: Mode) -> bool:
        """Whether rules speak of the commands of this ioctl, and none of them allows its own."""
        if query.command is None:
            return False
        ruling = self.model.ruling(query.scontext, query.tcontext, query.tclass, query.command, mode)
        return ruling is not None and not ruling.allowed

    def _commands(self, query: Query) -> list[str]:
        kinds = ("allowx", "dontauditx")
        return [str(rule) for kind in kinds for rule in self.rules.commands(kind, *_types(query), query.tclass)]

    def _constraints(self, query: Query, reason: sepol.Reason) -> tuple[str, ...]:
        lines = tuple(f"denied by: {line}" for line in reason.constraints)
        contexts = f"source (1) is {query.scontext}, target (2) is {query.tcontext}"
        return (*lines, contexts) if lines else (f"a constraint on {query.tclass}; {contexts}",)

    def _rbac(self, query: Query) -> Cause:
        old, new = (text.split(":")[1] for text in (query.scontext, query.tcontext))
        allowed = ", ".join(self.rules.role_allows(old)) or "none"
        because = (f"no role allow from {old} to {new}: {old} may change to {allowed}",)
        return Cause("RBAC", because, (f"allow {old} {new};",))

    def _bounds(self, query: Query, mode: Mode) -> Cause:
        """The bounding type is denied it for a reason of its own, which is what has to be mended."""
        source, target = _types(query)
        parent = self.rules.bounds(source)
        if parent is None:
            return Cause("BOUNDS", (f"the type that bounds {target} is denied it",), ())
        because = f"{source} is bounded by {parent} (typebounds {parent} {source}), which is denied it"
        try:
            above = self.cause(self._above(query, parent), mode)
        except ValueError:  # the bounding type may not stand in such a context
            return Cause("BOUNDS", (because,), (f"allow {parent} {target}:{query.tclass} {_set(query.perms)};",))
        return Cause("BOUNDS", (because, *above.because), above.remedy, above.booleans)

    def _above(self, query: Query, parent: str) -> Query:
        """The same for the bounding type; a target that is bounded is judged as what bounds it
        (security/selinux/ss/services.c, type_attribute_bounds_av)."""
        target = _types(query)[1]
        ends = _retyped(query.scontext, parent), _retyped(query.tcontext, self.rules.bounds(target) or target)
        return replace(query, scontext=ends[0], tcontext=ends[1])

    def _conditional(self, query: Query) -> list[str]:
        found = self.rules.access("allow", *_types(query), query.tclass, query.perms)
        return [str(rule) for rule in found if rule.condition is not None]

    def _switches(self, query: Query, mode: Mode) -> Iterator[tuple[str, bool]]:
        """Booleans each of which alone would allow it if it were turned round; others need not be tried."""
        found = self.rules.access("allow", *_types(query), query.tclass, query.perms)
        found += self.rules.commands("allowx", *_types(query), query.tclass) if query.command is not None else ()
        named = {word for rule in found if rule.condition for word in _WORD.findall(rule.condition)}
        values = self.model.facts.booleans | dict(mode.booleans)
        for name in sorted(named & values.keys()):
            turned = values | {name: not values[name]}
            state = replace(mode, booleans=tuple(sorted(turned.items())))
            if not self._explain(query, turned).causes and not self._left_out(query, state):
                yield name, turned[name]

    def _explain(self, query: Query, booleans: dict[str, bool]) -> sepol.Reason:
        wanted = self.model.facts.booleans | booleans
        if self._worker is None:
            self._worker = sepol.Worker(self._binary, booleans=wanted, name="policy")
        elif wanted != self._booleans:
            self._worker.set_booleans(wanted)
        self._booleans = wanted
        return self._worker.explain(query.scontext, query.tcontext, query.tclass, query.perms)


LABELS = ("no allow rule helps: another label or level does, or a type that the constraint exempts",)


def _allow(query: Query) -> str:
    source, target = _types(query)
    return f"allow {source} {'self' if source == target else target}:{query.tclass} {_set(query.perms)};"


def _allow_command(query: Query) -> str:
    return f"{_allow(query).replace('allow', 'allowxperm', 1).removesuffix(';')} {query.command:#x};"


def _switched(because: Sequence[str], booleans: tuple[tuple[str, bool], ...]) -> Cause:
    remedy = tuple(f"setsebool -P {name} {int(value)}" for name, value in booleans)
    return Cause("BOOLEAN", tuple(because), remedy, booleans)


def _set(perms: Collection[str]) -> str:
    return next(iter(perms)) if len(perms) == 1 else f"{{ {' '.join(perms)} }}"


def _retyped(text: str, kind: str) -> str:
    user, role, _, *span = text.split(":", 3)
    return ":".join((user, role, kind, *span))


def _types(query: Query) -> tuple[str, str]:
    source, target = context.split(query.scontext), context.split(query.tcontext)
    if source is None or target is None:
        raise ValueError(f"not contexts: {query.scontext!r}, {query.tcontext!r}")
    return source[2], target[2]
