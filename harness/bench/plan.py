"""The benchmarks by name, and what they give: rows of figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.bench import avc, boot, clean, judging, modules, operations, recording, workers
from harness.bench.bench import Bench, Row

__all__ = ["BENCHMARKS", "Benchmark", "Row"]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`run` gives its rows one after the other, as they are measured."""

    title: str
    run: Callable[[Bench], Iterator[Row]]


BENCHMARKS: dict[str, Benchmark] = {
    "operations": Benchmark("operations: enforcing against capability only and a bare gRPC echo", operations.run),
    "recording": Benchmark("the history: recording on against off", recording.run),
    "avc": Benchmark("one decision: hit and miss against libsepol", avc.run),
    "modules": Benchmark("one mediated operation, by registered modules and hooks", modules.run),
    "judging": Benchmark("events judged a second, by the length of the history", judging.run),
    "boot": Benchmark("a cluster ready: containers against trivial ones, namespaces against processes", boot.run),
    "clean": Benchmark("a used cluster clean for the next test", clean.run),
    "workers": Benchmark("all suites: two workers against one", workers.run),
}
