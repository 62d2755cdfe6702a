"""Node configurations without a cluster around them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters import plan
from harness.clusters.supervisor import Supervisor
from harness.spec import ClusterSpec
from host.config import NodeConfig
from rpc import tls


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor whose nodes are ended when the test is over."""
    found = Supervisor(tmp_path / "logs")
    yield found
    found.stop()


@pytest.fixture
def configs(tmp_path: Path) -> Callable[..., list[NodeConfig]]:
    """Clients, which need no store: `configs(2)`, with changes for all of them."""

    def make(count: int, **changes: object) -> list[NodeConfig]:
        (tmp_path / "data").mkdir()
        spec = ClusterSpec(mode="disabled", client=count)
        runs = plan.Runs("processes", "boot", ephemeral=True)
        made = plan.configs(spec, tmp_path, tmp_path / "data", runs, b"k" * 32, tls.make_ca(spec.name).issue)
        return [replace(config, **changes) for config in made if config.role == "client"]

    return make
