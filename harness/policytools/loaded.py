"""A policy as the tools use it: tables for looking through, libsepol for decisions, the model for labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from harness import choices
from harness.model.policy import Policy as Model
from harness.policy import Policy
from lsm.modules.selinux.policy import Policy as Tables

FILE_CLASSES = ("file", "dir", "lnk_file", "chr_file", "blk_file", "fifo_file", "sock_file")


@dataclass(frozen=True, slots=True)
class Query:
    """One question: may `source` do all of `perms` to `target` as an object of class `tclass`?"""

    source: str
    target: str
    tclass: str
    perms: frozenset[str]

    @classmethod
    def of(cls, source: str, target: str, tclass: str, perms: str) -> Self:
        """`perms` in one text, with blanks between them."""
        return cls(source, target, tclass, frozenset(perms.split()))


class Loaded:
    """A policy; what is costly is made at first use. Close it, or use it as a context manager: libsepol is a child."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @classmethod
    def of(cls, name: str, cache: Path) -> Self:
        """One of our own by its name, or a file. Errors as choices.policy."""
        return cls(choices.policy(name, cache))

    @property
    def name(self) -> str:
        return self.policy.name

    @cached_property
    def tables(self) -> Tables:
        """Types, attributes, rules: for looking through."""
        return Tables.parse(self.policy.cil, self.policy.digest)

    @cached_property
    def model(self) -> Model:
        """Decisions by libsepol, labels of new objects by the judges' own reading."""
        return Model(self.policy.binary, self.policy.cil, name=self.policy.name)

    def missing(self, queries: Iterable[Query], booleans: Mapping[str, bool] | None = None) -> list[frozenset[str]]:
        """Of each query the permissions that are denied; a context or class that is not of the policy denies all.

        handle_unknown is honoured; permissive domains are not, for a denial there is one all the same.
        """
        asked = list(queries)
        answers = self.model.decide([(q.source, q.target, q.tclass) for q in asked], booleans)
        known, lenient = self.model.facts.perms, self.model.facts.handle_unknown == "allow"
        return [
            q.perms - (answer.allowed if answer else frozenset()) - (_unknown(q, known) if lenient else frozenset())
            for q, answer in zip(asked, answers, strict=True)
        ]

    def may(self, source: str, target: str, tclass: str, perms: str) -> bool:
        """Whether all permissions of the text are granted."""
        return not self.missing([Query.of(source, target, tclass, perms)])[0]

    def close(self) -> None:
        """Ends libsepol's child, if there is one."""
        if "model" in self.__dict__:
            self.model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unknown(query: Query, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return query.perms - known.get(query.tclass, frozenset())
