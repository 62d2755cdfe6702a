"""Our own policies, as compiled, in one cache for all tests here."""

from pathlib import Path

import pytest

from harness import policies
from harness.policy import Policy


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where policies are compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=policies.NAMES)
def policy(request: pytest.FixtureRequest, cache: Path) -> Policy:
    """Each of the two in turn."""
    return Policy.own(request.param, cache=cache)
