"""Policies to ask about: our own, variations of them, and Debian's where they were built."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import policies
from harness.policy import Policy
from harness.policytools.loaded import Loaded


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all: a policy is compiled and flattened once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def targeted(cache: Path) -> Iterator[Loaded]:
    """Our own policy `targeted`."""
    with Loaded.of("targeted", cache) as loaded:
        yield loaded


@pytest.fixture
def varied(cache: Path) -> Iterator[Callable[..., Loaded]]:
    """`targeted` with statements more, or with one of its lines replaced."""
    made: list[Loaded] = []

    def vary(*statements: str, without: str = "", instead: str = "") -> Loaded:
        files = dict(policies.source("targeted"))
        if without:
            (home,) = (name for name, text in files.items() if without in text)
            files[home] = files[home].replace(without, instead)
        files["more.cil"] = "\n".join(statements)
        made.append(Loaded(Policy.compile(files, "varied", cache=cache)))
        return made[-1]

    yield vary
    for loaded in made:
        loaded.close()
