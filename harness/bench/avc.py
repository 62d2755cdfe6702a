"""One access decision: cached, computed by the Python security server, and asked of libsepol in its worker."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import sepol
from harness.bench import measure
from harness.bench.bench import Bench, Row, row
from harness.bench.clusters import POLICY
from harness.policy import Policy
from lsm.avc import Avc
from lsm.modules.selinux.policy import Policy as Rules
from lsm.modules.selinux.server import SecurityServer

BATCH = 1000
_CLASSES = ("file", "dir", "lnk_file", "process", "capability")

Query = tuple[str, str, str]


def run(bench: Bench) -> Iterator[Row]:
    """Rows for a hit and a miss."""
    policy = Policy.own(POLICY)
    queries = _queries(Rules.parse(policy.cil))
    server = SecurityServer(Rules.parse(policy.cil))
    keys = [(server.context_to_sid(s), server.context_to_sid(t), tclass) for s, t, tclass in queries]
    with sepol.Worker(policy.binary) as worker:
        systems = {
            "hit": _each(Avc(server.compute_av, slots=len(keys)).lookup, keys),
            "miss": _each(server.compute_av, keys),
            "libsepol": _each(lambda *query: worker.decide([query]), queries),
            "libsepol, batched": _batched(worker, queries),
        }
        taken = measure.turns(systems, bench.effort)
    note = f"{len(queries)} queries"
    for system in ("hit", "miss"):
        yield row(f"AVC {system}", system, taken, beside=("miss", "libsepol", "libsepol, batched"), note=note)


def _queries(rules: Rules) -> list[Query]:
    """Contexts of the policy's own types against one another: as many as fill a batch."""
    contexts = sorted({f"system_u:object_r:{name}:s0" for name in rules.types})
    found = []
    server = SecurityServer(rules)
    for context in contexts:
        try:
            server.context_to_sid(context)
        except ValueError:
            continue
        found.append(context)
    return list(itertools.islice(itertools.product(found, found, _CLASSES), BATCH))


def _each(ask: Callable[..., object], keys: Sequence[tuple[object, ...]]) -> measure.Run:
    """Asks for the keys in turn."""

    def run(count: int) -> float:
        wanted = list(itertools.islice(itertools.cycle(keys), count))
        begin = time.perf_counter()
        for key in wanted:
            ask(*key)
        return time.perf_counter() - begin

    return run


def _batched(worker: sepol.Worker, queries: list[Query]) -> measure.Run:
    """Asks for whole batches, which a part of one counts as a part of."""

    def run(count: int) -> float:
        batches = max(1, round(count / len(queries)))
        begin = time.perf_counter()
        for _ in range(batches):
            worker.decide(queries)
        return (time.perf_counter() - begin) * count / (batches * len(queries))

    return run
