"""What every benchmark has at hand, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.bench.clusters import Clusters
from harness.bench.measure import Effort, Ratio, Samples


@dataclass(frozen=True, slots=True)
class Bench:
    """The clusters that run, and how much is to be measured."""

    clusters: Clusters
    effort: Effort
    # Takes the reason why something is not measured.
    skip: Callable[[str], None] = lambda _reason: None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: seconds for one repetition of `case` on `system`, and how fast that is against others.

    `ratios` maps the name of another system to the speed of this one beside it. `aim`: what is hoped for, by system.
    `note` says what one repetition was.
    """

    case: str
    system: str
    seconds: Samples
    ratios: dict[str, Ratio]
    aim: dict[str, float]
    note: str = ""


def row(
    case: str,
    system: str,
    samples: Mapping[str, Samples],
    *,
    beside: Iterable[str] | None = None,
    aim: dict[str, float] | None = None,
    note: str = "",
) -> Row:
    """The row of `system` against those `beside` it: None, every other that took turns with it."""
    names = [name for name in (samples if beside is None else beside) if name != system]
    ratios = {name: Ratio.of(samples[system], samples[name]) for name in names}
    return Row(case, system, samples[system], ratios, aim or {}, note)
