"""Runs to be killed: how many, and from which seed the moments are drawn.

`pytest tests/killed --kills N --kills-seed S`; in a run of more than this folder LABELPROOF_KILLS and _KILLS_SEED.
"""

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from killing import Ground, Plan

from harness.clusters import RUNTIMES, docker_image, engine
from harness.faults import inside

KILLS, SEED = 3, 1


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("killed")
    group.addoption("--kills", type=int, help=f"how many runs are killed (default {KILLS})")
    group.addoption("--kills-seed", type=int, help=f"where the moments come from (default {SEED})")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "plan" in metafunc.fixturenames:
        seed = _given(metafunc.config, "kills_seed", SEED)
        plans = [Plan.number(number, seed) for number in range(_given(metafunc.config, "kills", KILLS))]
        metafunc.parametrize("plan", plans, ids=str)


@pytest.fixture
def ground(plan: Plan, tmp_path: Path) -> Iterator[Ground]:
    """A user's project with tests on that runtime; whatever is started in it bears a mark."""
    if reason := RUNTIMES[plan.runtime]().available() or inside.missing(*inside.TOOLS):
        pytest.skip(reason)
    if plan.runtime == "docker":
        docker_image.ready(engine.connect(), tmp_path)
    made = Ground(tmp_path, plan, str(uuid.uuid4()))
    yield made
    made.end()


def _given(config: pytest.Config, name: str, default: int) -> int:
    given: int | None = config.getoption(f"--{name.replace('_', '-')}", None)
    return int(os.environ.get(f"LABELPROOF_{name.upper()}", default)) if given is None else given
