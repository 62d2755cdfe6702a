"""How many events a second the checkers judge, and whether that stays so as the history grows."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

from harness import checkers
from harness.bench import tiles
from harness.bench.bench import Bench, Row
from harness.bench.measure import Effort, Ratio, Samples
from harness.bench.tiles import Tiles
from harness.model.policy import Stored

SIZES = (10_000, 100_000)
FULL = 1_000_000
ROUNDS = 3
AIM = 0.8


def run(bench: Bench) -> Iterator[Row]:
    """One row for each length. ValueError for a history that the checkers do not find valid."""
    folder = bench.clusters.folder()
    recorded = tiles.record(folder)
    first: Samples | None = None
    for events in _sizes(bench.effort):
        rounds = 1 if events == FULL or bench.effort.quick else ROUNDS
        samples = Samples(tuple(_judged(recorded, Stored(folder), events) for _ in range(rounds)))
        case = f"{events:,} events"
        name = f"{SIZES[0]:,} events"
        ratios = {name: Ratio.of(Samples((samples.median,)), Samples((first.median,)))} if first else {}
        yield Row(
            case, case, samples, ratios, {name: AIM} if first else {}, f"{1 / samples.median:,.0f} events a second"
        )
        first = first or samples


def _sizes(effort: Effort) -> tuple[int, ...]:
    if effort.full:
        return (*SIZES, FULL)
    return (SIZES[0], SIZES[0] * 3) if effort.quick else SIZES


def _judged(recorded: Tiles, policies: Stored, events: int) -> float:
    """Seconds an event, the making of the events not counted."""
    judge = checkers.Judge(policies)
    took, fed = 0.0, 0
    for part in recorded.slices(events):
        gc.collect()
        begin = time.perf_counter()
        judge.feed(part)
        took += time.perf_counter() - begin
        fed += len(part)
    for verdict in judge.verdicts():
        if verdict.valid == "invalid":
            raise ValueError(f"the history to judge is not valid: {verdict.checker}: {verdict.because}")
    policies.close()
    return took / fed
