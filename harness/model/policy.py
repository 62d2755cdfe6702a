"""The second opinion on a policy: access vectors by libsepol itself, everything else from the CIL text.

A node's state of enforcement is a Mode; decisions are asked under one (security/selinux/ss/services.c,
context_struct_compute_av; security/selinux/avc.c, avc_denied and avc_has_extended_perms).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sepol
from harness.model import cil, context
from harness.model.xperms import Commands, Ruling

_IOCTL = frozenset({"ioctl"})


@dataclass(frozen=True, slots=True)
class Mode:
    """What a node enforces at a moment, as its last `policy` event said."""

    digest: str
    enforcing: bool = True
    booleans: tuple[tuple[str, bool], ...] = ()
    seqno: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """The answer to one query. `denied` holds the missing permissions; a denial of the `hushed` ones is not audited.

    `by_command`: the rules on extended permissions leave the command of this ioctl out.
    """

    allowed: bool
    denied: frozenset[str]
    permissive: bool
    hushed: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    by_command: bool = False

    @property
    def line(self) -> frozenset[str]:
        """The permissions in the AVC line; empty: no line (security/selinux/include/avc.h, avc_audit_required)."""
        return self.denied - self.hushed if self.denied else self.told


class Policy:
    """One policy. Decisions are cached per (source, target, class, booleans); the worker starts at the first one."""

    def __init__(self, binary: bytes, text: str | None = None, *, name: str = "policy") -> None:
        """`text` is the flattened CIL, made from the binary where it is None. Raises what `sepol.flatten` raises."""
        self.name = name
        flat = sepol.flatten(binary, name=name).cil if text is None else text
        self.facts = cil.read(flat)
        self._commands = Commands(flat)
        self._binary = binary
        self._worker: sepol.Worker | None = None
        self._booleans: tuple[tuple[str, bool], ...] = ()
        self._answers: dict[tuple[str, str, str, tuple[tuple[str, bool], ...]], sepol.Answer | None] = {}
        self._canonical: dict[str, str | None] = {}

    def booleans(self, changed: Mapping[str, bool] | None = None) -> tuple[tuple[str, bool], ...]:
        """All booleans, sorted, as they stand when those in `changed` are set."""
        return tuple(sorted((self.facts.booleans | dict(changed or {})).items()))

    def access(
        self,
        scontext: str,
        tcontext: str,
        tclass: str,
        requested: Iterable[str],
        mode: Mode,
        command: int | None = None,
    ) -> Access:
        """The decision on one query, with permissive types and mode and handle_unknown; of an ioctl, on its command."""
        asked = frozenset(requested)
        granted, hushed, told = self._vectors(scontext, tcontext, tclass, asked, mode)
        ruling = None if command is None else self.ruling(scontext, tcontext, tclass, command, mode)
        if ruling is not None:
            granted -= frozenset() if ruling.allowed else _IOCTL
            hushed |= _IOCTL if ruling.hushed else frozenset()
            told -= frozenset() if ruling.told else _IOCTL
        denied = asked - granted
        permissive = not mode.enforcing or self.is_permissive(scontext)
        by_command = ruling is not None and not ruling.allowed
        return Access(not denied or permissive, denied, permissive, hushed & denied, told, by_command)

    def hushes(self, scontext: str, tcontext: str, tclass: str, permission: str, mode: Mode) -> bool:
        """Whether a denial of the permission would not be audited, granted or not (avc_audit_required, auditdeny)."""
        return permission in self._vectors(scontext, tcontext, tclass, frozenset({permission}), mode)[1]

    def ruling(self, scontext: str, tcontext: str, tclass: str, command: int, mode: Mode) -> Ruling | None:
        """What the rules on extended permissions say of the command of an ioctl; None: `ioctl` alone counts."""
        source, target = self._type_of(scontext), self._type_of(tcontext)
        return self._commands.ruling(source, target, tclass, command, dict(mode.booleans))

    def decide(
        self, queries: Sequence[tuple[str, str, str]], booleans: Mapping[str, bool] | None = None
    ) -> list[sepol.Answer | None]:
        """libsepol's answers to (source, target, class) each, all in one go; booleans as the policy has them, but for
        these. Raises KeyError for a boolean that it does not have."""
        return self._asked(self.booleans(booleans)).decide(queries)

    def ask_ahead(self, queries: Iterable[tuple[str, str, str]], mode: Mode) -> None:
        """Asks libsepol at once what `access` will want to know of (source, target, class), unknown ones too."""
        new = [query for query in dict.fromkeys(queries) if (*query, mode.booleans) not in self._answers]
        if not new:
            return
        for query, answer in zip(new, self._asked(mode.booleans).decide(new), strict=True):
            self._answers[(*query, mode.booleans)] = answer

    def reasons(self, scontext: str, tcontext: str, tclass: str, denied: Iterable[str], mode: Mode) -> frozenset[str]:
        """Why libsepol denies: of te, constraint, rbac, bounds; `te` for a class or permission it does not know."""
        known = frozenset(denied) & self.facts.perms.get(tclass, frozenset())
        if not known:
            return frozenset({"te"})
        try:
            return self._asked(mode.booleans).explain(scontext, tcontext, tclass, sorted(known)).causes
        except ValueError:
            return frozenset({"te"})

    def is_permissive(self, scontext: str) -> bool:
        """Whether the context's type is a permissive domain."""
        return self._type_of(scontext) in self.facts.permissive

    def validatetrans(self, old: str, new: str, task: str, tclass: str) -> bool:
        """Whether an object of the class may go from the old label to the new one at the hands of the task."""
        return self._asked(self._booleans).validatetrans([(old, new, task, tclass)])[0]

    def parse(self, text: str) -> context.Context | None:
        """The context, or None where it has not the shape of one in this policy; validity is not asked."""
        parts = context.split(text)
        if parts is None or (parts[3] is None) == self.facts.mls:
            return None
        try:
            span = self.facts.levels.parse(parts[3]) if parts[3] is not None else None
        except (KeyError, ValueError):
            return None
        return context.Context(parts[0], parts[1], self._type(parts[2]), span)

    def text(self, value: context.Context) -> str:
        """The canonical text of a context."""
        head = f"{value.user}:{value.role}:{value.type}"
        return head if value.range is None else f"{head}:{self.facts.levels.text(value.range)}"

    def canonical(self, text: str) -> str | None:
        """The text as the kernel would print it back, or None for a context that is not valid in the policy."""
        if text not in self._canonical:
            parsed = self.parse(text)
            found = self.text(parsed) if parsed else None
            valid = found is not None and self._asked(self._booleans).check_contexts([found])[0]
            self._canonical[text] = found if valid else None
        return self._canonical[text]

    def initial_sid(self, name: str) -> str | None:
        """The context of an initial SID (kernel, unlabeled, file ...), or None if the policy gives it none."""
        found = self.facts.initial_sids.get(name)
        return self.text(found) if found else None

    def fs_label(self, filesystem: str) -> str | None:
        """The label of a superblock of that type: fs_use, else genfscon "/", else unlabeled (security_fs_use)."""
        kind = self.facts.fs_use.get(filesystem)
        return self.text(kind[1]) if kind else self.initial_sid("unlabeled")

    def close(self) -> None:
        """End the worker; the next decision starts another."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _type(self, name: str) -> str:
        return self.facts.aliases.get(name, name)

    def _type_of(self, text: str) -> str:
        parts = context.split(text)
        return self._type(parts[2]) if parts else ""

    def _vectors(
        self, scontext: str, tcontext: str, tclass: str, asked: frozenset[str], mode: Mode
    ) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """What is granted, what is not audited if it is denied, and what of `asked` is audited if it is granted.

        What the policy does not have and allows is not audited (security/selinux/ss/services.c, map_decision).
        """
        answer = self._answer(scontext, tcontext, tclass, mode.booleans)
        known = self.facts.perms.get(tclass, frozenset())
        unknown = asked - known if self.facts.handle_unknown == "allow" else frozenset[str]()
        if answer is None:
            return unknown, frozenset(), frozenset()
        return answer.allowed | unknown, (known - answer.auditdeny) | unknown, asked & answer.auditallow

    def _answer(
        self, scontext: str, tcontext: str, tclass: str, booleans: tuple[tuple[str, bool], ...]
    ) -> sepol.Answer | None:
        key = (scontext, tcontext, tclass, booleans)
        if key not in self._answers:
            self._answers[key] = self._asked(booleans).decide([key[:3]])[0]
        return self._answers[key]

    def _asked(self, booleans: tuple[tuple[str, bool], ...]) -> sepol.Worker:
        """The worker with these booleans set; one worker serves all states, and is moved from one to the next."""
        if self._worker is None:
            self._worker = sepol.Worker(self._binary, booleans=dict(booleans), name=self.name)
        elif booleans != self._booleans:
            self._worker.set_booleans(self.facts.booleans | dict(booleans))
        self._booleans = booleans
        return self._worker


class PolicySource(Protocol):
    """Where the judges find the policies that a history names."""

    def policy(self, digest: str) -> Policy | None:
        """The policy, or None if it is not there: what depends on it is then `unknown`."""


class Held:
    """Policies in memory, by digest."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._policies = dict(policies)

    def policy(self, digest: str) -> Policy | None:
        return self._policies.get(digest)


class Stored:
    """The policies in a run's folder: `policy/<digest>.bin`, and `.cil` beside it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's own."""
        self._folder = folder / "policy"
        self._loaded: dict[str, Policy | None] = {}

    def policy(self, digest: str) -> Policy | None:
        """Raises OSError for a file that cannot be read, sepol.PolicyError for a damaged policy."""
        if digest not in self._loaded:
            self._loaded[digest] = self._load(digest)
        return self._loaded[digest]

    def close(self) -> None:
        """End the workers."""
        for policy in self._loaded.values():
            if policy is not None:
                policy.close()

    def _load(self, digest: str) -> Policy | None:
        binary, text = self._folder / f"{digest}.bin", self._folder / f"{digest}.cil"
        if not digest.isalnum() or not binary.exists():
            return None
        cil_text = text.read_text(encoding="utf-8") if text.exists() else None
        return Policy(binary.read_bytes(), cil_text, name=binary.name)
