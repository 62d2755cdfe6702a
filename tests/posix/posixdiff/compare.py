"""A sequence on both, up to the first difference."""

from __future__ import annotations

import errno
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from posixdiff import rules
from posixdiff.reference import Reference
from posixdiff.replica import Replica
from posixdiff.state import Snapshot, Times, described
from posixdiff.steps import Step


@dataclass(frozen=True, slots=True)
class Divergence:
    """The step (its number and itself) after which the two differ, and in what: (what, local, cluster)."""

    number: int
    step: Step
    what: tuple[tuple[str, Any, Any], ...]

    def __str__(self) -> str:
        lines = [f"  {what}:\n    local   {local}\n    cluster {cluster}" for what, local, cluster in self.what]
        return f"step {self.number + 1}: {self.step}\n" + "\n".join(lines)

    @property
    def kind(self) -> str:
        """What a shorter sequence has to show to show the same: the operation, and what differs."""
        return f"{self.step.name} {self.what[0][0].split()[0]} {self.what[0][1:] if self.what[0][0] == 'outcome' else ''}"


class Pair:
    """Both sides."""

    def __init__(self, reference: Reference, replica: Replica) -> None:
        self.reference, self.replica = reference, replica

    def run(self, steps: Sequence[Step]) -> Divergence | None:
        """From an empty root on; the first difference ends it."""
        self.reference.reset()
        self.replica.reset()
        self.reference.begin_state("root")
        times = _times(self.reference.state("root")), _times(self.replica.state("root"))
        local: Snapshot = {}
        late = rules.LateAtime(self.replica.reading, self.replica.mdt.handles.writers)
        for number, step in enumerate(steps):
            outcomes = self._outcomes(step)
            if different := rules.outcomes(step, *outcomes):
                return Divergence(number, step, (("outcome", *different),))
            self.reference.begin_state(step.task)
            cluster = self.replica.state(step.task)
            local = self.reference.state(step.task)
            late.look(cluster)
            differences = late.judged(_differences(local, cluster, *times), cluster)
            if differences := rules.tolerated(step, outcomes[0], differences):
                return Divergence(number, step, tuple(differences))
            # What is open is seen when its task acts only.
            times = times[0] | late.kept(times[0], local, cluster), times[1] | late.kept(times[1], cluster, cluster)
        told = late.judged(_differences(local, told := self.replica.seen_by_root(), *times, only="/"), told)
        return Divergence(len(steps) - 1, steps[-1], tuple(told)) if told else None

    def _outcomes(self, step: Step) -> tuple[tuple[str, Any], tuple[str, Any]]:
        self.reference.begin(step)
        cluster = self.replica.outcome(step)
        return self.reference.outcome(step), cluster


def _times(snapshot: Snapshot) -> dict[Any, Times]:
    return {seen.ident: seen.times for seen in snapshot.values()}


def _differences(
    local: Snapshot, cluster: Snapshot, before: dict[Any, Times], cluster_before: dict[Any, Times], only: str = ""
) -> list[tuple[str, Any, Any]]:  # fmt: skip
    local = {path: seen for path, seen in local.items() if path.startswith(only)}
    mine, theirs = described(local, before), described(cluster, cluster_before)
    found: list[tuple[str, Any, Any]] = []
    for path in sorted({*mine, *theirs}):
        if path not in mine or path not in theirs:
            found.append((f"exists {path}", path in mine, path in theirs))
            continue
        for name, value in mine[path].items():
            if theirs[path][name] != value:
                found.append((f"{name} of {path}", value, theirs[path][name]))
    return found
