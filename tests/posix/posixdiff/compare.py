"""A sequence on both, up to the first difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from posixdiff import rules
from posixdiff.reference import Reference
from posixdiff.replica import Replica
from posixdiff.rules import Difference
from posixdiff.state import Snapshot, Times, described
from posixdiff.steps import Step


@dataclass(frozen=True, slots=True)
class Divergence:
    """The step (its number and itself) after which the two differ, and in what: (what, local, cluster)."""

    number: int
    step: Step
    what: tuple[Difference, ...]

    def __str__(self) -> str:
        lines = [f"  {what}:\n    local   {local}\n    cluster {cluster}" for what, local, cluster in self.what]
        return f"step {self.number + 1}: {self.step}\n" + "\n".join(lines)

    @property
    def kind(self) -> tuple[str, ...]:
        """What a shorter sequence has to show to show the same: the operation, and what differs."""
        first = self.what[0]
        return (self.step.name, *map(str, first)) if first[0] == "outcome" else (self.step.name, first[0].split()[0])


class Pair:
    """Both sides. While the local one does a sequence in a thread, the cluster does it here."""

    def __init__(self, reference: Reference, replica: Replica) -> None:
        self._reference, self._replica = reference, replica
        self._thread = ThreadPoolExecutor(1)

    def close(self) -> None:
        self._thread.shutdown()

    def run(self, steps: Sequence[Step], *, by_calls: bool = False) -> Divergence | None:
        """From an empty root on. `by_calls`: at the end root looks at everything through the client, too."""
        begun = self._thread.submit(self._reference.run, steps)
        cluster = self._replica.run(steps)
        return next(self._compared(steps, begun.result(), cluster, by_calls), None)

    def _compared(
        self, steps: Sequence[Step], local: list[Any], cluster: list[Any], by_calls: bool
    ) -> Iterator[Divergence]:  # fmt: skip
        times = _times(local[0].state), _times(cluster[0].state)
        late = rules.LateAtime()
        for number, (step, mine, theirs) in enumerate(zip(steps, local[1:], cluster[1:], strict=True)):
            if different := rules.outcomes(step, mine.outcome, theirs.outcome):
                yield Divergence(number, step, (("outcome", *different),))
            late.look(step, theirs)
            found = late.judged(_differences(mine.state, theirs.state, *times), theirs.state)
            found = rules.without_fifo_times(step, found, theirs.state)
            if found := rules.tolerated(step, mine.outcome, found):
                yield Divergence(number, step, tuple(found))
            # What is open is seen when its task acts only.
            times = (
                times[0] | late.kept(times[0], mine.state, theirs.state),
                times[1] | late.kept(times[1], theirs.state, theirs.state),
            )
        if by_calls:
            told = self._replica.seen_by_root()
            named = {path: seen for path, seen in local[-1].state.items() if path in told}
            if found := late.judged(_differences(named, told, *times), told):
                yield Divergence(len(steps) - 1, steps[-1], tuple(found))


def _times(snapshot: Snapshot) -> Mapping[Any, Times]:
    return {seen.ident: seen.times for seen in snapshot.values()}


def _differences(
    local: Snapshot, cluster: Snapshot, before: Mapping[Any, Times], cluster_before: Mapping[Any, Times]
) -> list[Difference]:  # fmt: skip
    # ext4 gives an inode's number to the next one, maybe in the same tick of its clock; a FID never comes back.
    new = {seen.ident for path, seen in local.items() if path in cluster and cluster[path].ident not in cluster_before}
    mine = described(local, {ident: times for ident, times in before.items() if ident not in new})
    theirs = described(cluster, cluster_before)
    found: list[Difference] = []
    for path in sorted({*mine, *theirs}):
        if path not in mine or path not in theirs:
            found.append((f"existence of {path}", path in mine, path in theirs))
        elif mine[path] != theirs[path]:
            facts = mine[path].items()
            found += [(f"{n} of {path}", value, theirs[path][n]) for n, value in facts if value != theirs[path][n]]
    return found
