"""A long history made of a short one is as valid as the short one."""

from pathlib import Path

import pytest

import sepol
from harness import checkers
from harness.bench import tiles
from harness.bench.tracing import Waves
from harness.model.policy import Stored

pytestmark = pytest.mark.skipif(bool(sepol.available()), reason="the judges need libsepol")


def test_a_tiled_history_is_judged_valid(tmp_path: Path) -> None:
    """Three repetitions give three times the decisions, no index twice, and no finding."""
    recorded = tiles.record(tmp_path)
    events = [event for part in recorded.slices(3 * len(recorded.work)) for event in part]
    policies = Stored(tmp_path)
    judge = checkers.Judge(policies)
    judge.feed(events)
    verdicts = {verdict.checker: verdict.valid for verdict in judge.verdicts()}
    policies.close()

    assert len(events) >= 3 * len(recorded.work)
    assert len({(event["n"], event["i"]) for event in events}) == len(events)
    assert judge.drain() == []
    assert verdicts["propagation"] == verdicts["mediation"] == verdicts["identity"] == "valid"


def test_waves_are_written_and_read() -> None:
    """Rpcs that are under way together stay together."""
    waves = Waves([[(120, 64)], [(80, 300), (80, 301)]])

    assert waves.text() == "120:64 80:300,80:301"
    assert Waves.parse(waves.text()).sizes == waves.sizes
    assert len(waves) == 3
