"""A cluster whose clients drive load themselves, and the echo beside it."""

import time

from harness.bench.clusters import LEAD_NS, Clusters


def test_clients_begin_together_and_are_timed_as_one() -> None:
    """An operation's rpcs are found; every client does its share from the appointed time on, of the echo's too."""
    with Clusters(2) as clusters:
        driven = clusters.driven("enforcing")
        waves = driven.rpcs("stat")
        begun = time.monotonic_ns()
        both = driven.bench("stat", 2, 3)
        took_s = (time.monotonic_ns() - begun) / 1e9
        echoed = driven.echo(clusters.echo, waves, 2, 3)
        events = [told["end_ns"] > told["begin_ns"] for told in driven._ask(
            "bench", 2, operation="read 1 MiB", count=1, start_ns=0
        )]  # fmt: skip

    assert len(waves) == 2
    assert 0 < both.seconds < took_s - LEAD_NS / 1e9
    assert echoed.seconds > 0
    assert events == [True, True]
