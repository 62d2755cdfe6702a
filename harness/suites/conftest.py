"""Collects the suites of this folder: their files are named for what they are about, not for pytest's pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import suites

pytest.register_assert_rewrite(*(f"harness.suites.{name}" for name in suites.SUITES))


@pytest.fixture(scope="module", autouse=True)
def labelled(labelproof_cluster: Any) -> None:
    """Every suite is about labels: without a policy there are none."""
    if labelproof_cluster.policy is None:
        pytest.skip(f"nothing is labelled: SELinux is {labelproof_cluster.spec.mode}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A suite found in the folder; one that is named on the command line pytest collects by itself."""
    named = parent.session.isinitpath(file_path)
    if named or file_path not in map(suites.path_of, suites.SUITES):
        return None
    module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
    return module
