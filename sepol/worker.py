"""A child process that decides with libsepol itself, restarted when it dies or wears out."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sepol import frames
from sepol.errors import PolicyError, label
from sepol.process import Child, Died, result_of

_BATCH = 4096  # queries per message: keeps messages small and lets a worn child be replaced in between


@dataclass(frozen=True, slots=True)
class Answer:
    """One access vector, as names of permissions of the class. A denial of what is in ``auditdeny`` is audited."""

    allowed: frozenset[str]
    auditallow: frozenset[str]
    auditdeny: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why permissions are denied: causes among "te", "constraint", "rbac", "bounds" (none: allowed); constraints."""

    causes: frozenset[str]
    constraints: tuple[str, ...]


class Worker:
    """Decisions by libsepol under one policy, one request at a time (thread-safe). A dead child is replaced once."""

    def __init__(self, policy: bytes, *, booleans: Mapping[str, bool] | None = None, name: str = "policy") -> None:
        """Starts the child. Raises Missing, PolicyError, KeyError for an unknown boolean."""
        self._policy = policy
        self._name = name
        self._booleans = dict(booleans or {})
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._closed = False
        self._masks: dict[tuple[str, int], frozenset[str]] = {}
        try:
            self._classes: dict[str, list[str]] = self._ask({"op": "classes"})
        except BaseException:
            self.close()
            raise

    def decide(self, queries: Sequence[tuple[str, str, str]]) -> list[Answer | None]:
        """(scontext, tcontext, tclass) each; None where a context is invalid or the class unknown in the policy."""
        found = self._ask_each("decide", queries)
        return [masks and self._answer(query[2], *masks) for query, masks in zip(queries, found, strict=True)]

    def explain(self, scontext: str, tcontext: str, tclass: str, perms: Sequence[str]) -> Reason:
        """Why any of ``perms`` is denied. Raises ValueError for a context, class or permission not in the policy."""
        ((causes, constraints),) = self._ask_each("explain", [(scontext, tcontext, tclass, list(perms))])
        return Reason(frozenset(causes), tuple(constraints))

    def validatetrans(self, triples: Sequence[tuple[str, str, str, str]]) -> list[bool]:
        """(old, new, task, tclass) each: may an object's context change so? False for what the policy does not know."""
        return self._ask_each("validatetrans", triples)

    def check_contexts(self, contexts: Sequence[str]) -> list[bool]:
        """Whether each context is valid in the policy."""
        return self._ask_each("check", [(context,) for context in contexts])

    def set_booleans(self, booleans: Mapping[str, bool]) -> None:
        """Set these, leave the others. Raises KeyError for an unknown one; then nothing has changed."""
        self._ask({"op": "booleans", "values": dict(booleans)})

    def close(self) -> None:
        """End the child. Later questions raise ValueError."""
        with self._lock:
            self._closed = True
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, tclass: str, *masks: int) -> Answer:
        return Answer(*(self._names(tclass, mask) for mask in masks))

    def _names(self, tclass: str, mask: int) -> frozenset[str]:
        names = self._masks.get((tclass, mask))
        if names is None:
            perms = self._classes[tclass]
            names = frozenset(perm for bit, perm in enumerate(perms) if mask >> bit & 1)
            self._masks[tclass, mask] = names
        return names

    def _ask_each(self, op: str, queries: Sequence[Any]) -> list[Any]:
        answers: list[Any] = []
        for first in range(0, len(queries), _BATCH):
            answers += self._ask({"op": op, "queries": queries[first : first + _BATCH]})
        return answers

    def _ask(self, head: frames.Head) -> Any:
        with self._lock:
            if self._closed:
                raise ValueError(f"{label(self._name)}: the worker is closed")
            result = result_of(self._reply(head), self._name)
            if head["op"] == "booleans":
                self._booleans |= head["values"]
            return result

    def _reply(self, head: frames.Head) -> frames.Head:
        """The answer of the child, or of its replacement: every request may be repeated without harm."""
        try:
            return self._try(head)
        except Died:
            try:
                return self._try(head)
            except Died as death:
                raise PolicyError(
                    f"{label(self._name)}: libsepol {death}, twice; validate the policy or compile it again"
                ) from death

    def _try(self, head: frames.Head) -> frames.Head:
        child = self._child or self._start()
        try:
            reply, _ = child.ask(head)
        except BaseException:  # also a Ctrl-C: the answer under way would be taken for the next one's
            self._drop()
            raise
        if reply.get("worn"):
            self._drop()
        return reply

    def _start(self) -> Child:
        child = Child()
        try:
            reply, _ = child.ask({"op": "start", "booleans": self._booleans}, self._policy)
            result_of(reply, self._name)
        except BaseException:
            child.close()
            raise
        self._child = child
        return child

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
